import type { DecisionLog } from '../../ports/decision-log.js';
import type { Enforced } from '../enforcement.js';

/** The same query of the same caller, refused again within so long for the same reason, is explained by the earlier decision. */
export const REFUSAL_REPEATED_WITHIN_MS = 60_000;
/** Refusals remembered in one process; above so many the oldest is forgotten, and recorded anew. */
export const REFUSALS_REMEMBERED_MAX = 10_000;

interface Recorded {
  decisionId: string | null;
  /** Milliseconds since 1970. */
  until: number;
}

/**
 * Records decisions about queries. Nobody counts queries per actor as commands are counted, and every refusal is kept for `DECISION_RETENTION`: one
 * caller that asks in a loop for what it may not see would fill the decision log. So the same refusal takes one row a minute.
 */
export class RefusedQueries {
  /** In the order in which they were recorded. */
  private readonly recorded = new Map<string, Recorded>();

  constructor(
    private readonly decisions: Pick<DecisionLog, 'record'>,
    private readonly now: () => number = Date.now,
  ) {}

  /** Resolves when what is to be kept is kept. @returns the id under which the decision can be asked about */
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
