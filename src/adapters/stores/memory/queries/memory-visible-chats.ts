import type { ChatView, VisibleChats } from '../../../../application/ports/queries/chat-queries.js';
import type { Chat } from '../../../../domain/chat.js';
import { type MembershipState, membershipStateOf } from '../../../../domain/membership-state.js';

export function isVisible(visible: VisibleChats, { chat, membership }: ChatView): boolean {
  return isShown(visible, chat, membershipStateOf(chat.archivedAt !== null, membership.role));
}

/** Whether the chat is visible to a member with this membership state. */
export function isShown(visible: VisibleChats, chat: Pick<Chat, 'kind'>, state: MembershipState): boolean {
  if (typeof visible === 'string') return visible === 'all';
  return visible.some(({ kind, archived, role }) => kind === chat.kind && membershipStateOf(archived, role) === state);
}
