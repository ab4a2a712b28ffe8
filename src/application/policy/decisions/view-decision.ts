import { canonicalDigest } from '../../../contract/messages/content-hash.js';
import type { ActorAttributes, KnownAttributes, PolicyAttributes } from '../../ports/policy-decision-point.js';
import type { Caller, ChatQueries } from '../../ports/queries/chat-queries.js';
import type { DecisionLog, LoggedDecision } from '../../ports/store/decision-log.js';
import { withCallerAttributes } from '../attributes/caller-attributes.js';
import type { Discretion } from '../attributes/describe-attributes.js';
import { NO_ATTRIBUTES } from '../attributes/no-attributes.js';
import type { Enforced, PolicyEnforcementPoint } from '../enforcement.js';
import type { PolicyCache } from '../policy-cache.js';
import { explainDecision } from './explain-decision.js';
import { RefusedQueries } from './refused-queries.js';

export interface ViewedDecision {
  /** The part of the decision that the caller may see. Attributes that are left out are not in the digest either. */
  decision: Omit<LoggedDecision, 'attributes'> & { attributes: KnownAttributes };
  /** Sentences, in this order. */
  explanation: string[];
}

/** Viewing a decision. The policy decides whether the caller may view it, like any other action. */
export class DecisionViewing {
  private readonly refused: RefusedQueries;

  constructor(
    private readonly decisions: Pick<DecisionLog, 'find' | 'record'>,
    private readonly policies: PolicyCache,
    private readonly queries: Pick<ChatQueries, 'findUser'>,
    private readonly policy: PolicyEnforcementPoint,
  ) {
    this.refused = new RefusedQueries(decisions);
  }

  /**
   * Null in three cases that must look the same: it does not exist, it is another tenant's, or the policy denies
   * viewing it. Claims and the producer are shown only to callers who may view other users' decisions as well.
   */
  async view(caller: Caller, decisionId: string): Promise<ViewedDecision | null> {
    const decision = await this.decisions.find(decisionId);
    if (decision === null || decision.tenantId !== caller.tenantId) return null;
    const discretion = await this.discretionFor(caller, decision);
    if (discretion === null) return null;
    const policy = await this.policies.find(decision.policyVersion);
    const explanation = explainDecision(decision, policy, discretion);
    return { decision: discretion === 'for users' ? withoutClaims(decision) : decision, explanation };
  }

  /** Null if the caller may not view it. */
  private async discretionFor(caller: Caller, { actorId }: LoggedDecision): Promise<Discretion | null> {
    const decide = (actor: ActorAttributes): { decided: Enforced; seesAll: boolean } => ({
      decided: this.policy.enforce(askingWhy(actor, actorId === caller.userId), {
        at: new Date(),
        commandId: null,
        chatId: null,
      }),
      seesAll: this.policy.permits(askingWhy(actor, false)),
    });
    const { decided, seesAll } = await withCallerAttributes(
      caller,
      'decision.view',
      this.policy.decisionPoint,
      this.queries,
      decide,
    );
    await this.refused.keep(decided);
    if (decided.refusal !== null) return null;
    return seesAll ? 'for auditors' : 'for users';
  }
}

function askingWhy(actor: ActorAttributes, isActor: boolean): PolicyAttributes {
  return {
    action: 'decision.view',
    actor,
    ...NO_ATTRIBUTES,
    decision: { isActor },
  };
}

/**
 * If the digest included hidden attributes with few possible values, a caller could guess them. So it covers only what
 * is shown.
 */
function withoutClaims({ attributes, ...decision }: LoggedDecision): ViewedDecision['decision'] {
  const { producer: _, ...shown } = attributes;
  // The types describe current records. An older release may have recorded less.
  const recorded: KnownAttributes['actor'] = attributes.actor;
  const { claims, token, ...actor } = recorded ?? {};
  const forUser: KnownAttributes = recorded === undefined ? shown : { ...shown, actor };
  return { ...decision, attributes: forUser, attributesDigest: Buffer.from(canonicalDigest(forUser)).toString('hex') };
}
