/**
 * Limits how many batches a worker runs at a time. Partitions take turns, first come, first served; commands of waiting
 * partitions gather meanwhile. Without the limit, each partition starts a batch as soon as it has one command, and all
 * batches become slow together: a batch of one command costs nearly as much as a batch of twenty.
 *
 * A batch that waits for something else (a lock, a blocked broker) frees its slot after `SLOT_HELD_MAX_MS`, so that one
 * partition cannot delay another for longer.
 */
import type { Time } from '../runtime/time.js';

/** A batch that runs for longer than this no longer counts, so that other partitions need not wait for it. */
export const SLOT_HELD_MAX_MS = 200;

export class BatchSlots {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  /** @param count the maximum number of concurrent batches, at least 1 */
  constructor(
    count: number,
    private readonly time: Time,
  ) {
    this.free = count;
  }

  /** Resolves when the caller has a slot. The result frees the slot; calling it again does nothing. */
  async enter(): Promise<() => void> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    const held = new AbortController();
    const leave = () => {
      if (held.signal.aborted) return;
      held.abort();
      const next = this.waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    };
    void this.time.pause(SLOT_HELD_MAX_MS, held.signal).then(leave);
    return leave;
  }
}
