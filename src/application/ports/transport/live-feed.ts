/**
 * The live feed: copies of events for processes that push them to connected users (`LiveReaders`). It makes delivery
 * fast and not reliable: any copy may be lost. A reader finds what it lacks by the positions, and reads it from the
 * event log. Publishing to the dispatch queues does not depend on it.
 */

/** Consecutive events of one partition, rendered as for dispatch. */
export interface LiveBatch {
  partition: number;
  /** Position of the first event in the log. Each further event has the next position. */
  position: number;
  /** `OutgoingEvent.body` of each event. At least one. */
  bodies: readonly Uint8Array[];
}

export interface LiveEvent {
  partition: number;
  /** The position in the log, by which readers drop repeats and find gaps. */
  position: number;
  /** The bytes that dispatch gets: a CloudEvent with its recipients. */
  body: Uint8Array;
}

export interface LivePublisher {
  /** Best effort: never throws and never waits. Copies that the transport cannot take now are dropped. */
  publish(batch: LiveBatch): void;
}

/** Handlers must not throw or reject. */
export interface LiveHandlers {
  /**
   * Called for each copy. Within a partition copies come in order of publishing. Positions may be missing, and may come
   * again after a take-over. The next copy comes when the returned promise has resolved. Meanwhile a bounded number of
   * copies waits; the oldest are dropped for newer ones.
   */
  onEvent(event: LiveEvent): Promise<void> | undefined;
  /**
   * The subscription has ended without a call of `close`: its connection or queue was lost. Called once, and no copy
   * follows. The reader must subscribe again and read what it lacks from the log.
   */
  onLost(cause: Error): void;
}

export interface LiveSubscription {
  close(): Promise<void>;
}

/** Numbers of copies since the start of the process. */
export interface LiveCounters {
  /** Handed to the transport. It may still lose them. */
  sent: number;
  /** Dropped, because the transport could not take them. */
  dropped: number;
}

export interface LiveFeed extends LivePublisher {
  readonly counters: Readonly<LiveCounters>;
  /**
   * Subscribes to the copies of all partitions from now on. No handler is called before this resolves. Rejects while
   * there is no connection.
   */
  subscribe(handlers: LiveHandlers): Promise<LiveSubscription>;
}
