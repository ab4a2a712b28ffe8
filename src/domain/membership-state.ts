/** How a member stands in a chat: all that can change of what a policy lets the member see the chat by. */
import type { Chat, Member, Role } from './chat.js';

export type MembershipState = `${'open' | 'archived'} ${Role}`;

/** A standing that is over, and the number of the event of the chat that ended it. */
export interface FormerMembershipState {
  standing: MembershipState;
  until: number;
}

export function membershipStateOf(isArchived: boolean, role: Role): MembershipState {
  return `${isArchived ? 'archived' : 'open'} ${role}`;
}

/** The one before the chat was last archived or brought back; null: that was before the member joined, or had the present role. */
export function standingBeforeArchiving(
  chat: Chat,
  { role, joinedSequence, roleSequence }: Member,
): FormerMembershipState | null {
  if (chat.archiveSequence <= Math.max(joinedSequence, roleSequence)) return null;
  return { standing: membershipStateOf(chat.archivedAt === null, role), until: chat.archiveSequence };
}

/** What is over for the member when an event ends the present role or the membership. `chat`, `member`: as they were before. */
export function membershipStatesEndedBy(sequence: number, chat: Chat, member: Member): FormerMembershipState[] {
  const earlier = standingBeforeArchiving(chat, member);
  const present = { standing: membershipStateOf(chat.archivedAt !== null, member.role), until: sequence };
  return earlier === null ? [present] : [earlier, present];
}
