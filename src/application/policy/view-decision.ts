import type { Caller, ChatQueries } from '../ports/chat-queries.js';
import type { DecisionLog, LoggedDecision } from '../ports/decision-log.js';
import { withCallerFacts } from './caller-facts.js';
import type { PolicyEnforcementPoint } from './enforcement.js';
import { explainDecision } from './explain-decision.js';
import type { KeptPolicies } from './kept-policies.js';
import { RefusedQueries } from './refused-queries.js';

export interface ViewedDecision {
  decision: LoggedDecision;
  /** Sentences, in this order. */
  explanation: string[];
}

/** Asking why: whether one may is the policy's to decide, like anything else. */
export class DecisionViewing {
  private readonly refused: RefusedQueries;

  constructor(
    private readonly decisions: Pick<DecisionLog, 'find' | 'record'>,
    private readonly policies: KeptPolicies,
    private readonly queries: Pick<ChatQueries, 'findUser'>,
    private readonly policy: PolicyEnforcementPoint,
  ) {
    this.refused = new RefusedQueries(decisions);
  }

  /** Null, which must not be told apart: there is none, it is another tenant's, or the policy does not let the caller see it. */
  async view(caller: Caller, decisionId: string): Promise<ViewedDecision | null> {
    const decision = await this.decisions.find(decisionId);
    if (decision === null || decision.tenantId !== caller.tenantId) return null;
    if (!(await this.isPermitted(caller, decision))) return null;
    const policy = await this.policies.find(decision.policyVersion);
    return { decision, explanation: explainDecision(decision, policy, 'for users') };
  }

  private async isPermitted(caller: Caller, { actorId }: LoggedDecision): Promise<boolean> {
    const decided = await withCallerFacts(caller, 'decision.view', this.policy.decisionPoint, this.queries, (actor) =>
      this.policy.enforce(
        {
          action: 'decision.view',
          actor,
          producer: null,
          chat: null,
          role: null,
          target: null,
          grantedRole: null,
          message: null,
          text: null,
          deleteMode: null,
          profile: null,
          decision: { isActor: actorId === caller.userId },
        },
        { at: new Date(), commandId: null, chatId: null },
      ),
    );
    await this.refused.keep(decided);
    return decided.refusal === null;
  }
}
