/**
 * Applies commands to the store: one batch per transaction. A batch may have commands of several partitions. Batches of
 * the same partition are serialized by the partition's row.
 *
 * The store takes a closure. The adapter owns the transaction, and the closure makes the decision. The closure is pure
 * and synchronous, and it runs again if the batch is retried.
 */

import type { Receipt } from '../../../contract/messages/receipts.js';
import type { Chat, Member } from '../../../domain/chat.js';
import type { FormerMembershipState } from '../../../domain/membership-state.js';
import type { Message, MessageReference, MessageRevision, MessageStub, Reaction } from '../../../domain/message.js';
import type { User } from '../../../domain/user.js';
import type { UserChats } from '../../../domain/user-chats.js';
import type { Webhook } from '../../../domain/webhook.js';
import type { DecisionRecord } from './decision-record.js';
import type { LoggedEvent } from './log/event-log.js';

export interface ReceiptKey {
  tenantId: string;
  actorId: string;
  commandId: string;
}

export interface UserKey {
  tenantId: string;
  userId: string;
}

export interface WebhookKey {
  tenantId: string;
  webhookId: string;
}

export interface MemberKey {
  chatId: string;
  userId: string;
}

/** A user who has left a chat, or may have. */
export interface DepartureKey extends MemberKey {
  tenantId: string;
}

/** A user who reacts to a message. */
export interface ReactorKey {
  messageId: string;
  userId: string;
}

/** A read mark of a chat at this sequence. */
export interface ReadMarkKey {
  chatId: string;
  upTo: number;
}

/**
 * Distinct keys of everything that a batch needs. They are collected first, so that a few set-based statements read
 * them.
 */
export interface SnapshotKeys {
  receipts: ReceiptKey[];
  chats: string[];
  members: MemberKey[];
  users: UserKey[];
  /** Ids of messages that commands only refer to. */
  messages: string[];
  /** Ids of messages that commands change. */
  messagesInFull: string[];
  reactions: Reaction[];
  /** Users whose number of emoji on a message is needed. Each message is in `reactions` as well. */
  reactors: ReactorKey[];
  readMarks: ReadMarkKey[];
  /** Users whose number of chats is needed. */
  userChats: UserKey[];
  /** Users who may have left the chat while muted. */
  formerMutes: DepartureKey[];
  /** Tenants whose webhooks are needed, all of them. */
  webhookTenants: string[];
}

export interface StoredReceipt {
  /** 32 hexadecimal digits, in lower case. */
  contentHash: string;
  receipt: Receipt;
}

/**
 * What a batch has loaded, as of one moment. The partitions' own rows are guaranteed to be unchanged at the commit.
 * Absent keys were not found.
 */
export interface BatchSnapshot {
  /** By partition of the request: the last used position. */
  positions: ReadonlyMap<number, number>;
  receipts: ReadonlyMap<string, StoredReceipt>;
  chats: ReadonlyMap<string, Chat>;
  members: ReadonlyMap<string, Member>;
  users: ReadonlyMap<string, User>;
  messages: ReadonlyMap<string, MessageReference>;
  messagesInFull: ReadonlyMap<string, Message>;
  /** Keys of the existing reactions. */
  reactions: ReadonlySet<string>;
  /**
   * By `messageEmojiKey`, for each of `SnapshotKeys.reactions`: the number of users who reacted to the message with
   * that emoji.
   */
  reactionCounts: ReadonlyMap<string, number>;
  /**
   * By message id, for the messages in `SnapshotKeys.reactions`: the number of different emoji on the message. Counted
   * up to one more than allowed.
   */
  emojiOfMessages: ReadonlyMap<string, number>;
  /** By `reactorKey`: the number of emoji that the user has put on the message. Counted up to one more than allowed. */
  emojiOfReactors: ReadonlyMap<string, number>;
  /**
   * The ordinal of the last message whose sequence is at most the mark's, deleted messages included. Absent if there is
   * none.
   */
  ordinals: ReadonlyMap<string, number>;
  /**
   * By `userKey`. Absent for a user in no chat. Other partitions change these counts too: see `BatchWrites.userChats`
   * for the check.
   */
  userChats: ReadonlyMap<string, UserChats>;
  /** By `memberKey`: the mute of a user when they last left the chat. Absent if there was none. */
  formerMutes: ReadonlyMap<string, Date>;
  /** By `webhookKey`: all webhooks of the tenants in `SnapshotKeys.webhookTenants`. */
  webhooks: ReadonlyMap<string, Webhook>;
}

