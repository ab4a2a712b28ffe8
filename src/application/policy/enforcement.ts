import { randomUUID } from 'node:crypto';
import type { Refusal } from '../../domain/refusal.js';
import type { PolicyDecisionPoint, PolicyFacts } from './facts.js';

/** One decision asked for: its id goes into the receipt, or a query's refusal. */
export interface Enforced {
  decisionId: string;
  refusal: Refusal | null;
}

/**
 * The policy enforcement point: the one place that asks the decision point and turns its no into a refusal. For commands it stands inside
 * the transaction, so that the facts it asks with hold at the commit; for queries, in `view-chat.ts`.
 */
export class PolicyEnforcementPoint {
  constructor(private readonly decisionPoint: PolicyDecisionPoint) {}

  enforce(facts: PolicyFacts): Enforced {
    const decision = this.decisionPoint.decide(facts);
    return {
      decisionId: randomUUID(),
      refusal: decision.effect === 'permit' ? null : { code: 'not_permitted', detail: decision.rule },
    };
  }
}
