/**
 * Where each log consumer is in each partition, and which relay follows for it. This is in the database, so that a
 * consumer and a partition have one owner, and so that a former owner cannot move a cursor.
 */
import type { StartAt } from '../../log-consumer.js';

export interface CursorKey {
  /** Name of the consumer. */
  name: string;
  /** −1: imported chats. */
  partition: number;
}

/** A cursor as its owner knows it. Every write names the epoch, and does nothing if the row has another one. */
export interface OwnedCursor extends CursorKey {
  /** The fencing token. Each take-over and each rebuild raises it. */
  epoch: number;
}

export interface HeldCursor extends OwnedCursor {
  /** Everything up to this position is taken or parked. In partition −1: the number of an import. */
  position: number;
  /** Someone has asked for parked events of this cursor to be delivered again. */
  hasRetries: boolean;
}

/** Where a parked event is. `sequence` is that of the event within an imported chat (partition −1), else 0. */
export interface ParkedPlace {
  position: number;
  sequence: number;
}

/** Names the event and never has its content: an erased text must not survive here. */
export interface ParkedEvent extends CursorKey, ParkedPlace {
  code: string;
  /** Number of failed deliveries. */
  attempts: number;
  parkedAt: Date;
  isRetryRequested: boolean;
}

export interface CursorState extends OwnedCursor {
  position: number;
  /** Null: no relay has a valid lease. */
  owner: string | null;
  /** The last position of the log. In partition −1: the number of the last import. */
  end: number;
  /** Number of positions after the cursor. In partition −1: number of imported chats, counted up to `LAG_CHATS_MAX`. */
  lag: number;
  /** Age of the first event after the cursor, by the database's clock. 0 if there is none, and in partition −1. */
  lagSeconds: number;
  parked: number;
}

/** Imported chats that wait are counted up to this number. */
export const LAG_CHATS_MAX = 10_000;

/** Every method rejects with a `StoreError`. */
export interface EventCursors {
  /** Creates the missing cursors of a consumer: one per partition, and partition −1 if it gets imported chats. */
  create(name: string, start: StartAt, withImports: boolean): Promise<void>;
  /**
   * Records that the relay is alive, renews its leases, releases cursors that are assigned to another live relay, and
   * takes the ones assigned to it that are free or whose lease has ended. Returns the cursors that it has now. A relay
   * gets only cursors of the consumers that it runs; `names` are those.
   */
  tend(relayId: string, names: readonly string[], leaseMs: number): Promise<HeldCursor[]>;
  /** Removes the relay and releases its cursors. */
  leave(relayId: string): Promise<void>;
  /** Moves the cursor forward. Returns false if the epoch is outdated. */
  move(cursor: OwnedCursor, position: number): Promise<boolean>;
  /** Parks an event and moves the cursor to `position`, in one statement. Returns false if the epoch is outdated. */
  park(cursor: OwnedCursor, place: ParkedPlace, code: string, position: number): Promise<boolean>;

  /** Parked events whose delivery was requested again, in order, at most `limit`. */
  retries(cursor: CursorKey, limit: number): Promise<ParkedPlace[]>;
  /** Removes a parked event that is settled, or records that it failed again. False if the epoch is outdated. */
  settleRetry(cursor: OwnedCursor, place: ParkedPlace, failedWith: string | null): Promise<boolean>;

  /** All cursors, by name and partition. */
  states(): Promise<CursorState[]>;
  /** Parked events of a consumer, by partition and position, at most `limit`. */
  parked(name: string, limit: number): Promise<ParkedEvent[]>;
  /** Requests that all parked events of a consumer are delivered again. Returns their number. */
  requestRetry(name: string): Promise<number>;
  /**
   * Sets all cursors of a consumer to the beginning under a raised epoch, without an owner, and deletes what it has
   * parked. Returns the number of cursors; 0 if there is no such consumer.
   */
  rebuild(name: string): Promise<number>;
}
