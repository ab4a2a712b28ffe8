import {
  type BatchRequest,
  type BatchResult,
  type BatchSnapshot,
  type BatchWrites,
  type CommandStore,
  memberKey,
  messageEmojiKey,
  type ReadMarkKey,
  reactionKey,
  reactorKey,
  readMarkKey,
  receiptKey,
  type SnapshotKeys,
  StoreError,
  userKey,
} from '../../../application/ports/store/command-store.js';
import type { Reaction } from '../../../domain/message.js';
import { NO_CHATS, type UserChats } from '../../../domain/user-chats.js';
import { copy } from './copy.js';
import { writeMessages } from './memory-messages.js';
import { entry, type MemoryTables, type PartitionRow } from './memory-tables.js';

export class MemoryCommandStore implements CommandStore {
  constructor(private readonly world: MemoryTables) {}

  async transact<T>(
    request: BatchRequest,
    decide: (snapshot: BatchSnapshot) => { writes: BatchWrites; value: T },
  ): Promise<BatchResult<T>> {
    const partition = this.world.partitions.get(request.partition);
    if (partition === undefined || partition.epoch !== request.epoch) return { outcome: 'fenced' };
    const { writes, value } = decide(this.snapshot(partition, request.keys));
    // Everything is checked before anything is written, because this store cannot roll back.
    this.check(request, partition.position, writes);
    this.write(request.partition, copy(writes));
    partition.position += writes.events.length;
    partition.publishedThrough = Math.max(partition.publishedThrough, request.publishedThrough);
    return { outcome: 'committed', value };
  }

  async noteSuspects(partition: number, commandKeys: readonly string[]): Promise<Map<string, number>> {
    const { attempts } = this.world;
    const known = pick([...commandKeys], (key) => attempts.get(`${partition} ${key}`));
    if (known.size === 0) for (const key of commandKeys) this.noteAttempts(`${partition} ${key}`, 0);
    return known;
  }

  async countAttempt(partition: number, commandKey: string): Promise<number> {
    const attempts = (this.world.attempts.get(`${partition} ${commandKey}`) ?? 0) + 1;
    this.noteAttempts(`${partition} ${commandKey}`, attempts);
    return attempts;
  }

  async forgetAttempts(partition: number, commandKeys: readonly string[]): Promise<void> {
    for (const key of commandKeys) this.world.attempts.delete(`${partition} ${key}`);
  }

  async pruneAttempts(before: Date, limit: number): Promise<number> {
    const { attempts, attemptedAt } = this.world;
    const old = [...attempts.keys()].filter((key) => (attemptedAt.get(key) ?? before) < before).slice(0, limit);
    for (const key of old) attempts.delete(key);
    return old.length;
  }

  async probe(): Promise<void> {
    // This store is always fast.
  }

  async pruneReceipts(before: Date, limit: number): Promise<number> {
    const old = [...this.world.receipts].filter(([, receipt]) => receipt.at < before).slice(0, limit);
    for (const [key] of old) this.world.receipts.delete(key);
    return old.length;
  }

  async pruneRejectedCommands(partition: number, before: Date, limit: number): Promise<number> {
    const row = this.world.partitions.get(partition);
    const log = this.world.log.get(partition);
    if (row === undefined || log === undefined) return 0;
    const old = log
      .filter(({ event, at }) => event.type === 'command.rejected' && at < before)
      .sort((a, b) => a.at.getTime() - b.at.getTime())
      .slice(0, limit)
      .filter(({ position }) => position <= row.publishedThrough);
    const gone = new Set(old);
    this.world.log.set(
      partition,
      log.filter((event) => !gone.has(event)),
    );
    row.logFloor = Math.max(row.logFloor, ...old.map(({ position }) => position));
    row.logPruned += old.length;
    return old.length;
  }

  private noteAttempts(key: string, attempts: number): void {
    this.world.attempts.set(key, attempts);
    this.world.attemptedAt.set(key, new Date());
  }

  private snapshot({ position }: Pick<PartitionRow, 'position'>, keys: SnapshotKeys): BatchSnapshot {
    const { receipts, chats, members, users, messages, userChats, departures } = this.world;
    return {
      position,
      receipts: pick(keys.receipts.map(receiptKey), (key) => {
        const record = receipts.get(key);
        return record && { contentHash: record.contentHash, receipt: record.receipt };
      }),
      chats: pick(keys.chats, (chatId) => chats.get(chatId)),
      members: new Map(
        keys.members.flatMap((key) => {
          const member = members.get(key.chatId)?.get(key.userId);
          return member === undefined ? [] : [[memberKey(key), copy(member)]];
        }),
      ),
      users: pick(keys.users.map(userKey), (key) => users.get(key)),
      messages: pick(keys.messages, (messageId) => {
        const message = messages.get(messageId);
        if (message === undefined) return undefined;
        const { chatId, sequence, senderId, threadRootId, createdAt, deletedAt } = message;
        return { messageId, chatId, sequence, senderId, threadRootId, createdAt, deletedAt };
      }),
      messagesInFull: pick(keys.messagesInFull, (messageId) => messages.get(messageId)),
      reactions: new Set(
        keys.reactions.filter((key) => this.whoReacted(key)?.has(key.userId)).map((key) => reactionKey(key)),
      ),
      reactionCounts: new Map(keys.reactions.map((key) => [messageEmojiKey(key), this.whoReacted(key)?.size ?? 0])),
      emojiOfMessages: new Map(keys.reactions.map(({ messageId }) => [messageId, this.emojiOf(messageId).length])),
      emojiOfReactors: new Map(
        keys.reactors.map((key) => [
          reactorKey(key),
          this.emojiOf(key.messageId).filter((users) => users.has(key.userId)).length,
        ]),
      ),
      ordinals: new Map(keys.readMarks.map((key) => [readMarkKey(key), this.ordinalAt(key)])),
      userChats: pick(keys.userChats.map(userKey), (key) => userChats.get(key)),
      formerMutes: new Map(
        keys.formerMutes.flatMap((key) => {
          const mutedUntil = departures.get(userKey(key))?.get(key.chatId)?.mutedUntil ?? null;
          return mutedUntil === null ? [] : [[memberKey(key), mutedUntil]];
        }),
      ),
    };
  }

