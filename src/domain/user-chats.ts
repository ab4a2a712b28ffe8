/** The number of chats of a user, as far as a limit counts them. */
import type { Chat } from './chat.js';

/**
 * The two counts are separate, so that other users cannot use up a user's limit: adding a user to many chats fills
 * `joined` and leaves `created` unchanged. A direct chat that the other user created is in neither count. It can always
 * be created, and there is at most one for each pair of users.
 */
export interface UserChats {
  /** Chats of any kind that the user created. */
  created: number;
  /** Groups and channels that others created. */
  joined: number;
}

export const NO_CHATS: Readonly<UserChats> = { created: 0, joined: 0 };

/** The count to which the user's membership of the chat belongs. Null if to none. */
export function countedAs(chat: Pick<Chat, 'kind' | 'createdBy'>, userId: string): keyof UserChats | null {
  if (chat.createdBy === userId) return 'created';
  return chat.kind === 'direct' ? null : 'joined';
}
