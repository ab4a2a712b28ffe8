import {
  type Message,
  type MessageReference,
  type MessageRevision,
  type MessageStub,
  messageOfStub,
  type Reaction,
  stubOf,
} from '../../domain/message.js';
import { type BatchWrites, type Facts, type ReactionWrite, reactionKey, readMarkKey } from '../ports/command-store.js';

type MessageWrites = Pick<
  BatchWrites,
  'messages' | 'messagesChanged' | 'messagesRemoved' | 'revisions' | 'revisionsErased' | 'reactions' | 'threads'
>;

/** What a batch knows and changes of messages, their earlier texts, reactions and threads. */
export class MessageState {
  private readonly added = new Map<string, Message>();
  private readonly changed = new Map<string, Message>();
  private readonly removed = new Map<string, MessageStub>();
  private readonly revisions = new Map<string, MessageRevision[]>();
  private readonly erased = new Set<string>();
  private readonly reactions = new Map<string, ReactionWrite>();
  private readonly threads = new Map<string, number>();
  /** Of the messages whose reactions this batch has changed; of the others the facts hold. */
  private readonly counts = new Map<string, Map<string, number>>();

  constructor(private readonly facts: Facts) {}

  reference(messageId: string): MessageReference | undefined {
    return this.inFull(messageId) ?? (this.removed.has(messageId) ? undefined : this.facts.messages.get(messageId));
  }

  inFull(messageId: string): Message | undefined {
    return this.removed.has(messageId)
      ? undefined
      : (this.added.get(messageId) ?? this.changed.get(messageId) ?? this.facts.messagesInFull.get(messageId));
  }

  hasReaction(reaction: Reaction): boolean {
    const key = reactionKey(reaction);
    return this.reactions.get(key)?.present ?? this.facts.reactions.has(key);
  }

  /** By emoji; without those that nobody has reacted with. */
  reactionCounts(messageId: string): ReadonlyMap<string, number> {
    return this.counts.get(messageId) ?? this.facts.reactionCounts.get(messageId) ?? new Map();
  }

  /** Of messages at or before `upTo`; what this batch has added lies behind everything that was there. */
  ordinalAt(chatId: string, upTo: number): number {
    let ordinal = this.facts.ordinals.get(readMarkKey({ chatId, upTo })) ?? 0;
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

  /** What is left to be told of it. */
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
    if (this.facts.reactions.has(key) === present) this.reactions.delete(key);
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

  private countReaction({ messageId, emoji }: Reaction, by: 1 | -1): void {
    const counts = this.counts.get(messageId) ?? new Map(this.reactionCounts(messageId));
    const count = (counts.get(emoji) ?? 0) + by;
    if (count > 0) counts.set(emoji, count);
    else counts.delete(emoji);
    this.counts.set(messageId, counts);
  }

  private put(message: Message): void {
    if (this.added.has(message.messageId)) this.added.set(message.messageId, message);
    else this.changed.set(message.messageId, message);
  }

  private countReply(rootId: string, by: number): void {
    // A thread goes with its root.
    if (this.removed.has(rootId)) return;
    const replies = (this.threads.get(rootId) ?? 0) + by;
    if (replies === 0) this.threads.delete(rootId);
    else this.threads.set(rootId, replies);
  }
}