/** Map keys of `BatchSnapshot`. A space never occurs in the parts. */
export const receiptKey = (key: ReceiptKey) => `${key.tenantId} ${key.actorId} ${key.commandId}`;
export const memberKey = (key: MemberKey) => `${key.chatId} ${key.userId}`;
export const reactionKey = (key: Reaction) => `${key.messageId} ${key.userId} ${key.emoji}`;
export const messageEmojiKey = (key: Pick<Reaction, 'messageId' | 'emoji'>) => `${key.messageId} ${key.emoji}`;
export const reactorKey = (key: ReactorKey) => `${key.messageId} ${key.userId}`;
export const readMarkKey = (key: ReadMarkKey) => `${key.chatId} ${key.upTo}`;
export const webhookKey = (key: WebhookKey) => `${key.tenantId} ${key.webhookId}`;
export const userKey = (key: UserKey) => `${key.tenantId} ${key.userId}`;

export interface ReceiptRecord extends ReceiptKey {
  /** 32 hexadecimal digits, in lower case. */
  contentHash: string;
  receipt: Receipt;
  at: Date;
}

export interface UserWrite {
  user: User;
  /** The revision that was read, or 0 if there was none. A batch may raise it by more than one. */
  previousRevision: number;
}

export interface WebhookWrite extends WebhookKey {
  /** Null: deleted. */
  webhook: Webhook | null;
  /** The revision that was read, or 0 if there was none. */
  previousRevision: number;
}

export interface ReactionWrite extends Reaction {
  /** Whether the reaction exists after the batch. Before, it was the opposite. */
  present: boolean;
  at: Date;
}

/** The change of a user's counts. At least one is not zero. */
export interface UserChatsChange extends UserKey, UserChats {}

/** The net effect of one batch. Each row occurs once per list. Positions and sequences are already assigned. */
export interface BatchWrites {
  /** Whole rows. If a row is not as it was read, the result is contention. */
  users: UserWrite[];
  /** Likewise. A deleted webhook existed. */
  webhooks: WebhookWrite[];
  chatsCreated: Chat[];
  /** Existing chats with their new state (title, metadata, history, archivedAt, numbers, activity, partition). */
  chatsChanged: Chat[];
  /** Whole rows of new and existing members. */
  membersPut: Member[];
  /**
   * Changes of the chat counts of users in `membersPut` and `membersRemoved`. Partitions share these rows, so the store
   * adds to the current value. A count that rises must stay at or below `max`. Otherwise the result is contention,
   * because the decision assumed that there is room.
   */
  userChats: { changes: UserChatsChange[]; max: number };
  /** Membership states that members have left. They replace what is stored for the same state. */
  membershipStatesEnded: (MemberKey & { tenantId: string } & FormerMembershipState)[];
  /** `partition` and `position` are those of the event about the removal. */
  membersRemoved: (DepartureKey & { partition: number; position: number; mutedUntil: Date | null })[];
  messages: Message[];
  /** Existing messages with their new content: edited, or deleted soft. */
  messagesChanged: Message[];
  /**
   * Messages deleted hard. The row goes with its revisions and reactions, and the stub stays. The message may be from
   * this batch.
   */
  messagesRemoved: MessageStub[];
  /** Texts that later revisions replaced. */
  revisions: MessageRevision[];
  /** Ids of messages deleted soft: their revisions are deleted. */
  revisionsErased: string[];
  reactions: ReactionWrite[];
  /** Changes of the number of replies in each thread. */
  threads: { rootId: string; replies: number }[];
  /** Of each partition in position order, contiguous from `BatchSnapshot.positions` + 1. */
  events: LoggedEvent[];
  receipts: ReceiptRecord[];
  /** Decisions of the policy that are kept. */
  decisions: DecisionRecord[];
}

