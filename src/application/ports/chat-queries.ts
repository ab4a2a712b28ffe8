/**
 * What clients ask about chats, members, profiles and receipts; a chat's past is asked for by `chat-history.ts`. Every answer is about what
 * the caller may see; `null` and an absent chat cannot be told apart.
 */
import type { Chat, Member } from '../../domain/chat.js';
import type { Claims, User } from '../../domain/user.js';
import type { MessageView } from './chat-history.js';
import type { ReceiptKey, StoredReceipt, UserKey } from './command-store.js';

export interface Caller {
  tenantId: string;
  userId: string;
  /** What the caller's token says besides, for the policy to go by; absent: none was shown. */
  token?: Claims;
}

/** A chat as one of its members sees it. */
export interface ChatView {
  chat: Chat;
  membership: Member;
}

export interface ChatListItem extends ChatView {
  lastMessage: MessageView | null;
}

/** Keyset of the chat list: newest activity first, then by id. */
export interface ChatListPosition {
  lastActivityAt: Date;
  chatId: string;
}

export interface ChatListFilter {
  kind?: Chat['kind'];
  archived?: boolean;
  /** True: those that the caller has hidden, instead of those that are not. */
  hidden?: boolean;
}

/** All that differs from chat to chat when it is decided whether one caller may see it. */
export interface ChatTraits {
  kind: Chat['kind'];
  archived: boolean;
  /** The caller's. */
  role: Member['role'];
}

/**
 * Which of the caller's own chats an answer may be about: those with one of these traits. A query leaves the others out before it counts, orders
 * or limits anything, so that nothing it gives depends on them. `none` asks the store nothing.
 */
export type VisibleChats = 'all' | 'none' | readonly ChatTraits[];

/** What is unread in the caller's visible chats, those left out that the caller has hidden. */
export interface UnreadTotal {
  unreadCount: number;
  /** How many chats have something unread. */
  chatCount: number;
}

export interface ChatQueries {
  /** The caller's visible chats; at most `limit`, beyond `from`. Each with the last message that the caller may see. */
  listChats(
    caller: Caller,
    visible: VisibleChats,
    filter: ChatListFilter,
    from: ChatListPosition | null,
    limit: number,
  ): Promise<ChatListItem[]>;
  /**
   * As `listChats` beyond `above`, the other way: those whose latest activity is later, the one nearest to it first. A chat that moves up while these
   * are read stays ahead of the reader.
   */
  listChatsAbove(
    caller: Caller,
    visible: VisibleChats,
    filter: ChatListFilter,
    above: ChatListPosition,
    limit: number,
  ): Promise<ChatListItem[]>;
  /** The chat and the caller's membership; null if the chat does not exist in the caller's tenant or the caller is not in it. */
  findChat(caller: Caller, chatId: string): Promise<ChatView | null>;
  /** Members by user id in code-unit order, beyond `afterUserId`. Ask only after `findChat`. */
  listMembers(chatId: string, afterUserId: string | null, limit: number): Promise<Member[]>;
  countUnread(caller: Caller, visible: VisibleChats): Promise<UnreadTotal>;
  findReceipt(key: ReceiptKey): Promise<StoredReceipt | null>;
  findUser(key: UserKey): Promise<User | null>;
  /** By user id: those of one tenant that have a profile. */
  findUsers(tenantId: string, userIds: readonly string[]): Promise<Map<string, User>>;
}
