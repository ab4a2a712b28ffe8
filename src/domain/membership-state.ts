/** The state of a membership: everything of it that can affect whether the policy lets the member see the chat. */
import type { Chat, Member, Role } from './chat.js';

export type MembershipState = `${'open' | 'archived'} ${Role}`;

/** An ended membership state, and the sequence of the event that ended it. */
export interface FormerMembershipState {
  state: MembershipState;
  until: number;
}

export function membershipStateOf(isArchived: boolean, role: Role): MembershipState {
  return `${isArchived ? 'archived' : 'open'} ${role}`;
}

/**
 * The state before the chat was last archived or unarchived. Null if that was before the member joined or got the
 * current role.
 */
export function stateBeforeArchiving(
  chat: Chat,
  { role, joinedSequence, roleSequence }: Member,
): FormerMembershipState | null {
  if (chat.archiveSequence <= Math.max(joinedSequence, roleSequence)) return null;
  return { state: membershipStateOf(chat.archivedAt === null, role), until: chat.archiveSequence };
}

/**
 * The states that end when an event ends the current role or the membership. `chat` and `member` are as they were
 * before.
 */
export function membershipStatesEndedBy(sequence: number, chat: Chat, member: Member): FormerMembershipState[] {
  const earlier = stateBeforeArchiving(chat, member);
  const present = { state: membershipStateOf(chat.archivedAt !== null, member.role), until: sequence };
  return earlier === null ? [present] : [earlier, present];
}
