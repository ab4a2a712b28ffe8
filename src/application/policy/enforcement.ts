import { CHAT_NOT_FOUND, type Refusal } from '../../domain/refusal.js';
import type { PolicyAttributes, PolicyDecisionPoint } from '../ports/policy-decision-point.js';
import type { DecisionRecord } from '../ports/store/decision-record.js';
import { newOrderedId } from '../runtime/ordered-id.js';
import { type ChatAllowance, describeOverQuota } from './chat-allowance.js';

/** One decision. Its id goes into the receipt or into a query's refusal. */
export interface Enforced {
  /** Null if the answer must not reveal that there was a decision. */
  decisionId: string | null;
  refusal: Refusal | null;
  /** The record for the decision log. */
  record: DecisionRecord;
  /** Whether the record is stored in any case: every refusal is, and a sample of the permits. */
  isKept: boolean;
}

/** The context of a decision, besides its attributes. */
export interface DecisionContext {
  at: Date;
  commandId: string | null;
  chatId: string | null;
}

/** Number of hexadecimal digits at the end of the id that select the sample. */
const ID_TAIL_DIGITS = 6;
const ID_TAIL_VALUES = 16 ** ID_TAIL_DIGITS;

/**
 * Whether a permit with this id is in the sample (0 to 1) that is kept. It depends only on the id, so it can be checked
 * later.
 */
export function isSampledPermit(decisionId: string, sampleRate: number): boolean {
  if (sampleRate === 0) return false;
  return Number.parseInt(decisionId.slice(-ID_TAIL_DIGITS), 16) < sampleRate * ID_TAIL_VALUES;
}

/**
 * The policy enforcement point. Only this class asks the decision point, turns a denial into a refusal, and takes the
 * quotas of a permit. For commands it runs inside the transaction, so that its attributes are valid at the commit. For
 * queries it is in `view-chat.ts`.
 */
export class PolicyEnforcementPoint {
  /** `sampleRate` is the share of permits that are always kept, 0 to 1. Refusals are all kept. */
  constructor(
    readonly decisionPoint: PolicyDecisionPoint,
    private readonly sampleRate = 0,
    private readonly newId: () => string = newOrderedId,
  ) {}

  /** For items that are left out instead of refused. The decision is neither reported nor recorded. */
  permits(attributes: PolicyAttributes): boolean {
    return this.decisionPoint.decide(attributes).effect === 'permit';
  }

  /** `allowance`: the chat quotas that a permit takes from. Null if there are none. */
  enforce(attributes: PolicyAttributes, context: DecisionContext, allowance: ChatAllowance | null = null): Enforced {
    const decision = this.decisionPoint.decide(attributes);
    const decisionId = this.newId();
    const { effect, rule } = decision;
    const record: DecisionRecord = {
      decisionId,
      ...context,
      tenantId: attributes.actor.tenantId,
      actorId: attributes.actor.userId,
      action: attributes.action,
      effect,
      rule,
      policyVersion: this.decisionPoint.version,
      attributes,
      refusedAs: null,
    };
    if (decision.effect === 'permit') {
      const isKept = isSampledPermit(decisionId, this.sampleRate);
      const over = allowance?.take({ isMember: attributes.role !== null }) ?? null;
      if (over === null) return { decisionId, refusal: null, record, isKept };
      // As for a rejection before the decision: nothing is recorded, so there is no decision to explain.
      const { retryAfterSeconds } = over;
      const refusal: Refusal = { code: 'rate_limited', detail: describeOverQuota(over), retryAfterSeconds };
      return { decisionId: null, refusal, record, isKept };
    }
    // An actor outside the chat must not learn that it exists, not even from the existence of a decision.
    if (isOutsider(attributes)) return { decisionId: null, refusal: CHAT_NOT_FOUND, record, isKept: true };
    return { decisionId, refusal: { code: 'not_permitted', detail: decision.detail }, record, isKept: true };
  }
}

function isOutsider({ action, chat, role }: PolicyAttributes): boolean {
  return chat !== null && role === null && action !== 'chat.create';
}
