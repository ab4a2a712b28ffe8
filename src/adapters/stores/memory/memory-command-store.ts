import {
  type BatchRequest,
  type BatchResult,
  type BatchSnapshot,
  type BatchWrites,
  type CommandStore,
  memberKey,
  messageEmojiKey,
  positionsAfter,
  type ReadMarkKey,
  reactionKey,
  reactorKey,
  readMarkKey,
  receiptKey,
  StoreError,
  userKey,
  webhookKey,
} from '../../../application/ports/store/command-store.js';
import type { Reaction } from '../../../domain/message.js';
import { NO_CHATS, type UserChats } from '../../../domain/user-chats.js';
import { copy } from './copy.js';
import { writeMessages } from './memory-messages.js';
import { entry, type MemoryTables } from './memory-tables.js';

export class MemoryCommandStore implements CommandStore {
  /** @param now the store's clock, in milliseconds since 1970 */
  constructor(
    private readonly tables: MemoryTables,
    private readonly now: () => number = Date.now,
  ) {}

  async transact<T>(
    request: BatchRequest,
    decide: (snapshot: BatchSnapshot) => { writes: BatchWrites; value: T },
  ): Promise<BatchResult<T>> {
    const leased = request.leases.map((lease) => ({ lease, row: this.tables.partitions.get(lease.partition) }));
    const fenced = leased.filter(({ lease, row }) => row?.epoch !== lease.epoch).map(({ lease }) => lease.partition);
    if (fenced.length > 0) return { outcome: 'fenced', partitions: fenced };
    const snapshot = this.snapshot(request);
    const { writes, value } = decide(snapshot);
    // Everything is checked before anything is written, because this store cannot roll back.
    const positions = positionsAfter(snapshot, writes.events);
    this.check(writes);
    this.write(copy(writes));
    for (const { lease, row } of leased) {
      if (row === undefined) continue;
      row.position = positions.get(lease.partition) ?? row.position;
      row.publishedThrough = Math.max(row.publishedThrough, lease.publishedThrough);
    }
    return { outcome: 'committed', value };
  }

  async noteSuspects(partition: number, commandKeys: readonly string[]): Promise<Map<string, number>> {
    const { attempts } = this.tables;
    const known = pick([...commandKeys], (key) => attempts.get(`${partition} ${key}`));
    if (known.size === 0) for (const key of commandKeys) this.noteAttempts(`${partition} ${key}`, 0);
    return known;
  }

  async countAttempt(partition: number, commandKey: string): Promise<number> {
    const attempts = (this.tables.attempts.get(`${partition} ${commandKey}`) ?? 0) + 1;
    this.noteAttempts(`${partition} ${commandKey}`, attempts);
    return attempts;
  }

  async forgetAttempts(partition: number, commandKeys: readonly string[]): Promise<void> {
    for (const key of commandKeys) this.tables.attempts.delete(`${partition} ${key}`);
  }

  async pruneAttempts(before: Date, limit: number): Promise<number> {
    const { attempts, attemptedAt } = this.tables;
    const old = [...attempts.keys()].filter((key) => (attemptedAt.get(key) ?? before) < before).slice(0, limit);
    for (const key of old) attempts.delete(key);
    return old.length;
  }

  async probe(): Promise<void> {
    // This store is always fast.
  }

  async pruneReceipts(retentionMs: number): Promise<number> {
    const until = this.now() - retentionMs;
    const old = [...this.tables.receipts].filter(([, receipt]) => receipt.at.getTime() <= until);
    for (const [key] of old) this.tables.receipts.delete(key);
    return old.length;
  }

  async pruneRejectedCommands(partition: number, before: Date, limit: number): Promise<number> {
    const row = this.tables.partitions.get(partition);
    const log = this.tables.log.get(partition);
    if (row === undefined || log === undefined) return 0;
    const old = log
      .filter(({ event, at }) => event.type === 'command.rejected' && at < before)
      .sort((a, b) => a.at.getTime() - b.at.getTime())
      .slice(0, limit)
      .filter(({ position }) => position <= row.publishedThrough);
    const gone = new Set(old);
    this.tables.log.set(
      partition,
      log.filter((event) => !gone.has(event)),
    );
    row.logFloor = Math.max(row.logFloor, ...old.map(({ position }) => position));
    row.logPruned += old.length;
    return old.length;
  }

  private noteAttempts(key: string, attempts: number): void {
    this.tables.attempts.set(key, attempts);
    this.tables.attemptedAt.set(key, new Date());
  }

