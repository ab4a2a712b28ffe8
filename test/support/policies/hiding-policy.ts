/**
 * A policy that hides some chats from some members, and the same rule as plain code, so that tests can compare both.
 */
import type { CaslDecisionPoint } from '../../../src/adapters/policy/casl-decision-point.js';
import { policyWith } from './default-policy.js';

const RULES = `
  - { id: hidden-from-readers, effect: deny, actions: [chat.view], subject: { role: reader }, reason: Hidden. }
  - id: archived-groups-are-hidden-from-members
    effect: deny
    actions: [chat.view]
    subject: { role: member }
    when: { chat.kind: group, chat.archived: true }
    reason: Hidden.`;

export function hidingPolicy(): CaslDecisionPoint {
  return policyWith(RULES);
}

/** Whether a member of the chat may view it by that policy. */
export function mayView(chat: { kind: string; isArchived: boolean }, role: string): boolean {
  return role !== 'reader' && !(role === 'member' && chat.kind === 'group' && chat.isArchived);
}
