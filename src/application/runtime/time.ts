import { setTimeout as sleep } from 'node:timers/promises';

/** The passing of time, as far as the worker waits or measures by it: real in a process, in a schedule's hands in a simulation. */
export interface Time {
  now(): Date;
  /** Milliseconds since some moment; they only ever grow, whatever is done to the clock. */
  elapsedMs(): number;
  /** Waits, or less if `signal` aborts; never rejects. */
  pause(delayMs: number, signal: AbortSignal): Promise<void>;
  /** From 0 to 1, without the 1: jitter. */
  random(): number;
}

export const realTime: Time = {
  now: () => new Date(),
  elapsedMs: () => performance.now(),
  pause: (delayMs, signal) =>
    sleep(delayMs, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    }),
  random: () => Math.random(),
};
