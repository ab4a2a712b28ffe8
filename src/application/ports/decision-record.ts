import type { RefusalCode } from '../../contract/messages/problems.js';
import type { Action, PolicyAttributes } from './policy-decision-point.js';

/** One decision as the log keeps it: enough to say why, and to ask another policy the same. */
export interface DecisionRecord {
  /** UUIDv7: ids drawn later sort after earlier ones. */
  decisionId: string;
  at: Date;
  tenantId: string;
  actorId: string;
  /** Null for queries. */
  commandId: string | null;
  chatId: string | null;
  action: Action;
  effect: 'permit' | 'deny';
  /** The rule that decided; null: none permits it. */
  rule: string | null;
  policyVersion: string;
  attributes: PolicyAttributes;
  /** With which code the command was refused all the same, though this permitted it: by the state of its chat, or for a quota. Null: it was not. */
  refusedAs: RefusalCode | null;
}
