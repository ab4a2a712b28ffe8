/** Rows as a batch would write them, and an owner that commits them. */
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import {
  type BatchResult,
  type BatchSnapshot,
  type BatchWrites,
  type ReceiptRecord,
  type SnapshotKeys,
  StoreError,
  type StoreErrorKind,
  type UserWrite,
} from '../../../src/application/ports/store/command-store.js';
import type { LoggedEvent } from '../../../src/application/ports/store/log/event-log.js';
import type { TakenPartition } from '../../../src/application/ports/store/partition-registry.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import type { Chat, Member, Metadata } from '../../../src/domain/chat.js';
import type { DomainEvent } from '../../../src/domain/event.js';
import type { Message } from '../../../src/domain/message.js';
import type { User } from '../../../src/domain/user.js';
import type { StoreHarness } from './store-conformance.js';

export const PARTITIONS = 4;
export const NAMESPACE = 'chat';

export const AT = new Date('2026-11-20T20:15:00.123Z');
/** `AT` plus milliseconds. */
export const later = (milliseconds: number) => new Date(AT.getTime() + milliseconds);

/**
 * JSON that a careless store would give back otherwise: key order, keys that look like numbers, big and signed numbers,
 * `__proto__`.
 */
export const TRICKY_JSON = `{"z":1,"a":{"10":"ten","9":"nine","b":null},"big":1e21,"small":5e-324,"minus":-0,"deep":[[],{},[{"":""}]],
  "text":"Zoë 👩‍👩‍👧 \\u2028 \\"\\\\\\n\\u0000 {a,b} NULL","__proto__":{"x":1},"yes":true}`;
export const trickyMetadata = () => JSON.parse(TRICKY_JSON) as Metadata;

export function aChat(over: Partial<Chat> = {}): Chat {
  return {
    chatId: randomUUID(),
    tenantId: 'default',
    partition: 0,
    kind: 'group',
    title: 'A chat',
    metadata: {},
    createdBy: 'alice',
    createdAt: AT,
    archivedAt: null,
    archiveSequence: 0,
    lastSequence: 1,
    lastOrdinal: 0,
    memberCount: 1,
    ownerCount: 1,
    lastActivityAt: AT,
    historyVisibility: 'full',
    historySequence: 0,
    lastPosition: 0,
    ...over,
  };
}

export function aMember(chat: Chat, userId: string, over: Partial<Member> = {}): Member {
  return {
    chatId: chat.chatId,
    userId,
    tenantId: chat.tenantId,
    role: 'member',
    mutedUntil: null,
    joinedAt: AT,
    joinedSequence: 1,
    roleSequence: 0,
    readSequence: 0,
    readOrdinal: 0,
    deliveredSequence: 0,
    readPosition: 0,
    hiddenOrdinal: null,
    ...over,
  };
}

export function aMessage(chat: Chat, sequence: number, over: Partial<Message> = {}): Message {
  return {
    chatId: chat.chatId,
    sequence,
    messageId: randomUUID(),
    tenantId: chat.tenantId,
    ordinal: sequence - 1,
    senderId: 'alice',
    revision: 1,
    body: `message ${sequence}`,
    contentType: 'text/plain',
    inReplyTo: null,
    threadRootId: null,
    mentions: [],
    attachments: [],
    metadata: {},
    createdAt: AT,
    editedAt: null,
    editedBy: null,
    deletedAt: null,
    ...over,
  };
}

export function aUser(userId: string, over: Partial<User> = {}): User {
  return {
    tenantId: 'default',
    userId,
    displayName: 'Alice A.',
    avatarUrl: null,
    kind: 'human',
    metadata: {},
    presence: 'shared',
    claims: {},
    revision: 1,
    createdAt: AT,
    updatedAt: AT,
    ...over,
  };
}

export function aReceipt(over: Partial<Receipt> = {}): Receipt {
  return {
    commandId: randomUUID(),
    type: 'message.send',
    status: 'accepted',
    tenantId: 'default',
    chatId: randomUUID(),
    messageId: randomUUID(),
    sequence: 42,
    at: AT.toISOString(),
    decisionId: randomUUID(),
    replayed: false,
    ...over,
  };
}

export function aReceiptRecord(receipt: Receipt = aReceipt(), over: Partial<ReceiptRecord> = {}): ReceiptRecord {
  return {
    tenantId: receipt.tenantId,
    actorId: 'alice',
    commandId: receipt.commandId,
    contentHash: '00017f80ff02030507ab0d1113171d1f',
    receipt,
    at: AT,
    ...over,
  };
}

/** An event of a chat, or of none. */
export function anEvent(position: number, event: DomainEvent, over: Partial<LoggedEvent> = {}): LoggedEvent {
  return {
    partition: 0,
    position,
    tenantId: 'default',
    chatId: null,
    sequence: null,
    actorId: 'alice',
    commandId: 'command-1',
    at: AT,
    event,
    traceparent: null,
    tracestate: null,
    ...over,
  };
}

