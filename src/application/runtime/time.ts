import { setImmediate } from 'node:timers/promises';

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
  // Most pauses end early, and one of `node:timers/promises` then makes an error with a stack.
  pause: (delayMs, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, delayMs);
      signal.addEventListener('abort', end);
    }),
  turn: () => setImmediate(),
  random: () => Math.random(),
};
