import type { TransportCounters } from '../../../application/ports/transport/transport.js';

export function newTransportCounters(): TransportCounters {
  return { receiptsIgnored: 0, receiptsDropped: 0, routingRepairs: 0, subscriptionsLost: 0 };
}
