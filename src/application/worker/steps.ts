/**
 * The named points on a batch's way, for whoever has to stop there: the fault tests kill a real worker at each of them. In production nobody
 * listens.
 */
export type Step = 'received' | 'decided' | 'committed' | 'receipted' | 'acknowledging' | 'acknowledged';

export interface StepListener {
  /** May hold the worker up. At `acknowledging`, `published` resolves once the batch's events are confirmed. */
  reached(
    step: Step,
    at: { partition: number; commands: number; published: () => Promise<void> },
  ): void | Promise<void>;
  /** Called inside the transaction and right after the commit, where nothing may be awaited: may only block. */
  reachedSync(step: Step, at: { partition: number; commands: number }): void;
}
