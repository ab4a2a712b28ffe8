/**
 * A user's chats and their messages, from the feed. The records and the resume token that covers them are written in
 * one transaction, so a crash at any moment neither loses nor doubles an event.
 */
import { isOfChat } from '../../contract/messages/chatless-events.js';
import {
  type ChatRecord,
  changeChat,
  changedMessage,
  changeMessage,
  createdMessage,
  type Mark,
  type MessageRecord,
  markRead,
  newChat,
  withState,
} from './chat-records.js';
import type { ChatStorage, MessageRange } from './chat-storage.js';
import type { FeedChange, FeedEvent, FeedOwner, FeedStore, StoredFeed } from './feed.js';
import { MemoryStorage } from './memory-storage.js';

/** What has changed. */
export interface StoreChange {
  /** Chats that are new, changed or gone. */
  chatIds: ReadonlySet<string>;
  /** Messages that are new or changed, by chat. */
  messages: ReadonlyMap<string, readonly MessageRecord[]>;
  /** These chats were dropped, and perhaps begun anew: what is on screen of them is not valid. */
  dropped: ReadonlySet<string>;
  /** Everything was dropped before, or read again. */
  cleared: boolean;
}

export type MessageQuery = MessageRange & {
  /** Default 50. */
  limit?: number;
};
const MESSAGES_DEFAULT = 50;

export class ChatStore implements FeedStore {
  #owner: FeedOwner | null = null;
  #resumeToken: string | null = null;
  #chats = new Map<string, ChatRecord>();
  readonly #listeners = new Set<(change: StoreChange) => void>();
  /** A transaction failed: it can be in the storage all the same. */
  #isUncertain = false;

  /** Default: in memory. */
  constructor(private readonly storage: ChatStorage = new MemoryStorage()) {}

  /** The user's chats. A new map after each change; the records are not changed. */
  get chats(): ReadonlyMap<string, ChatRecord> {
    return this.#chats;
  }

  /** The user whose chats these are. Null until the first connection. */
  get owner(): FeedOwner | null {
    return this.#owner;
  }

