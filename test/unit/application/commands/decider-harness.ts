import { expect } from 'chai';
import { PolicyEnforcementPoint } from '../../../../src/application/policy/enforcement.js';
import type { PolicyDecisionPoint } from '../../../../src/application/ports/policy-decision-point.js';
import {
  type BatchSnapshot,
  type BatchWrites,
  memberKey,
  messageEmojiKey,
  type ReadMarkKey,
  reactionKey,
  reactorKey,
  readMarkKey,
  receiptKey,
  type SnapshotKeys,
  type StoredReceipt,
  userKey,
  webhookKey,
} from '../../../../src/application/ports/store/command-store.js';
import type { DecisionRecord } from '../../../../src/application/ports/store/decision-record.js';
import type { LoggedEvent } from '../../../../src/application/ports/store/log/event-log.js';
import { CommandDecider } from '../../../../src/application/processing/execution/command-decider.js';
import { snapshotKeysOf } from '../../../../src/application/processing/execution/snapshot-keys.js';
import { newOrderedId } from '../../../../src/application/runtime/ordered-id.js';
import type { BatchItem, ItemResult } from '../../../../src/application/snapshot/batch-item.js';
import { decodeCommand } from '../../../../src/contract/messages/decode-command.js';
import type { IncomingCommand } from '../../../../src/contract/messages/delivery.js';
import type { Reason } from '../../../../src/contract/messages/problems.js';
import { type Receipt, receipt } from '../../../../src/contract/messages/receipts.js';
import type { Chat, Member, Metadata } from '../../../../src/domain/chat.js';
import { DEFAULT_LIMITS, type Limits } from '../../../../src/domain/limits.js';
import type { Message, MessageRevision, MessageStub } from '../../../../src/domain/message.js';
import type { Claims, User } from '../../../../src/domain/user.js';
import { countedAs, NO_CHATS, type UserChats } from '../../../../src/domain/user-chats.js';
import type { Webhook } from '../../../../src/domain/webhook.js';
import { defaultPolicy } from '../../../support/policies/default-policy.js';

/** A command as a test states it. */
export interface Draft {
  type: string;
  body: { tenantId?: string; actorId: string; chatId?: string; data: unknown };
  commandId: string;
  properties?: Partial<IncomingCommand>;
  unauthenticated?: Reason;
  /** Claims of the actor's token. */
  token?: Claims;
}

/** As the contract has it, with nothing besides. */
const exactReceipt = receipt.strict();

export function itemOf({ type, body, commandId, properties, unauthenticated, token }: Draft, tag: number): BatchItem {
  const incoming: IncomingCommand = {
    body: Buffer.from(JSON.stringify(body)),
    routingKey: body.chatId ?? body.actorId,
    type,
    messageId: commandId,
    contentType: 'application/json',
    headers: {},
    ...properties,
  };
  const decoded = decodeCommand(incoming);
  if (decoded.outcome === 'malformed') throw new Error(decoded.detail);
  const delivery = { tag, incoming, deliveryCount: 0, mayBeMisplaced: false, isForwarded: false };
  return {
    partition: 0,
    delivery,
    decoded,
    unauthenticated: unauthenticated ?? null,
    token: token ?? null,
    allowance: null,
  };
}

function pick<K, V>(keys: readonly K[], nameOf: (key: K) => string, from: ReadonlyMap<string, V>): Map<string, V> {
  const found = new Map<string, V>();
  for (const key of keys) {
    const value = from.get(nameOf(key));
    // A copy: what the decider would change by mistake must not become true by itself.
    if (value !== undefined) found.set(nameOf(key), structuredClone(value));
  }
  return found;
}

/**
 * What is committed, and batches of commands decided on it. A batch sees only the attributes whose keys it has named,
 * and its writes are held against what every store relies on before they are applied.
 */
