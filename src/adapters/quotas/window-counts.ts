/** Windows that are over and dropped for each new one: more than one, so that they become fewer, and few, so that no turn is long. */
const DROPPED_PER_WINDOW = 8;

interface Window {
  endsAt: number;
  count: number;
}

/**
 * One quota's counts: for each key a window, which begins with the first command and ends with its time. Every command is counted here, so it is a
 * look into a map, without a timer or a promise.
 */
export class WindowCounts {
  /** In the order in which the windows began; some of the first are over. */
  private readonly windows = new Map<string, Window>();

  /** `keysMax`: above so many the oldest window is dropped before its time, and its key begins anew. */
  constructor(
    private readonly limit: number,
    private readonly windowMs: number,
    private readonly keysMax: number,
  ) {}

  /** How many windows are in memory. */
  get size(): number {
    return this.windows.size;
  }

  /** How many more the key may, and how long its window still lasts, in milliseconds; a window that has not begun lasts all its time. */
  room(key: string): { left: number; waitMs: number } {
    const now = Date.now();
    const window = this.current(key, now);
    return window === null
      ? { left: this.limit, waitMs: this.windowMs }
      : { left: Math.max(0, this.limit - window.count), waitMs: window.endsAt - now };
  }

  /** Only as many as there is room for. */
  take(key: string, count = 1): void {
    const now = Date.now();
    const window = this.current(key, now);
    if (window !== null) window.count += count;
    else this.begin(key, count, now);
  }

  /** Null: none, or it is over. */
  private current(key: string, now: number): Window | null {
    const window = this.windows.get(key);
    if (window === undefined || window.endsAt <= now) return null;
    // The wall clock was set back: no window may last longer than its time.
    if (window.endsAt - now > this.windowMs) window.endsAt = now + this.windowMs;
    return window;
  }

  private begin(key: string, count: number, now: number): void {
    this.windows.delete(key);
    this.windows.set(key, { endsAt: now + this.windowMs, count });
    let dropped = 0;
    for (const [oldest, { endsAt }] of this.windows) {
      if (dropped === DROPPED_PER_WINDOW || (endsAt > now && this.windows.size <= this.keysMax)) break;
      this.windows.delete(oldest);
      dropped += 1;
    }
  }
}
