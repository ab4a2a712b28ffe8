import {
  type Message,
  type MessageReference,
  type MessageRevision,
  type MessageStub,
  messageOfStub,
  type Reaction,
  stubOf,
} from '../../domain/message.js';
import {
  type BatchSnapshot,
  type BatchWrites,
  messageEmojiKey,
  type ReactionWrite,
  type ReactorKey,
  reactionKey,
  reactorKey,
  readMarkKey,
} from '../ports/store/command-store.js';

type MessageWrites = Pick<
  BatchWrites,
  'messages' | 'messagesChanged' | 'messagesRemoved' | 'revisions' | 'revisionsErased' | 'reactions' | 'threads'
>;

/** What a batch knows and changes of messages, their revisions, reactions and threads. */
export class MessageState {
  private readonly added = new Map<string, Message>();
  private readonly changed = new Map<string, Message>();
  private readonly removed = new Map<string, MessageStub>();
  private readonly revisions = new Map<string, MessageRevision[]>();
  private readonly erased = new Set<string>();
  private readonly reactions = new Map<string, ReactionWrite>();
  private readonly threads = new Map<string, number>();
  /** Differences to the counts of the same names in the snapshot. */
  private readonly countsChanged = new Map<string, number>();
  private readonly emojiOfMessagesChanged = new Map<string, number>();
  private readonly emojiOfReactorsChanged = new Map<string, number>();

  constructor(private readonly snapshot: BatchSnapshot) {}

  reference(messageId: string): MessageReference | undefined {
    return this.inFull(messageId) ?? (this.removed.has(messageId) ? undefined : this.snapshot.messages.get(messageId));
  }

  inFull(messageId: string): Message | undefined {
    return this.removed.has(messageId)
      ? undefined
      : (this.added.get(messageId) ?? this.changed.get(messageId) ?? this.snapshot.messagesInFull.get(messageId));
  }

  hasReaction(reaction: Reaction): boolean {
    const key = reactionKey(reaction);
    return this.reactions.get(key)?.present ?? this.snapshot.reactions.has(key);
  }

  emojiOfMessage(key: Pick<Reaction, 'messageId' | 'emoji'>): { count: number; includesThis: boolean } {
    const { messageId } = key;
    const before = this.snapshot.emojiOfMessages.get(messageId) ?? 0;
    const count = before + (this.emojiOfMessagesChanged.get(messageId) ?? 0);
    return { count, includesThis: this.reactionCount(key) > 0 };
  }

  emojiOfReactor(key: ReactorKey): number {
    const name = reactorKey(key);
    return (this.snapshot.emojiOfReactors.get(name) ?? 0) + (this.emojiOfReactorsChanged.get(name) ?? 0);
  }

  /** Counts messages at or before `upTo`. Messages that this batch added have higher ordinals than all others. */
  ordinalAt(chatId: string, upTo: number): number {
    let ordinal = this.snapshot.ordinals.get(readMarkKey({ chatId, upTo })) ?? 0;
    for (const messages of [this.added, this.removed] as const)
      for (const message of messages.values())
        if (message.chatId === chatId && message.sequence <= upTo) ordinal = Math.max(ordinal, message.ordinal);
    return ordinal;
  }

  add(message: Message): void {
    this.added.set(message.messageId, message);
    if (message.threadRootId !== null) this.countReply(message.threadRootId, 1);
  }

  edit({ message, earlier }: { message: Message; earlier: MessageRevision }): void {
    this.put(message);
    const { messageId } = message;
    this.revisions.set(messageId, [...(this.revisions.get(messageId) ?? []), earlier]);
  }

  erase(tombstone: Message): void {
    this.put(tombstone);
    this.revisions.delete(tombstone.messageId);
    this.erased.add(tombstone.messageId);
  }

  /** Returns the stub that stays of the message. */
  remove(message: Message): Message {
    const { messageId, threadRootId } = message;
    const stub = stubOf(message);
    this.added.delete(messageId);
    this.changed.delete(messageId);
    this.revisions.delete(messageId);
    this.erased.delete(messageId);
    for (const [key, reaction] of this.reactions) if (reaction.messageId === messageId) this.reactions.delete(key);
    this.removed.set(messageId, stub);
    this.threads.delete(messageId);
    if (threadRootId !== null) this.countReply(threadRootId, -1);
    return messageOfStub(stub);
  }

  putReaction(reaction: Reaction, present: boolean, at: Date): void {
    const key = reactionKey(reaction);
    if (this.snapshot.reactions.has(key) === present) this.reactions.delete(key);
    else this.reactions.set(key, { ...reaction, present, at });
    this.countReaction(reaction, present ? 1 : -1);
  }

  writes(): MessageWrites {
    return {
      messages: [...this.added.values()],
      messagesChanged: [...this.changed.values()],
      messagesRemoved: [...this.removed.values()],
      revisions: [...this.revisions.values()].flat(),
      revisionsErased: [...this.erased],
      reactions: [...this.reactions.values()],
      threads: [...this.threads].map(([rootId, replies]) => ({ rootId, replies })),
    };
  }

  private reactionCount(key: Pick<Reaction, 'messageId' | 'emoji'>): number {
    const name = messageEmojiKey(key);
    return (this.snapshot.reactionCounts.get(name) ?? 0) + (this.countsChanged.get(name) ?? 0);
  }

  private countReaction(reaction: Reaction, by: 1 | -1): void {
    const before = this.reactionCount(reaction);
    add(this.countsChanged, messageEmojiKey(reaction), by);
    add(this.emojiOfReactorsChanged, reactorKey(reaction), by);
    // The message gains an emoji with its first reaction and loses it with its last one.
    if (before === 0 || before + by === 0) add(this.emojiOfMessagesChanged, reaction.messageId, by);
  }

  private put(message: Message): void {
    if (this.added.has(message.messageId)) this.added.set(message.messageId, message);
    else this.changed.set(message.messageId, message);
  }

  private countReply(rootId: string, by: number): void {
    // A thread is removed together with its root.
    if (this.removed.has(rootId)) return;
    const replies = (this.threads.get(rootId) ?? 0) + by;
    if (replies === 0) this.threads.delete(rootId);
    else this.threads.set(rootId, replies);
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
