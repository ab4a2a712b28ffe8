/**
 * Named points in the processing of a batch and its events. The fault tests kill a real worker at each of them. No
 * failpoint is set in production.
 */
export type Step =
  | 'received'
  | 'decided'
  | 'committed'
  | 'receipted'
  | 'acknowledging'
  | 'acknowledged'
  /** Some events of a partition have been passed to the broker's channel, and none of them is confirmed yet. */
  | 'published'
  /** The confirmed prefix of a partition's events has grown and is not saved yet. */
  | 'confirmed';

/** Where a worker is. `count` is the number of the batch's commands, or of the events. */
export interface StepAt {
  partition: number;
  count: number;
}

/** Named points of a relay: events are read; they are in the sink; the cursor has moved. */
export type RelayStep = 'relay-read' | 'relay-delivered' | 'relay-moved';

export interface Failpoints {
  /** May delay the worker. `published` resolves when everything committed so far is confirmed. */
  reached(step: Step, at: StepAt & { published: () => Promise<void> }): void | Promise<void>;
  /**
   * Called inside the transaction, right after the commit, and when a confirm arrives. These places cannot await, so
   * the call may only block.
   */
  reachedSync(step: Step, at: StepAt): void;
  /** May delay a relay. */
  relayReached?(step: RelayStep, at: StepAt): void | Promise<void>;
}
