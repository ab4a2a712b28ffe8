/** What clients ask. Every answer is about what the caller may see; `null` and an absent chat cannot be told apart. */

import type { Receipt } from '../../contract/receipts.js';
import type { Chat, Member } from '../../domain/chat.js';
import type { Message } from '../../domain/message.js';
import type { User } from '../../domain/user.js';
import type { ReceiptKey, UserKey } from './command-store.js';
import type { LoggedEvent } from './event-log.js';

export interface Caller {
  tenantId: string;
  userId: string;
}

/** A chat as one of its members sees it. */
export interface ChatView {
  chat: Chat;
  membership: Member;
}

/** A message as queries give it: with the command that created it, which the log knows. */
export type MessageView = Message & { commandId: string };

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
}

/** By sequence: those after `after`, or the last ones before `before`; without either, the latest. Always answered in ascending sequence. */
export interface SequenceRange {
  after?: number;
  before?: number;
  limit: number;
}

export interface SequencePage<T> {
  items: T[];
  hasMore: boolean;
}

export interface ChatQueries {
  /** The caller's chats; at most `limit`, beyond `from`. */
  listChats(
    caller: Caller,
    filter: ChatListFilter,
    from: ChatListPosition | null,
    limit: number,
  ): Promise<ChatListItem[]>;
  /** The chat and the caller's membership; null if the chat does not exist in the caller's tenant or the caller is not in it. */
  findChat(caller: Caller, chatId: string): Promise<ChatView | null>;
  /** Members by user id in code-unit order, beyond `afterUserId`. Ask only after `findChat`. */
  listMembers(chatId: string, afterUserId: string | null, limit: number): Promise<Member[]>;
  listMessages(chatId: string, range: SequenceRange): Promise<SequencePage<MessageView>>;
  findMessage(chatId: string, messageId: string): Promise<MessageView | null>;
  listEvents(chatId: string, after: number, limit: number): Promise<SequencePage<LoggedEvent>>;
  findReceipt(key: ReceiptKey): Promise<Receipt | null>;
  findUser(key: UserKey): Promise<User | null>;
}
