import type { DecisionLog } from '../../ports/store/decision-log.js';
import type { Enforced } from '../enforcement.js';

/**
 * If the same query of the same caller is refused again for the same reason within this time, the earlier decision
 * explains it.
 */
export const REFUSAL_REPEATED_WITHIN_MS = 60_000;
/**
 * Maximum number of refusals remembered in one process. Above this, the oldest is removed and would be recorded again.
 */
export const REFUSALS_REMEMBERED_MAX = 10_000;

interface Recorded {
  decisionId: string | null;
  /** Milliseconds since 1970. */
  until: number;
}

/**
 * Records decisions about queries. Queries have no quota per actor, and every refusal is kept for `DECISION_RETENTION`.
 * A caller that repeats a refused query in a loop would fill the decision log, so the same refusal takes one row a
 * minute.
 */
export class RefusedQueries {
  /** In the order in which they were recorded. */
  private readonly recorded = new Map<string, Recorded>();

  constructor(
    private readonly decisions: Pick<DecisionLog, 'record'>,
    private readonly now: () => number = Date.now,
  ) {}

  /** Resolves when the decision is stored, if it must be. @returns the id under which the decision can be explained */
  async keep({ decisionId, refusal, record, isKept }: Enforced): Promise<string | null> {
    if (!isKept) return decisionId;
    if (refusal === null) {
      await this.decisions.record([record]);
      return decisionId;
    }
    const { tenantId, actorId, chatId, policyVersion, attributes } = record;
    const key = JSON.stringify([tenantId, actorId, chatId, policyVersion, attributes]);
    const earlier = this.recorded.get(key);
    if (earlier !== undefined && earlier.until > this.now()) return earlier.decisionId;
    await this.decisions.record([record]);
    this.recorded.delete(key);
    this.recorded.set(key, { decisionId, until: this.now() + REFUSAL_REPEATED_WITHIN_MS });
    if (this.recorded.size > REFUSALS_REMEMBERED_MAX) this.recorded.delete(this.recorded.keys().next().value ?? key);
    return decisionId;
  }
}
