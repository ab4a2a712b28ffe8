import { setTimeout as sleep } from 'node:timers/promises';

const POLL_INTERVAL_MS = 20;

/**
 * Waits for something to become true: asks until `check` neither throws nor answers false, undefined, null, 0 or ''. A
 * check that only asserts ends with `return true`, so that one that found nothing cannot pass for one that held.
 * @returns what the check answered
 * @throws Error when `within` milliseconds were not enough, saying `what` was waited for and how the last try ended
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { within, what }: { within: number; what: string },
): Promise<NonNullable<T>> {
  const deadline = Date.now() + within;
  for (;;) {
    let last: string;
    let cause: unknown;
    try {
      const answer = await check();
      if (answer) return answer;
      last = answer === undefined ? 'nothing was returned (a check that only asserts returns true)' : String(answer);
    } catch (error) {
      cause = error;
      last = error instanceof Error ? error.message : String(error);
    }
    if (Date.now() >= deadline) throw new Error(`${what}: not within ${within} ms; last: ${last}`, { cause });
    await sleep(POLL_INTERVAL_MS);
  }
}
