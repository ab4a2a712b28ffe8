/**
 * Where commands take effect: a batch at once, held together by the partition's row.
 *
 * The store takes a closure: the adapter owns the transaction, the closure owns the decision. The closure is pure and
 * synchronous; it may be called again when the batch has to be tried again.
 */

import type { Receipt } from '../../contract/messages/receipts.js';
import type { Chat, Member } from '../../domain/chat.js';
import type { FormerMembershipState } from '../../domain/membership-state.js';
import type { Message, MessageReference, MessageRevision, MessageStub, Reaction } from '../../domain/message.js';
import type { User } from '../../domain/user.js';
import type { UserChats } from '../../domain/user-chats.js';
import type { DecisionRecord } from './decision-record.js';
import type { LoggedEvent } from './event-log.js';

export interface ReceiptKey {
  tenantId: string;
  actorId: string;
  commandId: string;
}

export interface UserKey {
  tenantId: string;
  userId: string;
}

export interface MemberKey {
  chatId: string;
  userId: string;
}

/** A user who reacts to a message. */
export interface ReactorKey {
  messageId: string;
  userId: string;
}

/** How much a chat's read mark at this sequence covers. */
export interface ReadMarkKey {
  chatId: string;
  upTo: number;
}

/** Everything a batch needs to know, named up front so that it is read in a handful of set-wise statements. Without repeats. */
export interface SnapshotKeys {
  receipts: ReceiptKey[];
  chats: string[];
  members: MemberKey[];
  users: UserKey[];
  /** Messages that others refer to, by id. */
  messages: string[];
  /** Messages that are to be changed, by id. */
  messagesInFull: string[];
  reactions: Reaction[];
  /** Users of whose reactions to a message it matters how many there are. Each message is in `reactions` as well. */
  reactors: ReactorKey[];
  readMarks: ReadMarkKey[];
  /** Users of whom it matters in how many chats they are. */
  userChats: UserKey[];
}

export interface StoredReceipt {
  contentHash: Uint8Array;
  receipt: Receipt;
}

/** The snapshot by which a batch is decided, from one moment. Those of the partition hold when it is committed. What is not there was not found. */
export interface BatchSnapshot {
  /** The partition's last used position. */
  position: number;
  /** True while the last repair of the hash ring has not passed through this partition's queue: commands may be in the wrong one. */
  ringUnsettled: boolean;
  receipts: ReadonlyMap<string, StoredReceipt>;
  chats: ReadonlyMap<string, Chat>;
  members: ReadonlyMap<string, Member>;
  users: ReadonlyMap<string, User>;
  messages: ReadonlyMap<string, MessageReference>;
  messagesInFull: ReadonlyMap<string, Message>;
  /** Those that are there. */
  reactions: ReadonlySet<string>;
  /** By `messageEmojiKey`, for each of `AttributeKeys.reactions`: how many users have reacted to the message with that emoji. */
  reactionCounts: ReadonlyMap<string, number>;
  /** By message id, of the messages in `AttributeKeys.reactions`: with how many emoji users have reacted, one more than allowed at most. */
  emojiOfMessages: ReadonlyMap<string, number>;
  /** By `reactorKey`: with how many emoji the user has reacted to the message, one more than allowed at most. */
  emojiOfReactors: ReadonlyMap<string, number>;
  /** The ordinal of the last message, deleted ones included, whose sequence is at most the mark's; nothing: there is none. */
  ordinals: ReadonlyMap<string, number>;
  /** By `userKey`; nobody in no chat. Other partitions change them too: `BatchWrites.userChats` says what is checked. */
  userChats: ReadonlyMap<string, UserChats>;
}

/** Map keys of `BatchSnapshot`: a space occurs in none of the parts. */
export const receiptKey = (key: ReceiptKey) => `${key.tenantId} ${key.actorId} ${key.commandId}`;
export const memberKey = (key: MemberKey) => `${key.chatId} ${key.userId}`;
export const reactionKey = (key: Reaction) => `${key.messageId} ${key.userId} ${key.emoji}`;
export const messageEmojiKey = (key: Pick<Reaction, 'messageId' | 'emoji'>) => `${key.messageId} ${key.emoji}`;
export const reactorKey = (key: ReactorKey) => `${key.messageId} ${key.userId}`;
export const readMarkKey = (key: ReadMarkKey) => `${key.chatId} ${key.upTo}`;
export const userKey = (key: UserKey) => `${key.tenantId} ${key.userId}`;

export interface ReceiptRecord extends ReceiptKey {
  contentHash: Uint8Array;
  receipt: Receipt;
  at: Date;
}

export interface UserWrite {
  user: User;
  /** The revision that was read; 0: there was none. A batch may raise it by more than one. */
  previousRevision: number;
}

export interface ReactionWrite extends Reaction {
  /** Whether it is there from now on; it was not, or was, before. */
  present: boolean;
  at: Date;
}

