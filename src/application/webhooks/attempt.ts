/** What an answer of an endpoint means for the event, for its lane and for the endpoint. */
import type { DueLane, LaneKey, Settlement } from '../ports/store/webhooks.js';
import type { WebhookAnswer } from '../ports/webhook-sender.js';
import {
  attemptsMax,
  laneDelayMs,
  RETRY_AFTER_MAX_MS,
  type RetrySchedule,
  rateLimitedDelayMs,
} from './retry-schedule.js';

/** For the metric. */
export type AttemptOutcome = 'delivered' | 'failed' | 'rate-limited' | 'parked' | 'gone';

export interface Attempt {
  lane: DueLane;
  position: number;
  /** Failed attempts at this event before. */
  attempts: number;
  /** The endpoint has taken another event since the first attempt at this one. */
  hasSucceededSince: boolean;
}

const GONE = 410;
const RATE_LIMITED = 429;
const UNAVAILABLE = 503;
/** The request took too long (RFC 9110, section 15.5.9). */
const REQUEST_TIMEOUT = 408;

/** `random`: 0 to 1, for the jitter. */
export function judge(
  answer: WebhookAnswer,
  attempt: Attempt,
  schedule: RetrySchedule,
  random: number,
): { outcome: AttemptOutcome; settlement: Settlement } {
  const { lane, position } = attempt;
  const { isProbe } = lane;
  const key: LaneKey = { number: lane.number, partition: lane.partition, lane: lane.lane };
  const attempts = attempt.attempts + 1;
  if (answer.outcome === 'unreachable') return failed(answer.code);
  const { status } = answer;
  const code = `status-${status}`;
  if (status >= 200 && status < 300)
    return { outcome: 'delivered', settlement: { outcome: 'delivered', key, position, isAnswered: true } };
  if (status === GONE)
    return { outcome: 'gone', settlement: { outcome: 'gone', key, position, revision: lane.revision } };
  const retryAfterMs = answer.retryAfterMs === null ? null : Math.min(answer.retryAfterMs, RETRY_AFTER_MAX_MS);
  if (status === RATE_LIMITED) {
    // The endpoint works, and asks for less. That says nothing of this event, which is therefore never parked for it.
    const pauseMs = retryAfterMs ?? rateLimitedDelayMs(schedule, attempts, random);
    const settlement = { outcome: 'failed', key, position, code, retryAfterMs: pauseMs, pauseMs } as const;
    return { outcome: 'rate-limited', settlement: { ...settlement, countsForEndpoint: false, isProbe } };
  }
  if (status >= 400 && status < 500 && status !== REQUEST_TIMEOUT)
    return { outcome: 'parked', settlement: { outcome: 'parked', key, position, code } };
  // Also a redirect: it is not followed, and it is the endpoint that must be corrected, not the event.
  return failed(code, status === UNAVAILABLE ? retryAfterMs : null);

  function failed(why: string, pauseMs: number | null = null): ReturnType<typeof judge> {
    if (attempts >= attemptsMax(schedule) && attempt.hasSucceededSince && !isProbe)
      return { outcome: 'parked', settlement: { outcome: 'parked', key, position, code: why } };
    const delayMs = laneDelayMs(schedule, attempts, random);
    const retryAfterMs = Math.max(delayMs, pauseMs ?? 0);
    const settlement = { outcome: 'failed', key, position, code: why, retryAfterMs, pauseMs } as const;
    return { outcome: 'failed', settlement: { ...settlement, countsForEndpoint: true, isProbe } };
  }
}
