import { setImmediate, setTimeout as sleep } from 'node:timers/promises';

/** The clock, pauses and randomness of the worker: real in a process, controlled in a simulation. */
export interface Time {
  now(): Date;
  /** Monotonic milliseconds since an arbitrary moment. Changes of the system clock do not affect it. */
  elapsedMs(): number;
  /** Waits, and returns early if `signal` aborts. Never rejects. */
  pause(delayMs: number, signal: AbortSignal): Promise<void>;
  /** Lets the event loop handle what has arrived. */
  turn(): Promise<void>;
  /** Random number from 0 inclusive to 1 exclusive, for jitter. */
  random(): number;
}

export const realTime: Time = {
  now: () => new Date(),
  elapsedMs: () => performance.now(),
  pause: (delayMs, signal) =>
    sleep(delayMs, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    }),
  turn: () => setImmediate(),
  random: () => Math.random(),
};
