/**
 * Queries about chats, members, profiles and receipts. `chat-history.ts` has those about a chat's past. Every answer
 * contains only what the caller may see. `null` looks the same for a hidden chat and for a chat that does not exist.
 */
import type { Chat, Member } from '../../../domain/chat.js';
import type { Claims, Profile, User, UserKind } from '../../../domain/user.js';
import type { ReceiptKey, StoredReceipt, UserKey } from '../store/command-store.js';
import type { MessageView } from './chat-history.js';

export interface Caller {
  tenantId: string;
  userId: string;
  /** Other claims of the caller's token, for the policy. Absent if there was no token. */
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

/** Keyset position in the chat list: latest activity first, then by id. */
export interface ChatListPosition {
  lastActivityAt: Date;
  chatId: string;
}

export interface ChatListFilter {
  kind?: Chat['kind'];
  archived?: boolean;
  /** True: only chats that the caller has hidden. Otherwise only chats that are not hidden. */
  hidden?: boolean;
}

/** All attributes of a chat that decide if one caller may see it. */
export interface ChatTraits {
  kind: Chat['kind'];
  archived: boolean;
  /** The caller's role. */
  role: Member['role'];
}

/**
 * Which of the caller's own chats an answer may contain: those with one of these traits. A query filters before it
 * counts, orders or limits, so that other chats do not affect the result. `none` needs no query.
 */
export type VisibleChats = 'all' | 'none' | readonly ChatTraits[];

/** Unread totals of the caller's visible chats, without the chats that the caller has hidden. */
export interface UnreadTotal {
  unreadCount: number;
  /** The number of chats with unread messages. */
  chatCount: number;
}

/** Users of one tenant and of these kinds, whose name or id begins with a prefix. */
export interface UserSearch {
  tenantId: string;
  /** At least one. */
  kinds: readonly UserKind[];
  /** Not empty. A `nameKey`, which is compared with the keys of names, and with ids in lower case. */
  prefix: string;
}

/** A keyset position: the key that matches, then the user id. Ordered by code point. */
export interface UserPosition {
  key: string;
  userId: string;
}

/**
 * A match of a search. A user whose name and id both match has two, and only the first of them has the profile: the
 * second would repeat the user.
 */
export interface UserMatch extends UserPosition {
  profile: Profile | null;
}

export interface ChatQueries {
  /** The caller's visible chats after `from`, at most `limit`, each with the last message that the caller may see. */
  listChats(
    caller: Caller,
    visible: VisibleChats,
    filter: ChatListFilter,
    from: ChatListPosition | null,
    limit: number,
  ): Promise<ChatListItem[]>;
  /**
   * Like `listChats`, but in the other direction: chats with later activity than `above`, nearest first. A chat that
   * moves up during paging stays ahead of the reader.
   */
  listChatsAbove(
    caller: Caller,
    visible: VisibleChats,
    filter: ChatListFilter,
    above: ChatListPosition,
    limit: number,
  ): Promise<ChatListItem[]>;
  /**
   * The chat and the caller's membership. Null if the chat does not exist in the caller's tenant or the caller is not a
   * member.
   */
  findChat(caller: Caller, chatId: string): Promise<ChatView | null>;
  /** Members after `afterUserId`, by user id in code-unit order. Call it only after `findChat`. */
  listMembers(chatId: string, afterUserId: string | null, limit: number): Promise<Member[]>;
  countUnread(caller: Caller, visible: VisibleChats): Promise<UnreadTotal>;
  findReceipt(key: ReceiptKey): Promise<StoredReceipt | null>;
  findUser(key: UserKey): Promise<User | null>;
  /** Users of one tenant that have a profile, by user id. */
  findUsers(tenantId: string, userIds: readonly string[]): Promise<Map<string, User>>;
  /** The matches after `after`, at most `limit`. */
  searchUsers(search: UserSearch, after: UserPosition | null, limit: number): Promise<UserMatch[]>;
}
