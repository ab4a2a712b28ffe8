import { CHAT_NOT_FOUND, type Refusal } from '../../domain/refusal.js';
import type { DecisionRecord } from '../ports/decision-record.js';
import type { PolicyAttributes, PolicyDecisionPoint } from '../ports/policy-decision-point.js';
import { newOrderedId } from '../runtime/ordered-id.js';
import { type ChatAllowance, describeOverQuota } from './chat-allowance.js';

/** One decision asked for: its id goes into the receipt, or a query's refusal. */
export interface Enforced {
  /** Null where the answer does not tell that there was something to decide. */
  decisionId: string | null;
  refusal: Refusal | null;
  /** What the decision log is told of it. */
  record: DecisionRecord;
  /** Whether that belongs in the log whatever comes of it: every refusal does, and of the permits a share. */
  isKept: boolean;
}

/** What a decision is about, besides its attributes. */
export interface DecisionContext {
  at: Date;
  commandId: string | null;
  chatId: string | null;
}

/** How many values the random end of an id that is looked at can have. */
const ID_TAIL_DIGITS = 6;
const ID_TAIL_VALUES = 16 ** ID_TAIL_DIGITS;

/** Whether a permit with this id belongs to the share (0 to 1) that is kept. By the id, so that it can be told afterwards. */
export function isSampledPermit(decisionId: string, sampleRate: number): boolean {
  if (sampleRate === 0) return false;
  return Number.parseInt(decisionId.slice(-ID_TAIL_DIGITS), 16) < sampleRate * ID_TAIL_VALUES;
}

/**
 * The policy enforcement point: the one place that asks the decision point, turns its no into a refusal, and sees to what its yes is bound to. For commands it stands inside
 * the transaction, so that the attributes it asks with hold at the commit; for queries, in `view-chat.ts`.
 */
export class PolicyEnforcementPoint {
  /** `sampleRate`: how many of the permits are kept, whatever comes of them, 0 to 1; refusals all are. */
  constructor(
    readonly decisionPoint: PolicyDecisionPoint,
    private readonly sampleRate = 0,
    private readonly newId: () => string = newOrderedId,
  ) {}

  /** For what is left out rather than refused: nothing is said of it, and nothing kept. */
  permits(attributes: PolicyAttributes): boolean {
    return this.decisionPoint.decide(attributes).effect === 'permit';
  }

  /** `allowance`: what a permit in a chat is bound to; null: to nothing. */
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
      // As before anything is decided: nothing is kept for it, so there is nothing to ask about.
      const { retryAfterSeconds } = over;
      const refusal: Refusal = { code: 'rate_limited', detail: describeOverQuota(over), retryAfterSeconds };
      return { decisionId: null, refusal, record, isKept };
    }
    // Whoever is not in a chat is not told that it exists, not even by there having been something to decide.
    if (isOutsider(attributes)) return { decisionId: null, refusal: CHAT_NOT_FOUND, record, isKept: true };
    return { decisionId, refusal: { code: 'not_permitted', detail: decision.detail }, record, isKept: true };
  }
}

function isOutsider({ action, chat, role }: PolicyAttributes): boolean {
  return chat !== null && role === null && action !== 'chat.create';
}
