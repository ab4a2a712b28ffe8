/** Limits: members per chat, and chats per user. */
import type { Chat } from '../../domain/chat.js';
import type { Refusal } from '../../domain/refusal.js';
import { countedAs } from '../../domain/user-chats.js';
import type { CommandContext } from './outcome.js';

/** The refusal if the chat cannot have this many members, else null. */
export function noRoomInChat(members: number, { limits }: CommandContext): Refusal | null {
  const { chatMembersMax } = limits;
  if (members <= chatMembersMax) return null;
  return {
    code: 'limit_reached',
    detail: `a chat has at most ${chatMembersMax} members (CHAT_MEMBERS_MAX); this one would have ${members}`,
  };
}

/** The refusal if one of these users, who are not in the chat, is in too many chats already; else null. */
export function noRoomForUsers(
  chat: Chat,
  userIds: readonly string[],
  { state, limits }: CommandContext,
): Refusal | null {
  const { userChatsMax } = limits;
  for (const userId of userIds) {
    const count = countedAs(chat, userId);
    if (count === null || state.userChats({ tenantId: chat.tenantId, userId })[count] < userChatsMax) continue;
    const which = count === 'created' ? 'chats that they created' : 'groups and channels that others created';
    return {
      code: 'limit_reached',
      detail: `a user is in at most ${userChatsMax} ${which} (USER_CHATS_MAX); ${userId} is`,
    };
  }
  return null;
}
