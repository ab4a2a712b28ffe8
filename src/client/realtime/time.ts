/** The clock, timers and chance of a client. Tests pass their own. */
export interface Time {
  /** Milliseconds since 1970. */
  now(): number;
  /** From 0 to below 1. */
  random(): number;
  /** Calls `action` once after `ms`. Returns what cancels it. */
  after(ms: number, action: () => void): () => void;
}

/** Timers take at most 2^31 - 1 ms, and fire at once above it. */
export const TIMER_MAX_MS = 24 * 60 * 60_000;

export const systemTime: Time = {
  now: () => Date.now(),
  random: () => Math.random(),
  after: (ms, action) => {
    const timer = setTimeout(action, Math.min(Math.max(ms, 0), TIMER_MAX_MS));
    return () => clearTimeout(timer);
  },
};

/** One timer that is set again or cancelled. */
export class Alarm {
  #cancel: (() => void) | null = null;

  constructor(private readonly time: Time) {}

  get isSet(): boolean {
    return this.#cancel !== null;
  }

  set(ms: number, action: () => void): void {
    this.cancel();
    this.#cancel = this.time.after(ms, () => {
      this.#cancel = null;
      action();
    });
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}

/** Upper bound of the first pause before a retry. It doubles with each failed attempt, up to the maximum. */
export const RECONNECT_FIRST_MS = 500;
export const RECONNECT_MAX_MS = 30_000;
/** A longer `retryAfterMs` of a gateway counts as this. */
export const RETRY_AFTER_MAX_MS = 60 * 60_000;

/**
 * The pause before a reconnect: what the gateway asks for, and a random time on top (full jitter), so that many clients
 * do not come back at the same moment. `failures`: failed attempts in a row, from 0.
 */
export function reconnectDelayMs(failures: number, retryAfterMs: number | null, time: Pick<Time, 'random'>): number {
  const ceiling = Math.min(RECONNECT_FIRST_MS * 2 ** Math.min(failures, 16), RECONNECT_MAX_MS);
  return Math.min(retryAfterMs ?? 0, RETRY_AFTER_MAX_MS) + time.random() * ceiling;
}