export class DeciderHarness {
  now = new Date('2026-11-20T20:15:00.123Z');
  /** Whether the transport's routing is in disorder when the next commands arrive. */
  mayBeMisplaced = false;
  /** By tenant; who is not named may edit for ever. */
  readonly editWindowsMs: { [tenantId: string]: number } = {};
  /** The ids of the next messages; drawn at random once they are used up. */
  /** As a test sets them. */
  readonly limits: Limits = { ...DEFAULT_LIMITS };
  readonly idsToDraw: string[] = [];
  /** By `webhookKey`. */
  readonly webhooks = new Map<string, Webhook>();
  readonly chats = new Map<string, Chat>();
  readonly members = new Map<string, Member>();
  readonly users = new Map<string, User>();
  readonly messages = new Map<string, Message>();
  readonly removed = new Map<string, MessageStub>();
  readonly revisions = new Map<string, MessageRevision[]>();
  /** By `reactionKey`. */
  readonly reactions = new Set<string>();
  /** Replies by the root's message id. */
  readonly threads = new Map<string, number>();
  /** By `memberKey`: where in the log they left, and until when they were muted then. */
  readonly departures = new Map<string, { position: number; mutedUntil: Date | null }>();
  /** By `userKey`. */
  readonly userChats = new Map<string, UserChats>();
  readonly receipts = new Map<string, StoredReceipt>();
  readonly log: LoggedEvent[] = [];
  readonly decisions: DecisionRecord[] = [];
  /** What the latest batch wrote. */
  written: BatchWrites | null = null;
  private readonly decider: CommandDecider;

  constructor(
    readonly partition = 3,
    policy: PolicyDecisionPoint = defaultPolicy(),
  ) {
    this.decider = new CommandDecider(
      new PolicyEnforcementPoint(policy),
      (tenantId) => this.editWindowsMs[tenantId] ?? null,
      this.limits,
      () => this.idsToDraw.shift() ?? newOrderedId(),
    );
  }

  /** Decides one batch and commits it. */
  batch(drafts: readonly Draft[]): ItemResult[] {
    const items = drafts.map((draft, index) => {
      const item = itemOf(draft, index);
      return {
        ...item,
        partition: this.partition,
        delivery: { ...item.delivery, mayBeMisplaced: this.mayBeMisplaced },
      };
    });
    const keys = snapshotKeysOf(items);
    expectDistinct({ ...keys });
    const { writes, value } = this.decider.decide(items, this.attributes(keys), this.now);
    this.commit(writes);
    return value;
  }

  /** The receipts of one batch, none of whose commands is misrouted. */
  answers(...drafts: Draft[]): Receipt[] {
    return this.batch(drafts).map((result) => {
      if (result.kind !== 'answered') throw new Error(`not answered: ${result.kind}`);
      expect(exactReceipt.parse(result.receipt)).to.deep.equal(result.receipt);
      return result.receipt;
    });
  }

  /** The receipt of a batch of one. */
  answer(draft: Draft): Receipt {
    return this.answers(draft)[0] as Receipt;
  }

  /** One batch of commands that are all accepted; their receipts. */
  given(...drafts: Draft[]): Receipt[] {
    const receipts = this.answers(...drafts);
    for (const { status, reason } of receipts) expect(status, reason?.detail).to.equal('accepted');
    return receipts;
  }

  chat(chatId: string): Chat {
    const chat = this.chats.get(chatId);
    if (chat === undefined) throw new Error(`no chat ${chatId}`);
    return chat;
  }

  member(chatId: string, userId: string): Member | undefined {
    return this.members.get(memberKey({ chatId, userId }));
  }

  /** Replaces parts of a chat or a membership, as if by earlier commands. */
  alterChat(chatId: string, change: Partial<Chat>): void {
    this.chats.set(chatId, { ...this.chat(chatId), ...change });
  }

  alterMember(chatId: string, userId: string, change: Partial<Member>): void {
    const member = this.member(chatId, userId);
    if (member === undefined) throw new Error(`${userId} is not in ${chatId}`);
    this.members.set(memberKey(member), { ...member, ...change });
  }

  eventsOf(chatId: string): LoggedEvent[] {
    return this.log.filter((logged) => logged.chatId === chatId);
  }

