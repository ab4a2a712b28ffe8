import type { Caller } from '../ports/queries/chat-queries.js';

/** A request that has waited this long for a slot of its caller is refused. */
export const SLOT_WAIT_TIMEOUT_MS = 2_000;

interface Turns {
  taken: number;
  /** In the order of arrival. Each is called with whether it got a slot. */
  waiting: Set<(given: boolean) => void>;
}

/**
 * Limits the concurrent requests of each caller, so that expensive requests of one caller delay no other caller.
 * Callers without a request use no memory.
 */
export class CallerSlots {
  private readonly callers = new Map<string, Turns>();

  /** At most `slots` requests of a caller run at a time, and at most `waitingMax` more wait. */
  constructor(
    readonly slots: number,
    private readonly waitingMax: number,
  ) {}

  /**
   * Returns the function that releases the slot, to be called once. Null if no slot was free in time, or if too many
   * requests of this caller are waiting.
   */
  async enter({ tenantId, userId }: Caller): Promise<(() => void) | null> {
    // Neither part contains a space.
    const key = `${tenantId} ${userId}`;
    const turns = this.callers.get(key) ?? { taken: 0, waiting: new Set() };
    if (turns.taken < this.slots) turns.taken += 1;
    else if (turns.waiting.size >= this.waitingMax || !(await waitFor(turns))) return null;
    this.callers.set(key, turns);
    return () => this.leave(key, turns);
  }

  /** Passes the slot to the next waiting request, if there is one. */
  private leave(key: string, turns: Turns): void {
    const [next] = turns.waiting;
    if (next !== undefined) next(true);
    else turns.taken -= 1;
    if (turns.taken === 0) this.callers.delete(key);
  }
}

function waitFor({ waiting }: Turns): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (given: boolean) => {
      clearTimeout(timer);
      waiting.delete(settle);
      resolve(given);
    };
    const timer = setTimeout(() => settle(false), SLOT_WAIT_TIMEOUT_MS);
    waiting.add(settle);
  });
}