/** By how much a user's counts change; never by nothing. */
export interface UserChatsChange extends UserKey, UserChats {}

/** The net effect of one batch. Each row occurs once per list; positions and sequences are already given. */
export interface BatchWrites {
  /** Written whole. A row that is not as it was read means contention. */
  users: UserWrite[];
  chatsCreated: Chat[];
  /** Chats that were there before, with their new state (title, metadata, history, archivedAt, numbers, activity, partition). */
  chatsChanged: Chat[];
  /** Written whole, whether they were there before or not. */
  membersPut: Member[];
  /**
   * The counts of the users in `membersPut` and `membersRemoved`. Partitions share them: the store adds to what is there.
   * A count that rises must come to `max` at most; that it would not means contention, since it was decided that there is
   * room.
   */
  userChats: { changes: UserChatsChange[]; max: number };
  /** How members no longer stand in their chats; written over what is known of the same standing. */
  standingsEnded: (MemberKey & { tenantId: string } & FormerMembershipState)[];
  /** With where the event that tells of it stands in the log. */
  membersRemoved: (MemberKey & { tenantId: string; position: number })[];
  messages: Message[];
  /** Messages that were there before, with their new content: edited, or deleted soft. */
  messagesChanged: Message[];
  /** Deleted hard: the row goes with its revisions and reactions, the stub stays. Whether it was there before or not. */
  messagesRemoved: MessageStub[];
  /** Texts that gave way to later ones. */
  revisions: MessageRevision[];
  /** Ids of messages deleted soft: their revisions go. */
  revisionsErased: string[];
  reactions: ReactionWrite[];
  /** By how much the number of replies in each thread changes. */
  threads: { rootId: string; replies: number }[];
  /** In position order, contiguous from `BatchSnapshot.position + 1`. */
  events: LoggedEvent[];
  receipts: ReceiptRecord[];
  /** What the policy decided, as much of it as is kept. */
  decisions: DecisionRecord[];
}

export interface BatchRequest {
  partition: number;
  /** The epoch under which the caller owns the partition. */
  epoch: number;
  keys: SnapshotKeys;
  /** The contiguous confirmed prefix of the log, saved along with the batch. */
  publishedThrough: number;
}

export type BatchResult<T> =
  | { outcome: 'committed'; value: T }
  /** Somebody else owns the partition now: nothing was written. */
  | { outcome: 'fenced' };

export interface CommandStore {
  /**
   * Reads the snapshot under the epoch, asks `decide`, and writes all of it or nothing: only where the partition still has that epoch and position
   * is it committed, else it is `contention`. What `decide` throws goes through; else it rejects with a `StoreError`, and only with that.
   */
  transact<T>(
    request: BatchRequest,
    decide: (snapshot: BatchSnapshot) => { writes: BatchWrites; value: T },
  ): Promise<BatchResult<T>>;

  /**
   * Notes that these commands are about to be tried together, unless some of them are known from earlier: then it notes nothing, and returns
   * those, each with its attempts (0: noted, and never tried alone).
   */
  noteSuspects(partition: number, commandKeys: readonly string[]): Promise<Map<string, number>>;
  /** Counts one attempt at a command that is tried alone and returns how many there have been, this one included. */
  countAttempt(partition: number, commandKey: string): Promise<number>;
  /** Whatever is known of them from `noteSuspects` and `countAttempt`. */
  forgetAttempts(partition: number, commandKeys: readonly string[]): Promise<void>;

  /** Does for the database's part what writing one ordinary message does, and undoes it. Rejects with a `StoreError` if that cannot be done. */
  probe(): Promise<void>;

  /** Deletes receipts older than `before`, at most `limit` a call; returns how many. */
  pruneReceipts(before: Date, limit: number): Promise<number>;

  /**
   * Forgets attempts and suspects that were last noted before `before`, by the database's clock, at most `limit` a call: their commands did not
   * come again, so nobody else forgets them. Returns how many.
   */
  pruneAttempts(before: Date, limit: number): Promise<number>;

  /**
   * Deletes events of rejected commands of one partition that are older than `before`, at most `limit` a call, and raises the partition's floor
   * (`PartitionState.logFloor`) in the same moment. An event that is not published, or not read by a log consumer, stays.
   * @returns how many
   */
  pruneRejectedCommands(partition: number, before: Date, limit: number): Promise<number>;
}

/**
 * Why a transaction failed:
 * - `unavailable`: for the database's sake (connection, full disk, …): wait and try again, nothing was written;
 * - `timed_out`: the statement exceeded its timeout, waits for locks not among it: the database is slow, or the commands ask for too much; nothing was
 *   written;
 * - `contention`: a row written by another partition, or another owner, came in between, or holds a lock: try again at once, nothing was written;
 * - `refused`: for the data's sake (constraint, encoding, …): one of the commands cannot be stored, nothing was written;
 * - `unknown`: what commits was sent and its reply did not come: nobody knows; take over from oneself.
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