  private attributes(keys: SnapshotKeys): BatchSnapshot {
    return {
      positions: new Map([[this.partition, this.log.length]]),
      receipts: pick(keys.receipts, receiptKey, this.receipts),
      chats: pick(keys.chats, String, this.chats),
      members: pick(keys.members, memberKey, this.members),
      users: pick(keys.users, userKey, this.users),
      webhooks: new Map([...this.webhooks].filter(([, { tenantId }]) => keys.webhookTenants.includes(tenantId))),
      messages: pick(keys.messages, String, this.messages),
      messagesInFull: pick(keys.messagesInFull, String, this.messages),
      reactions: new Set(keys.reactions.map(reactionKey).filter((key) => this.reactions.has(key))),
      reactionCounts: new Map(
        keys.reactions.map((key) => [
          messageEmojiKey(key),
          this.reactionsTo(key.messageId).filter(({ emoji }) => emoji === key.emoji).length,
        ]),
      ),
      emojiOfMessages: new Map(
        keys.reactions.map(({ messageId }) => [
          messageId,
          new Set(this.reactionsTo(messageId).map(({ emoji }) => emoji)).size,
        ]),
      ),
      emojiOfReactors: new Map(
        keys.reactors.map((key) => [
          reactorKey(key),
          this.reactionsTo(key.messageId).filter(({ userId }) => userId === key.userId).length,
        ]),
      ),
      userChats: pick(keys.userChats, userKey, this.userChats),
      formerMutes: new Map(
        keys.formerMutes.flatMap((key) => {
          const mutedUntil = this.departures.get(memberKey(key))?.mutedUntil ?? null;
          return mutedUntil === null ? [] : [[memberKey(key), mutedUntil]];
        }),
      ),
      ordinals: new Map(keys.readMarks.map((key) => [readMarkKey(key), this.ordinalAt(key)])),
    };
  }

  private reactionsTo(messageId: string): { userId: string; emoji: string }[] {
    return [...this.reactions].flatMap((key) => {
      const [of = '', userId = '', emoji = ''] = key.split(' ');
      return of === messageId ? [{ userId, emoji }] : [];
    });
  }

  private ordinalAt({ chatId, upTo }: ReadMarkKey): number {
    return [...this.messages.values(), ...this.removed.values()].filter(
      (message) => message.chatId === chatId && message.sequence <= upTo,
    ).length;
  }

  private commit(writes: BatchWrites): void {
    this.written = writes;
    expectDistinctRows(writes);
    for (const { webhook, previousRevision, ...key } of writes.webhooks) {
      expect(this.webhooks.get(webhookKey(key))?.revision ?? 0).to.equal(previousRevision);
      if (webhook === null) this.webhooks.delete(webhookKey(key));
      else this.webhooks.set(webhookKey(key), webhook);
    }
    for (const { user, previousRevision } of writes.users) {
      expect(previousRevision).to.equal(this.users.get(userKey(user))?.revision ?? 0);
      expect(user.revision).to.be.above(previousRevision);
      this.users.set(userKey(user), { ...user, metadata: JSON.parse(JSON.stringify(user.metadata)) as Metadata });
    }
    for (const chat of writes.chatsCreated) expect(this.chats.has(chat.chatId)).to.equal(false);
    for (const chat of writes.chatsChanged) expect(this.chats.has(chat.chatId)).to.equal(true);
    for (const chat of [...writes.chatsCreated, ...writes.chatsChanged]) this.chats.set(chat.chatId, chat);
    for (const member of writes.membersPut) this.members.set(memberKey(member), member);
    for (const { position, mutedUntil, ...key } of writes.membersRemoved) {
      this.members.delete(memberKey(key));
      this.departures.set(memberKey(key), { position, mutedUntil });
    }
    for (const change of writes.userChats.changes) {
      const { created, joined } = this.userChats.get(userKey(change)) ?? NO_CHATS;
      this.userChats.set(userKey(change), { created: created + change.created, joined: joined + change.joined });
    }
    this.expectChatsCounted();
    for (const message of writes.messages) this.messages.set(message.messageId, message);
    this.commitMessages(writes);
    for (const record of writes.receipts) {
      expect(this.receipts.has(receiptKey(record)), 'a receipt is written once').to.equal(false);
      this.receipts.set(receiptKey(record), { contentHash: record.contentHash, receipt: record.receipt });
    }
    this.decisions.push(...writes.decisions);
    for (const event of writes.events) {
      expect(event).to.include({ partition: this.partition, position: this.log.length + 1 });
      this.log.push(event);
    }
  }

