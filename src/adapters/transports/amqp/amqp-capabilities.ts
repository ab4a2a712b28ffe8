import type { TransportCapabilities } from '../../../application/ports/transport/transport.js';

export const amqpCapabilities: TransportCapabilities = {
  durable: true,
  shared: true,
  returnsUnroutable: true,
  refusesWhenFull: true,
  liveFeed: true,
};
