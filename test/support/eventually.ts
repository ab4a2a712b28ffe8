import { setTimeout as sleep } from 'node:timers/promises';

const POLL_INTERVAL_MS = 20;

/**
 * Polls until `check` returns a truthy value without an exception. A check that only asserts ends with `return true`,
 * so that a check that did nothing cannot pass.
 * @returns the value of the check
 * @throws Error after `within` milliseconds, with `what` was awaited and the last failure
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
