/** Limits of one chat or one user. A command that would exceed one is refused as `limit_reached`. */
export interface Limits {
  /** Members of one chat: `CHAT_MEMBERS_MAX`. */
  chatMembersMax: number;
  /** Chats of one user, for each of the two counts of `UserChats`: `USER_CHATS_MAX`. */
  userChatsMax: number;
}

export const DEFAULT_LIMITS: Limits = { chatMembersMax: 100_000, userChatsMax: 10_000 };