  /** Unread messages of all chats. */
  get unreadCount(): number {
    let count = 0;
    for (const { state } of this.#chats.values()) count += state?.unreadCount ?? 0;
    return count;
  }

  /**
   * Messages in ascending sequence: the first ones after `after` if that is given, else the last ones before `before`,
   * else the latest. Those that were deleted are among them (`deleted`).
   */
  messages(chatId: string, { limit = MESSAGES_DEFAULT, ...range }: MessageQuery = {}): Promise<MessageRecord[]> {
    return this.storage.messages(chatId, range, limit, range.after !== undefined);
  }

  message(chatId: string, sequence: number): Promise<MessageRecord | undefined> {
    return this.storage.message(chatId, sequence);
  }

  /** For `inReplyTo` and `threadRootId`. */
  messageById(chatId: string, messageId: string): Promise<MessageRecord | undefined> {
    return this.storage.messageById(chatId, messageId);
  }

  /**
   * Calls `listener` after each transaction, and with `cleared` when the chats were read again because a transaction
   * failed: the storage can have it all the same. Returns what removes it.
   */
  onChange(listener: (change: StoreChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the records, for example to show them before the first connection. The client calls it as well. */
  async load(): Promise<StoredFeed> {
    const { owner, resumeToken, chats } = await this.storage.load();
    this.#owner = owner;
    this.#resumeToken = resumeToken;
    const before = this.#chats.keys();
    this.#chats = new Map(chats.map((chat) => [chat.chatId, chat]));
    if (this.#isUncertain) {
      const all = new Set([...before, ...this.#chats.keys()]);
      this.#tell({ chatIds: all, messages: new Map(), dropped: all, cleared: true });
    }
    this.#isUncertain = false;
    const sequences = chats.flatMap(({ chatId, lastSequence }) =>
      lastSequence === 0 ? [] : [[chatId, lastSequence] as const],
    );
    return { owner, resumeToken, sequences };
  }

  async apply(changes: readonly FeedChange[]): Promise<void> {
    const batch = new Batch(this.storage, this.#chats, this.#owner, this.#resumeToken);
    for (const change of changes) await batch.add(change);
    const { owner, resumeToken, clear, drop, messages } = batch;
    const touched = [...batch.touched].flatMap((chatId) => batch.chats.get(chatId) ?? []);
    const records = [...messages.values()].flatMap((ofChat) => [...ofChat.values()]);
    this.#isUncertain = true;
    await this.storage.commit({ clear, drop: [...drop], chats: touched, messages: records, owner, resumeToken });
    this.#isUncertain = false;
    this.#owner = owner;
    this.#resumeToken = resumeToken;
    if (batch.touched.size === 0 && drop.size === 0 && !clear) return;
    this.#chats = batch.chats;
    const change: StoreChange = {
      chatIds: new Set([...batch.touched, ...drop]),
      messages: new Map([...messages].map(([chatId, ofChat]) => [chatId, [...ofChat.values()]])),
      ...{ dropped: drop, cleared: clear },
    };
    this.#tell(change);
  }

  #tell(change: StoreChange): void {
    // An error of a listener must not look like one of the storage.
    for (const listener of this.#listeners) queueMicrotask(() => listener(change));
  }

  close(): void {
    this.storage.close();
  }
}

/** The changes of one transaction, on copies. */
class Batch {
  clear = false;
  readonly drop = new Set<string>();
  readonly touched = new Set<string>();
  /** New and changed messages by chat and sequence. */
  readonly messages = new Map<string, Map<number, MessageRecord>>();
  readonly chats: Map<string, ChatRecord>;

  constructor(
    private readonly storage: ChatStorage,
    /** What the storage has. */
    private readonly stored: ReadonlyMap<string, ChatRecord>,
    public owner: FeedOwner | null,
    public resumeToken: string | null,
  ) {
    this.chats = new Map(stored);
  }

  async add(change: FeedChange): Promise<void> {
    switch (change.kind) {
      case 'owner':
        this.owner = change.owner;
        return;
      case 'token':
        this.resumeToken = change.token;
        return;
      case 'clear':
        for (const chatId of this.chats.keys()) this.forget(chatId);
        this.clear = true;
        this.resumeToken = null;
        return;
      case 'reset':
        this.forget(change.chatId);
        this.put(newChat(change.chatId));
        return;
      case 'left':
        this.forget(change.chatId);
        return;
      case 'chat':
        this.put(withState(this.chatOf(change.chat.chatId), change.chat));
        return;
      case 'event':
        await this.addEvent(change.event, change.sequence);
    }
  }

  private async addEvent(event: FeedEvent, sequence: number | null): Promise<void> {
    if (!isOfChat(event)) return;
    const { chatId } = event.data;
    // A mark of a chat that was dropped meanwhile.
    if (sequence === null && !this.chats.has(chatId)) return;
    const self = this.owner?.userId ?? '';
    let chat = this.chatOf(chatId);
    if (event.type === 'chat.read' && event.data.userId === self) chat = await this.read(chat, event.data);
    this.put(changeChat(chat, event, sequence, self));
    const created = createdMessage(event);
    if (created !== null) this.putMessage(created);
    const changed = changedMessage(event);
    if (changed === null) return;
    const message =
      changed.sequence === undefined
        ? await this.messageById(chatId, changed.messageId)
        : await this.message(chatId, changed.sequence);
    // Not here: it is from before the visible history, or before `now`.
    if (message !== undefined) this.putMessage(changeMessage(message, event, self));
  }

  private async read(chat: ChatRecord, { upTo }: Mark): Promise<ChatRecord> {
    const { chatId, state } = chat;
    if (state === null) return chat;
    const range = { after: state.membership.readSequence, before: upTo + 1 };
    let count = this.isStored(chatId) ? await this.storage.countMessages(chatId, range) : 0;
    for (const { sequence } of this.messages.get(chatId)?.values() ?? [])
      if (sequence > range.after && sequence < range.before && sequence > this.storedThrough(chatId)) count += 1;
    return markRead(chat, upTo, count);
  }

  /** The last sequence of the chat that the storage has. */
  private storedThrough(chatId: string): number {
    return this.isStored(chatId) ? (this.stored.get(chatId)?.lastSequence ?? 0) : 0;
  }

  private isStored(chatId: string): boolean {
    return !this.clear && !this.drop.has(chatId);
  }

  private chatOf(chatId: string): ChatRecord {
    return this.chats.get(chatId) ?? newChat(chatId);
  }

  private put(chat: ChatRecord): void {
    this.touched.add(chat.chatId);
    this.chats.set(chat.chatId, chat);
  }

  private forget(chatId: string): void {
    this.chats.delete(chatId);
    this.messages.delete(chatId);
    this.touched.delete(chatId);
    this.drop.add(chatId);
  }

  private putMessage(message: MessageRecord): void {
    const ofChat = this.messages.get(message.chatId) ?? new Map<number, MessageRecord>();
    this.messages.set(message.chatId, ofChat);
    ofChat.set(message.sequence, message);
  }

  private async message(chatId: string, sequence: number): Promise<MessageRecord | undefined> {
    const here = this.messages.get(chatId)?.get(sequence);
    if (here !== undefined || !this.isStored(chatId)) return here;
    return this.storage.message(chatId, sequence);
  }

  private async messageById(chatId: string, messageId: string): Promise<MessageRecord | undefined> {
    for (const message of this.messages.get(chatId)?.values() ?? [])
      if (message.messageId === messageId) return message;
    return this.isStored(chatId) ? this.storage.messageById(chatId, messageId) : undefined;
  }
}
