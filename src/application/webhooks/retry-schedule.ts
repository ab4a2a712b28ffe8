/** When a delivery is tried again. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Delays in milliseconds after the first failed attempt, the second one, and so on. The first attempt is at once. */
export const RETRY_DELAYS_MS: readonly number[] = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  HOUR,
  3 * HOUR,
  8 * HOUR,
  24 * HOUR,
];

/** An endpoint that is down is tried at most this often, once the first delays have passed. */
export const PROBE_INTERVAL_MS = HOUR;
/** Failed attempts in a row after which the endpoint is left alone, and not only the lane. */
export const ENDPOINT_FAILURES_MAX = 3;
/** Delays are longer by up to this share, so that many deliveries are not tried at the same moment. */
const JITTER = 0.2;
/** A longer `Retry-After` is cut. */
export const RETRY_AFTER_MAX_MS = 24 * HOUR;
/** An endpoint that asks for less traffic without saying how long is tried again after at most this. */
const RATE_LIMITED_MAX_MS = 10 * MINUTE;

export interface RetrySchedule {
  delaysMs: readonly number[];
  probeIntervalMs: number;
}

export const DEFAULT_SCHEDULE: RetrySchedule = { delaysMs: RETRY_DELAYS_MS, probeIntervalMs: PROBE_INTERVAL_MS };

/** Number of attempts at one event, of which the last one parks it if others were taken meanwhile. */
export function attemptsMax({ delaysMs }: RetrySchedule): number {
  return delaysMs.length + 1;
}

/** `attempts`: failed ones, including the present one. */
export function laneDelayMs({ delaysMs }: RetrySchedule, attempts: number, random: number): number {
  const delay = delaysMs[Math.min(attempts, delaysMs.length) - 1] ?? 0;
  return delay * (1 + JITTER * random);
}

/** Without `Retry-After`. */
export function rateLimitedDelayMs(schedule: RetrySchedule, attempts: number, random: number): number {
  return Math.min(laneDelayMs(schedule, attempts, random), RATE_LIMITED_MAX_MS);
}

/**
 * How long an endpoint is left alone after its failures in a row, by their number from `ENDPOINT_FAILURES_MAX` on: the
 * first delays, then the probe interval. The last one is for all further failures.
 */
export function endpointPausesMs({ delaysMs, probeIntervalMs }: RetrySchedule, random: number): number[] {
  const shorter = delaysMs.filter((delay) => delay < probeIntervalMs);
  return [...shorter, probeIntervalMs].map((delay) => delay * (1 + JITTER * random));
}