  private snapshot({ leases, keys }: BatchRequest): BatchSnapshot {
    const { receipts, chats, members, users, messages, userChats, departures, webhooks } = this.tables;
    return {
      positions: new Map(
        leases.map(({ partition }) => [partition, this.tables.partitions.get(partition)?.position ?? 0]),
      ),
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
      webhooks: new Map(
        [...webhooks]
          .filter(([, { tenantId }]) => keys.webhookTenants.includes(tenantId))
          .map(([key, row]) => [key, copy(row)]),
      ),
      formerMutes: new Map(
        keys.formerMutes.flatMap((key) => {
          const mutedUntil = departures.get(userKey(key))?.get(key.chatId)?.mutedUntil ?? null;
          return mutedUntil === null ? [] : [[memberKey(key), mutedUntil]];
        }),
      ),
    };
  }

  private whoReacted({ messageId, emoji }: Reaction): Set<string> | undefined {
    return this.tables.reactions.get(messageId)?.get(emoji);
  }

  /** For each emoji on the message, the users who reacted with it. */
  private emojiOf(messageId: string): Set<string>[] {
    return [...(this.tables.reactions.get(messageId)?.values() ?? [])];
  }

  private ordinalAt({ chatId, upTo }: ReadMarkKey): number {
    const { messages, removedMessages } = this.tables;
    const ordinals = [...messages.values(), ...removedMessages.values()].flatMap((message) =>
      message.chatId === chatId && message.sequence <= upTo ? [message.ordinal] : [],
    );
    return Math.max(0, ...ordinals);
  }

  /** Checks the database's constraints, and conflicts with rows that other partitions have changed. */
  private check(writes: BatchWrites): void {
    const { users, chats, messages, messagesOfChat, eventsOfChat, receipts } = this.tables;
    if (
      writes.users.some(({ user, previousRevision }) => (users.get(userKey(user))?.revision ?? 0) !== previousRevision)
    ) {
      throw new StoreError('contention', "another revision of a user's profile came in between");
    }
    if (
      writes.webhooks.some(
        (write) => (this.tables.webhooks.get(webhookKey(write))?.revision ?? 0) !== write.previousRevision,
      )
    ) {
      throw new StoreError('contention', 'another revision of a webhook came in between');
    }
    if (writes.chatsCreated.some(({ chatId }) => chats.has(chatId))) {
      throw new StoreError('contention', 'a chat of the same id came in between');
    }
    if (writes.receipts.some((receipt) => receipts.has(receiptKey(receipt)))) {
      throw new StoreError('contention', 'a receipt of the same command came in between');
    }
    const { changes, max } = writes.userChats;
    if (changes.some((change) => !hasRoom(this.tables.userChats.get(userKey(change)) ?? NO_CHATS, change, max))) {
      throw new StoreError('contention', 'a user has come into another chat in between');
    }
    if (writes.chatsChanged.some(({ chatId }) => !chats.has(chatId))) {
      throw new StoreError('refused', 'a chat to change does not exist');
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

  private write(writes: BatchWrites): void {
    const tables = this.tables;
    for (const { user } of writes.users) tables.users.set(userKey(user), user);
    for (const { webhook, ...key } of writes.webhooks) {
      if (webhook === null) tables.webhooks.delete(webhookKey(key));
      else tables.webhooks.set(webhookKey(key), webhook);
    }
    for (const chat of [...writes.chatsCreated, ...writes.chatsChanged]) tables.chats.set(chat.chatId, chat);
    for (const member of writes.membersPut) {
      entry(tables.members, member.chatId, () => new Map()).set(member.userId, member);
      entry(tables.chatsOfUser, userKey(member), () => new Set()).add(member.chatId);
    }
    for (const { tenantId, chatId, userId, partition, position, mutedUntil } of writes.membersRemoved) {
      const user = userKey({ tenantId, userId });
      tables.members.get(chatId)?.delete(userId);
      tables.chatsOfUser.get(user)?.delete(chatId);
      entry(tables.departures, user, () => new Map()).set(chatId, { partition, position, mutedUntil });
    }
    for (const change of writes.userChats.changes) {
      const { created, joined } = tables.userChats.get(userKey(change)) ?? NO_CHATS;
      tables.userChats.set(userKey(change), { created: created + change.created, joined: joined + change.joined });
    }
    for (const { chatId, state, until, ...user } of writes.membershipStatesEnded) {
      const ofUser = entry(tables.formerMemberships, userKey(user), () => new Map());
      entry(ofUser, chatId, () => new Map()).set(state, until);
    }
    writeMessages(tables, writes);
    for (const event of writes.events) {
      entry(tables.log, event.partition, () => []).push(event);
      if (event.chatId !== null && event.sequence !== null)
        entry(tables.eventsOfChat, event.chatId, () => []).push(event);
    }
    for (const decision of writes.decisions) tables.decisions.set(decision.decisionId, decision);
    for (const receipt of writes.receipts) tables.receipts.set(receiptKey(receipt), receipt);
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
