import { isSampledPermit } from '../enforcement.js';

/** Which decisions are kept, and for how long. */
export interface DecisionRetention {
  /** `DECISION_SAMPLE_RATE`, 0 to 1. */
  sampleRate: number;
  /** `DECISION_RETENTION`. */
  retentionMs: number;
}

/** How far the clock of the process that decided may be ahead. */
const CLOCK_SKEW_MS = 60_000;

/** Why a decision is not in the log, as far as its id and the settings show. One line. */
export function explainAbsence(
  decisionId: string,
  { sampleRate, retentionMs }: DecisionRetention,
  now: number,
): string {
  const none = `there is no decision ${decisionId} in the log`;
  const madeAt = timeOf(decisionId);
  if (madeAt === null || madeAt > now + CLOCK_SKEW_MS) return `${none}: it is not the id of a decision`;
  if (now - madeAt > retentionMs)
    return `${none} any more: it was made on ${new Date(madeAt).toISOString()}, and DECISION_RETENTION has passed`;
  const sampling = `permits are sampled (DECISION_SAMPLE_RATE=${sampleRate})`;
  const rest = 'all refusals are kept';
  return isSampledPermit(decisionId, sampleRate)
    ? `${none}: ${sampling}, and this one would have been kept; it may be of another database, or of another sample rate (${rest})`
    : `${none}: ${sampling}, and this permit was not kept (${rest})`;
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/;
const TIME_DIGITS = 12;

/** The creation time of an ordered id (UUIDv7) in milliseconds. Null for any other UUID. */
function timeOf(id: string): number | null {
  return UUID_V7.test(id) ? Number.parseInt(id.replaceAll('-', '').slice(0, TIME_DIGITS), 16) : null;
}