export function created(position: number, message: Message, over: Partial<LoggedEvent> = {}): LoggedEvent {
  const { chatId, sequence, tenantId } = message;
  return anEvent(position, { type: 'message.created', message }, { chatId, sequence, tenantId, ...over });
}

/** A chat with messages 2 … n + 1 and their events; its first number is taken by its creation. */
export function aChatWithMessages(position: number, count: number, over: Partial<Chat> = {}) {
  const chat = aChat({ lastSequence: count + 1, lastOrdinal: count, ...over });
  const messages = Array.from({ length: count }, (_, index) => aMessage(chat, index + 2));
  const { kind, title, historyVisibility } = chat;
  const creation: DomainEvent = { type: 'chat.created', kind, title, historyVisibility, metadata: {}, members: [] };
  const partition = chat.partition ?? 0;
  const events = [
    anEvent(position + 1, creation, { partition, chatId: chat.chatId, sequence: 1, tenantId: chat.tenantId }),
    ...messages.map((message, index) =>
      created(position + 2 + index, message, { partition, commandId: `command-${message.sequence}` }),
    ),
  ];
  return { chat, messages, events };
}

export const NO_KEYS: SnapshotKeys = {
  receipts: [],
  chats: [],
  members: [],
  users: [],
  messages: [],
  messagesInFull: [],
  reactions: [],
  reactors: [],
  readMarks: [],
  userChats: [],
  formerMutes: [],
  webhookTenants: [],
};

/** A snapshot with the position of the owner's only partition. */
type OwnSnapshot = BatchSnapshot & { position: number };

/** Owns one partition of an initialized store, and commits batches. */
export class Owner {
  private constructor(
    private readonly store: StoreHarness,
    readonly ownership: TakenPartition,
  ) {}

  static async of(store: StoreHarness, partition = 0, workerId = 'worker-1'): Promise<Owner> {
    await store.registry.settle({ namespace: NAMESPACE, partitions: PARTITIONS });
    return new Owner(store, await store.registry.acquire(partition, workerId));
  }

  transact<T>(
    keys: Partial<SnapshotKeys>,
    decide: (snapshot: OwnSnapshot) => { writes: Partial<BatchWrites>; value: T },
    publishedThrough = 0,
  ): Promise<BatchResult<T>> {
    const { partition, epoch } = this.ownership;
    const allKeys = { ...NO_KEYS, ...keys };
    const request = { leases: [{ partition, epoch, publishedThrough }], keys: allKeys };
    return this.store.commands.transact(request, (snapshot) => {
      const position = snapshot.positions.get(partition) ?? Number.NaN;
      const { writes, value } = decide({ ...snapshot, position });
      return { writes: { ...noWrites(), ...writes }, value };
    });
  }

  /** Commits a batch that is made at the partition's position; fails if it is fenced out. */
  async write<W extends Partial<BatchWrites>>(make: (position: number) => W, publishedThrough = 0): Promise<W> {
    const result = await this.transact(
      {},
      (snapshot) => {
        const writes = make(snapshot.position);
        return { writes, value: writes };
      },
      publishedThrough,
    );
    if (result.outcome !== 'committed') throw new Error('fenced out');
    return result.value;
  }

  async read(keys: Partial<SnapshotKeys>): Promise<OwnSnapshot> {
    const result = await this.transact(keys, (snapshot) => ({ writes: {}, value: snapshot }));
    if (result.outcome !== 'committed') throw new Error('fenced out');
    return result.value;
  }
}

/** A profile one revision above the one that was read. */
export function revised(user: User): UserWrite {
  return { user, previousRevision: user.revision - 1 };
}

export function noWrites(): BatchWrites {
  return {
    users: [],
    webhooks: [],
    chatsCreated: [],
    chatsChanged: [],
    membersPut: [],
    membersRemoved: [],
    userChats: { changes: [], max: 10_000 },
    membershipStatesEnded: [],
    messages: [],
    messagesChanged: [],
    messagesRemoved: [],
    revisions: [],
    revisionsErased: [],
    reactions: [],
    threads: [],
    events: [],
    receipts: [],
    decisions: [],
  };
}

/** The error a promise rejects with; fails if it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    (value) => ({ resolved: value }),
    (error: unknown) => ({ error }),
  );
  if ('resolved' in outcome) throw new Error('resolved, though it should have been rejected');
  return outcome.error;
}

/** Expects a `StoreError` of that kind. */
export async function failsAs(promise: Promise<unknown>, kind: StoreErrorKind): Promise<StoreError> {
  const error = await rejection(promise);
  expect(error).to.be.instanceOf(StoreError);
  expect((error as StoreError).kind, (error as StoreError).message).to.equal(kind);
  return error as StoreError;
}
