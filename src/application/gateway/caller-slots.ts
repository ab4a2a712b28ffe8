import type { Caller } from '../ports/chat-queries.js';

/** A request waits so long for one of its caller's slots, then it is refused. */
export const SLOT_WAIT_TIMEOUT_MS = 2_000;

interface Turns {
  taken: number;
  /** In the order in which they came. Each is told whether it has got a slot. */
  waiting: Set<(given: boolean) => void>;
}

/**
 * How many requests of one caller are worked on at a time: one who asks for what is expensive waits for themselves.
 * Keeps nothing of callers
 * who have no request in hand.
 */
export class CallerSlots {
  private readonly callers = new Map<string, Turns>();

  /** At most `slots` of a caller's requests are in hand, and at most `waitingMax` more wait. */
  constructor(
    readonly slots: number,
    private readonly waitingMax: number,
  ) {}

  /**
   * The slot's release, to be called once; null: none was free in time, or too many requests of this caller wait
   * already.
   */
  async enter({ tenantId, userId }: Caller): Promise<(() => void) | null> {
    // A space occurs in neither part.
    const key = `${tenantId} ${userId}`;
    const turns = this.callers.get(key) ?? { taken: 0, waiting: new Set() };
    if (turns.taken < this.slots) turns.taken += 1;
    else if (turns.waiting.size >= this.waitingMax || !(await waitFor(turns))) return null;
    this.callers.set(key, turns);
    return () => this.leave(key, turns);
  }

  /** A slot that somebody waits for passes on; it is not free in between. */
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