  /** Checks that the counted memberships equal the real ones. Chats and members that a test inserted are excluded. */
  private expectChatsCounted(): void {
    const counted = new Map<string, UserChats>();
    for (const { tenantId, chatId, userId } of this.members.values()) {
      const count = countedAs(this.chat(chatId), userId);
      const { created, joined } = counted.get(userKey({ tenantId, userId })) ?? NO_CHATS;
      if (count === 'created') counted.set(userKey({ tenantId, userId }), { created: created + 1, joined });
      if (count === 'joined') counted.set(userKey({ tenantId, userId }), { created, joined: joined + 1 });
    }
    for (const [key, counts] of this.userChats) expect(counts, key).to.deep.equal(counted.get(key) ?? NO_CHATS);
    expect([...counted.keys()].filter((key) => !this.userChats.has(key))).to.deep.equal([]);
  }

  private commitMessages(writes: BatchWrites): void {
    for (const message of writes.messagesChanged) {
      expect(this.messages.has(message.messageId), 'what is changed is there').to.equal(true);
      this.messages.set(message.messageId, message);
    }
    for (const revision of writes.revisions)
      this.revisions.set(revision.messageId, [...(this.revisions.get(revision.messageId) ?? []), revision]);
    for (const messageId of writes.revisionsErased) this.revisions.delete(messageId);
    for (const reaction of writes.reactions) {
      const key = reactionKey(reaction);
      expect(this.reactions.has(key), 'a reaction changes').to.equal(!reaction.present);
      if (reaction.present) this.reactions.add(key);
      else this.reactions.delete(key);
    }
    // A thread whose root is gone has no count to take from.
    for (const { rootId, replies } of writes.threads)
      if (replies > 0 || this.threads.has(rootId)) this.threads.set(rootId, (this.threads.get(rootId) ?? 0) + replies);
    for (const stub of writes.messagesRemoved) {
      this.messages.delete(stub.messageId);
      this.revisions.delete(stub.messageId);
      this.threads.delete(stub.messageId);
      this.removed.set(stub.messageId, stub);
      for (const key of this.reactions) if (key.startsWith(stub.messageId)) this.reactions.delete(key);
    }
  }
}

/** What every store relies on: each row occurs once. */
export function expectDistinctRows(writes: BatchWrites): void {
  expectDistinct({
    users: writes.users.map(({ user }) => userKey(user)),
    chats: [...writes.chatsCreated, ...writes.chatsChanged].map(({ chatId }) => chatId),
    members: [...writes.membersPut, ...writes.membersRemoved].map(memberKey),
    messages: [...writes.messages, ...writes.messagesChanged, ...writes.messagesRemoved].map(
      ({ messageId }) => messageId,
    ),
    reactions: writes.reactions.map(reactionKey),
    userChats: writes.userChats.changes.map(userKey),
    standings: writes.membershipStatesEnded.map((ended) => `${memberKey(ended)} ${ended.state}`),
    threads: writes.threads.map(({ rootId }) => rootId),
    receipts: writes.receipts.map(receiptKey),
  });
}

/** Every list is without repeats. */
export function expectDistinct(lists: { [name: string]: readonly unknown[] }): void {
  for (const [name, list] of Object.entries(lists)) {
    const distinct = new Set(list.map((entry) => JSON.stringify(entry)));
    expect(distinct.size, `repeats in ${name}`).to.equal(list.length);
  }
}
