import { setTimeout as sleep } from 'node:timers/promises';

const MS_PER_S = 1_000;

/** So many in a second and no more, evenly: what was not used does not add up. */
export class Pace {
  #nextAt = 0;

  /** Null: as fast as it goes. */
  constructor(private readonly perSecond: number | null) {}

  /** Resolves when the next one, or the next so many, may go. */
  async next(count = 1): Promise<void> {
    if (this.perSecond === null) return;
    const now = performance.now();
    const at = Math.max(now, this.#nextAt);
    this.#nextAt = at + (count * MS_PER_S) / this.perSecond;
    if (at > now) await sleep(at - now);
  }
}
