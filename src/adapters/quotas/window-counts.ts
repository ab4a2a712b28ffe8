/**
 * Number of expired windows removed for each new one. More than one, so that their number falls; few, so that no turn
 * takes long.
 */
const DROPPED_PER_WINDOW = 8;

interface Window {
  endsAt: number;
  count: number;
}

/**
 * The counts of one quota. Each key has a window, which begins with its first command and ends after its time. Every
 * command passes here, so it is a map lookup without a timer or a promise.
 */
export class WindowCounts {
  /** In the order of their start. Some of the first may be expired. */
  private readonly windows = new Map<string, Window>();

  /** `keysMax`: above this number the oldest window is removed early, and its key starts again. */
  constructor(
    private readonly limit: number,
    private readonly windowMs: number,
    private readonly keysMax: number,
  ) {}

  /** The number of windows in memory. */
  get size(): number {
    return this.windows.size;
  }

  /**
   * What is left for the key, and how long its window still lasts, in milliseconds. A window that has not started lasts
   * its full time.
   */
  room(key: string): { left: number; waitMs: number } {
    const now = Date.now();
    const window = this.current(key, now);
    return window === null
      ? { left: this.limit, waitMs: this.windowMs }
      : { left: Math.max(0, this.limit - window.count), waitMs: window.endsAt - now };
  }

  /** Takes only as much as there is room for. */
  take(key: string, count = 1): void {
    const now = Date.now();
    const window = this.current(key, now);
    if (window !== null) window.count += count;
    else this.begin(key, count, now);
  }

  /** Null if there is none or it has expired. */
  private current(key: string, now: number): Window | null {
    const window = this.windows.get(key);
    if (window === undefined || window.endsAt <= now) return null;
    // The wall clock was set back, and no window may last longer than its time.
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
