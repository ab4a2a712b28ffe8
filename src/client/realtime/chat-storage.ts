import type { ChatRecord, MessageRecord } from './chat-records.js';
import type { FeedOwner } from './feed.js';

/** What a `ChatStorage` has besides messages. */
export interface StoredChats {
  owner: FeedOwner | null;
  resumeToken: string | null;
  chats: readonly ChatRecord[];
}

/** One transaction, in this order: `clear`, `drop`, then the records, which replace those with the same key. */
export interface StorageWrite {
  /** Delete everything. */
  clear: boolean;
  /** Delete these chats with their messages. */
  drop: readonly string[];
  chats: readonly ChatRecord[];
  messages: readonly MessageRecord[];
  owner: FeedOwner | null;
  resumeToken: string | null;
}

/** Sequences, from `after` exclusive to `before` exclusive. */
export interface MessageRange {
  after?: number;
  before?: number;
}

/** Where a `ChatStore` keeps its records. Keys: the chat id, and the chat id with the sequence. */
export interface ChatStorage {
  load(): Promise<StoredChats>;
  /** All or nothing. Rejects if the storage was changed by another client since `load` and the last `commit`. */
  commit(write: StorageWrite): Promise<void>;
  message(chatId: string, sequence: number): Promise<MessageRecord | undefined>;
  messageById(chatId: string, messageId: string): Promise<MessageRecord | undefined>;
  /** The last `limit` messages of the range, in ascending order; the first ones with `fromStart`. */
  messages(chatId: string, range: MessageRange, limit: number, fromStart: boolean): Promise<MessageRecord[]>;
  countMessages(chatId: string, range: MessageRange): Promise<number>;
  close(): void;
}
