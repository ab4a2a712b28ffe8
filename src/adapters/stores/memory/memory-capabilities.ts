import type { StoreCapabilities } from '../../../application/ports/store/store-capabilities.js';

export const memoryCapabilities: StoreCapabilities = {
  durable: false,
  shared: false,
  search: true,
};