/** A partition lease, as a batch needs it. */
export interface BatchLease {
  partition: number;
  epoch: number;
  /** The contiguous confirmed prefix of the partition's log. It is saved with the batch. */
  publishedThrough: number;
}

export interface BatchRequest {
  /** The leases of all partitions that the batch writes, at least one, each partition once, in ascending order. */
  leases: readonly BatchLease[];
  keys: SnapshotKeys;
}

/**
 * By partition: the last position once these events are written. Throws a `StoreError` (`refused`) if an event is not
 * at the next position of its partition.
 */
export function positionsAfter(
  { positions }: Pick<BatchSnapshot, 'positions'>,
  events: readonly LoggedEvent[],
): Map<number, number> {
  const after = new Map(positions);
  for (const { partition, position } of events) {
    if (position !== (after.get(partition) ?? Number.NaN) + 1)
      throw new StoreError('refused', `event ${position} of partition ${partition} is not at its position in the log`);
    after.set(partition, position);
  }
  return after;
}

export type BatchResult<T> =
  | { outcome: 'committed'; value: T }
  /** Other workers have the leases of these partitions now. Nothing was written. */
  | { outcome: 'fenced'; partitions: number[] };

export interface CommandStore {
  /**
   * Reads the snapshot under the epochs, calls `decide`, and writes everything or nothing. It commits only if each
   * partition still has its epoch and position; otherwise it fails with `contention`. Errors of `decide` pass through.
   * All other rejections are a `StoreError`.
   */
  transact<T>(
    request: BatchRequest,
    decide: (snapshot: BatchSnapshot) => { writes: BatchWrites; value: T },
  ): Promise<BatchResult<T>>;

  /**
   * Records that these commands are about to be tried together. If some of them are recorded from earlier, it records
   * nothing and returns those with their attempts (0: recorded, and never tried alone).
   */
  noteSuspects(partition: number, commandKeys: readonly string[]): Promise<Map<string, number>>;
  /** Counts one attempt at a command that is tried alone. Returns the number of attempts, including this one. */
  countAttempt(partition: number, commandKey: string): Promise<number>;
  /** Deletes what `noteSuspects` and `countAttempt` have recorded. */
  forgetAttempts(partition: number, commandKeys: readonly string[]): Promise<void>;

  /**
   * Does the same database work as writing one ordinary message, and rolls it back. Rejects with a `StoreError` if that
   * fails.
   */
  probe(): Promise<void>;

  /**
   * Deletes receipts whose retention is over. All younger ones stay; a store may keep a receipt for up to half as long
   * again, if this is called regularly. By the store's clock: how long a receipt is kept does not depend on the clocks
   * of workers.
   * @returns about how many were deleted
   */
  pruneReceipts(retentionMs: number): Promise<number>;

  /**
   * Deletes attempts and suspects last recorded before `before`, by the database's clock, at most `limit` per call.
   * Their commands did not come again, so no other code deletes them. Returns the number of deleted rows.
   */
  pruneAttempts(before: Date, limit: number): Promise<number>;

  /**
   * Deletes events of rejected commands of one partition that are older than `before`, at most `limit` per call. The
   * same statement raises the partition's floor (`PartitionState.logFloor`). Events that are not published stay. Log
   * consumers are not waited for: one that has not read them is told that it was overtaken.
   * @returns the number of deleted rows
   */
  pruneRejectedCommands(partition: number, before: Date, limit: number): Promise<number>;
}

/**
 * Why a transaction failed:
 * - `unavailable`: a database problem (connection, full disk, …). Nothing was written; wait and retry.
 * - `timed_out`: the statement exceeded its timeout, not counting waits for locks. The database is slow, or the
 *   commands are too expensive. Nothing was written.
 * - `contention`: another partition or another owner changed a row first, or holds a lock. Nothing was written; retry
 *   at once.
 * - `refused`: a problem with the data (constraint, encoding, …). One of the commands cannot be stored. Nothing was
 *   written.
 * - `unknown`: the commit was sent and no reply came. The outcome is unknown; re-acquire the lease.
 */
export type StoreErrorKind = 'unavailable' | 'timed_out' | 'contention' | 'refused' | 'unknown';

export class StoreError extends Error {
  constructor(
    readonly kind: StoreErrorKind,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'StoreError';
  }
}
