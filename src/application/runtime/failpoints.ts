/**
 * The named points on the way of a batch and of its events, for whoever has to stop there: the fault tests kill a real worker at each of them.
 * In production nobody listens.
 */
export type Step =
  | 'received'
  | 'decided'
  | 'committed'
  | 'receipted'
  | 'acknowledging'
  | 'acknowledged'
  /** Some of a partition's events have been handed to the broker's channel, none of them is confirmed yet. */
  | 'published'
  /** The confirmed prefix of a partition's events has grown; that is not saved yet. */
  | 'confirmed';

/** Where a worker is: `count` is of the batch's commands, or of the events. */
export interface StepAt {
  partition: number;
  count: number;
}

export interface Failpoints {
  /** May hold the worker up. `published` resolves once what is committed is confirmed. */
  reached(step: Step, at: StepAt & { published: () => Promise<void> }): void | Promise<void>;
  /**
   * Called inside the transaction, right after the commit, and where a confirm arrives: nothing may be awaited there, so it may only
   * block.
   */
  reachedSync(step: Step, at: StepAt): void;
}
