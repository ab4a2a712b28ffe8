/**
 * Which processes read the live feed (live-feed.ts). Workers publish copies only while there is a live reader
 * (`ClusterState.liveReaders`).
 */

/** A reader sends heartbeats at this interval. Workers count it for a few of these intervals after the last one. */
export const LIVE_READER_HEARTBEAT_MS = 1_000;

/** Every method rejects with a `StoreError`. */
export interface LiveReaders {
  /** Records that a reader is alive, by the database's clock. */
  heartbeat(readerId: string): Promise<void>;
  /** Removes a reader. */
  withdraw(readerId: string): Promise<void>;
}