  private whoReacted({ messageId, emoji }: Reaction): Set<string> | undefined {
    return this.world.reactions.get(messageId)?.get(emoji);
  }

  /** For each emoji on the message, the users who reacted with it. */
  private emojiOf(messageId: string): Set<string>[] {
    return [...(this.world.reactions.get(messageId)?.values() ?? [])];
  }

  private ordinalAt({ chatId, upTo }: ReadMarkKey): number {
    const { messages, removedMessages } = this.world;
    const ordinals = [...messages.values(), ...removedMessages.values()].flatMap((message) =>
      message.chatId === chatId && message.sequence <= upTo ? [message.ordinal] : [],
    );
    return Math.max(0, ...ordinals);
  }

  /** Checks the database's constraints, and conflicts with rows that other partitions have changed. */
  private check(request: BatchRequest, position: number, writes: BatchWrites): void {
    const { users, chats, messages, messagesOfChat, eventsOfChat, receipts } = this.world;
    if (
      writes.users.some(({ user, previousRevision }) => (users.get(userKey(user))?.revision ?? 0) !== previousRevision)
    ) {
      throw new StoreError('contention', "another revision of a user's profile came in between");
    }
    if (writes.chatsCreated.some(({ chatId }) => chats.has(chatId))) {
      throw new StoreError('contention', 'a chat of the same id came in between');
    }
    if (writes.receipts.some((receipt) => receipts.has(receiptKey(receipt)))) {
      throw new StoreError('contention', 'a receipt of the same command came in between');
    }
    const { changes, max } = writes.userChats;
    if (changes.some((change) => !hasRoom(this.world.userChats.get(userKey(change)) ?? NO_CHATS, change, max))) {
      throw new StoreError('contention', 'a user has come into another chat in between');
    }
    if (writes.chatsChanged.some(({ chatId }) => !chats.has(chatId))) {
      throw new StoreError('refused', 'a chat to change does not exist');
    }
    if (
      writes.events.some((event, i) => event.partition !== request.partition || event.position !== position + i + 1)
    ) {
      throw new StoreError('refused', 'an event of the batch is not at its position in the log');
    }
    const last = (rows: { sequence: number | null }[] | undefined) => rows?.at(-1)?.sequence ?? 0;
    if (
      writes.messages.some(
        (row) => messages.has(row.messageId) || row.sequence <= last(messagesOfChat.get(row.chatId)),
      ) ||
      writes.events.some((row) => row.sequence !== null && row.sequence <= last(eventsOfChat.get(row.chatId ?? '')))
    ) {
      throw new StoreError('refused', 'a message or event of the batch is there already');
    }
  }

  private write(partition: number, writes: BatchWrites): void {
    const world = this.world;
    for (const { user } of writes.users) world.users.set(userKey(user), user);
    for (const chat of [...writes.chatsCreated, ...writes.chatsChanged]) world.chats.set(chat.chatId, chat);
    for (const member of writes.membersPut) {
      entry(world.members, member.chatId, () => new Map()).set(member.userId, member);
      entry(world.chatsOfUser, userKey(member), () => new Set()).add(member.chatId);
    }
    for (const { tenantId, chatId, userId, position, mutedUntil } of writes.membersRemoved) {
      const user = userKey({ tenantId, userId });
      world.members.get(chatId)?.delete(userId);
      world.chatsOfUser.get(user)?.delete(chatId);
      entry(world.departures, user, () => new Map()).set(chatId, { partition, position, mutedUntil });
    }
    for (const change of writes.userChats.changes) {
      const { created, joined } = world.userChats.get(userKey(change)) ?? NO_CHATS;
      world.userChats.set(userKey(change), { created: created + change.created, joined: joined + change.joined });
    }
    for (const { chatId, state, until, ...user } of writes.membershipStatesEnded) {
      const ofUser = entry(world.formerMemberships, userKey(user), () => new Map());
      entry(ofUser, chatId, () => new Map()).set(state, until);
    }
    writeMessages(world, writes);
    for (const event of writes.events) {
      entry(world.log, event.partition, () => []).push(event);
      if (event.chatId !== null && event.sequence !== null)
        entry(world.eventsOfChat, event.chatId, () => []).push(event);
    }
    for (const decision of writes.decisions) world.decisions.set(decision.decisionId, decision);
    for (const receipt of writes.receipts) world.receipts.set(receiptKey(receipt), receipt);
  }
}

function hasRoom(present: UserChats, by: UserChats, max: number): boolean {
  return (['created', 'joined'] as const).every((count) => by[count] <= 0 || present[count] + by[count] <= max);
}

function pick<V>(keys: string[], find: (key: string) => V | undefined): Map<string, V> {
  return new Map(
    keys.flatMap((key) => {
      const value = find(key);
      return value === undefined ? [] : [[key, copy(value)]];
    }),
  );
}
