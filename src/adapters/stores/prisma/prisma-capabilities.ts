import type { StoreCapabilities } from '../../../application/ports/store/store-capabilities.js';

export const prismaCapabilities: StoreCapabilities = {
  durable: true,
  shared: true,
  search: true,
};
