import type { RefusalCode } from '../../../contract/messages/problems.js';
import type { Action, PolicyAttributes } from '../policy-decision-point.js';

/** One decision in the decision log: enough to explain it, and to ask another policy with the same attributes. */
export interface DecisionRecord {
  /** UUIDv7: later ids sort after earlier ones. */
  decisionId: string;
  at: Date;
  tenantId: string;
  actorId: string;
  /** Null for queries. */
  commandId: string | null;
  chatId: string | null;
  action: Action;
  effect: 'permit' | 'deny';
  /** The rule that decided. Null if no rule permits. */
  rule: string | null;
  policyVersion: string;
  attributes: PolicyAttributes;
  /**
   * The code with which the command was refused although the policy permitted it, because of the chat's state or a
   * quota. Null if it was not refused.
   */
  refusedAs: RefusalCode | null;
}
