/** Another message core, with its own protocol and its own promises, measured in turns with Parley's W1 on the same PostgreSQL. */
export interface Peer {
  /** With its version, and what is measured. */
  readonly title: string;
  /** Puts so many messages through, their ids beginning with `prefix` as no others do. */
  measure(count: number, prefix: string, progress: (delivered: number) => void): Promise<PeerFigures>;
  stop(): Promise<void>;
}

export interface PeerFigures {
  storedPerSecond: number;
  /** Messages that their receivers have got. */
  dispatchedPerSecond: number;
  /** From sending to the receiver under full load, in milliseconds. */
  latencyMs: { p50: number; p99: number };
  /** CPU-seconds per million messages, by kind of process. */
  cpu: { service: number; postgres: number; driver: number };
  /** Why its ledger is not closed; empty where it is. */
  faults: string[];
}

/** Its rounds, in Parley's order. */
export interface PeerSeries {
  title: string;
  rounds: PeerFigures[];
}
