/**
 * How many batches a worker works on at a time. Its partitions take turns, first come, first served; whoever waits gathers meanwhile. Without
 * it, each partition begins a batch as soon as there is one command for it, and all of them are slow together: a batch costs much the same for one
 * command as for twenty.
 *
 * A batch that waits for something else (a lock, a broker that is blocked) gives way after `SLOT_HELD_MAX_MS`, so that a partition never holds up
 * another for longer.
 */
import type { Time } from '../runtime/time.js';

/** A batch that is at it for longer no longer counts: the others need not wait for it. */
export const SLOT_HELD_MAX_MS = 200;

export class BatchSlots {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  /** @param count how many at a time, at least 1 */
  constructor(
    count: number,
    private readonly time: Time,
  ) {
    this.free = count;
  }

  /** Resolves when it is the caller's turn, with what ends it; calling that again does nothing. */
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
