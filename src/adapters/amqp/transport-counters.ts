/** What the transport has done quietly, since the process started: for the metrics. */
export interface TransportCounters {
  /** Receipts not sent because the contract does not admit their reply address. */
  receiptsIgnored: number;
  /** Receipts not sent because there was no connection, or too many were waiting for it. */
  receiptsDropped: number;
  /** Ring repairs done by this process. */
  ringRepairs: number;
  /** Subscriptions that ended without having been closed. */
  subscriptionsLost: number;
}

export function newTransportCounters(): TransportCounters {
  return { receiptsIgnored: 0, receiptsDropped: 0, ringRepairs: 0, subscriptionsLost: 0 };
}
