import { setTimeout as sleep } from 'node:timers/promises';

const MS_PER_S = 1_000;

/** Allows a fixed number of items per second, evenly spaced. Unused capacity does not accumulate. */
export class RatePacer {
  #nextAt = 0;

  /** Null means no limit. */
  constructor(private readonly perSecond: number | null) {}

  /** Resolves when the next item, or the next `count` items, may start. */
  async next(count = 1): Promise<void> {
    if (this.perSecond === null) return;
    const now = performance.now();
    const at = Math.max(now, this.#nextAt);
    this.#nextAt = at + (count * MS_PER_S) / this.perSecond;
    if (at > now) await sleep(at - now);
  }
}
