/**
 * Another message core, with its own protocol and guarantees, measured in turns with Parley's W1 on the same
 * PostgreSQL.
 */
export interface Peer {
  /** Its name and version, and the kind of traffic. */
  readonly title: string;
  /** Sends this many messages, whose ids begin with the unique `prefix`. */
  measure(count: number, prefix: string, progress: (delivered: number) => void): Promise<PeerFigures>;
  stop(): Promise<void>;
}

export interface PeerFigures {
  storedPerSecond: number;
  /** Messages delivered to their receivers. */
  dispatchedPerSecond: number;
  /** Milliseconds from sending to delivery under full load. */
  latencyMs: { p50: number; p99: number };
  /** CPU-seconds per million messages, by kind of process. */
  cpu: { service: number; postgres: number; driver: number };
  /** Why the ledger does not close; empty if it does. */
  faults: string[];
}

/** The rounds, in the order of Parley's. */
export interface PeerSeries {
  title: string;
  rounds: PeerFigures[];
}
