/** How many chats a user is in, as far as a limit counts them. */
import type { Chat } from './chat.js';

/**
 * Counted apart, so that nobody can use up for others what these need for themselves: who puts a user into many chats
 * fills `joined`, and leaves `created` as it is. A direct chat that the other user opened is in neither: it can always be
 * opened, and there is at most one for each pair of users.
 */
export interface UserChats {
  /** Chats of any kind that the user created. */
  created: number;
  /** Groups and channels that others created. */
  joined: number;
}

export const NO_CHATS: Readonly<UserChats> = { created: 0, joined: 0 };

/** Which count the user's being in the chat belongs to; null: none. */
export function countedAs(chat: Pick<Chat, 'kind' | 'createdBy'>, userId: string): keyof UserChats | null {
  if (chat.createdBy === userId) return 'created';
  return chat.kind === 'direct' ? null : 'joined';
}
