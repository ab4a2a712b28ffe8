import type { ChatRecord, MessageRecord } from './chat-records.js';
import type { ChatStorage, MessageRange, StorageWrite, StoredChats } from './chat-storage.js';
import type { FeedOwner } from './feed.js';

/** Records in memory. They are gone with the process, and with them the resume token. */
export class MemoryStorage implements ChatStorage {
  #owner: FeedOwner | null = null;
  #resumeToken: string | null = null;
  readonly #chats = new Map<string, ChatRecord>();
  /** By chat: in ascending sequence. */
  readonly #messages = new Map<string, MessageRecord[]>();

  async load(): Promise<StoredChats> {
    return { owner: this.#owner, resumeToken: this.#resumeToken, chats: [...this.#chats.values()] };
  }

  async commit({ clear, drop, chats, messages, owner, resumeToken }: StorageWrite): Promise<void> {
    if (clear) {
      this.#chats.clear();
      this.#messages.clear();
    }
    for (const chatId of drop) {
      this.#chats.delete(chatId);
      this.#messages.delete(chatId);
    }
    for (const chat of chats) this.#chats.set(chat.chatId, chat);
    for (const message of messages) {
      const list = this.#messages.get(message.chatId) ?? [];
      this.#messages.set(message.chatId, list);
      const at = firstFrom(list, message.sequence);
      list.splice(at, list[at]?.sequence === message.sequence ? 1 : 0, message);
    }
    this.#owner = owner;
    this.#resumeToken = resumeToken;
  }

  async message(chatId: string, sequence: number): Promise<MessageRecord | undefined> {
    const list = this.#messages.get(chatId) ?? [];
    const message = list[firstFrom(list, sequence)];
    return message?.sequence === sequence ? message : undefined;
  }

  async messageById(chatId: string, messageId: string): Promise<MessageRecord | undefined> {
    return this.#messages.get(chatId)?.find((message) => message.messageId === messageId);
  }

  async messages(chatId: string, range: MessageRange, limit: number, fromStart: boolean): Promise<MessageRecord[]> {
    const { list, from, to } = this.#bounds(chatId, range);
    return fromStart ? list.slice(from, Math.min(to, from + limit)) : list.slice(Math.max(from, to - limit), to);
  }

  async countMessages(chatId: string, range: MessageRange): Promise<number> {
    const { from, to } = this.#bounds(chatId, range);
    return to - from;
  }

  close(): void {}

  #bounds(chatId: string, { after = 0, before = Number.POSITIVE_INFINITY }: MessageRange) {
    const list = this.#messages.get(chatId) ?? [];
    const from = firstFrom(list, after + 1);
    return { list, from, to: Math.max(from, firstFrom(list, before)) };
  }
}

/** The index of the first message with at least this sequence. */
function firstFrom(list: readonly MessageRecord[], sequence: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle]?.sequence ?? 0) < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}
