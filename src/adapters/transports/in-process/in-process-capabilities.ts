import type { TransportCapabilities } from '../../../application/ports/transport/transport.js';

export const inProcessCapabilities: TransportCapabilities = {
  durable: false,
  shared: false,
  returnsUnroutable: false,
  refusesWhenFull: false,
  liveFeed: true,
};
