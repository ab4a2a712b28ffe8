/**
 * The state that the in-memory stores share, equivalent to the database's tables. Each method of a store runs in one
 * synchronous turn, so calls are serial. Tests with it verify decisions, not races.
 *
 * Stores copy all input and output, so that no caller shares objects with this state.
 */

import { randomUUID } from 'node:crypto';
import type { StoredApiKey } from '../../../application/ports/store/api-keys.js';
import type { ReceiptRecord } from '../../../application/ports/store/command-store.js';
import type { DecisionRecord } from '../../../application/ports/store/decision-record.js';
import type { ParkedEvent } from '../../../application/ports/store/log/event-cursors.js';
import type { LoggedEvent } from '../../../application/ports/store/log/event-log.js';
import type { Revocation } from '../../../application/ports/store/token-revocations.js';
import type { Chat, Member } from '../../../domain/chat.js';
import type { MembershipState } from '../../../domain/membership-state.js';
import type { Message, MessageRevision, MessageStub } from '../../../domain/message.js';
import type { User } from '../../../domain/user.js';
import type { UserChats } from '../../../domain/user-chats.js';
import type { Webhook } from '../../../domain/webhook.js';

export interface PartitionRow {
  partition: number;
  epoch: number;
  owner: string | null;
  position: number;
  publishedThrough: number;
  logFloor: number;
  /** The number of deleted events of rejected commands. */
  logPruned: number;
}

/** The cursor of a log consumer in one partition. */
export interface CursorRow {
  name: string;
  partition: number;
  position: number;
  epoch: number;
  owner: string | null;
  /** In milliseconds since 1970. */
  leaseUntil: number;
}

export class MemoryTables {
  readonly storeId = randomUUID();
  namespace: string | null = null;
  partitionCount: number | null = null;
  /** The number of completed imports, and by chat id the number of its import. */
  imports = 0;
  readonly importNumbers = new Map<string, number>();
  /** By worker id: the time of the last heartbeat, in milliseconds since 1970. */
  readonly workers = new Map<string, number>();
  /** By reader id of the live feed, likewise. */
  readonly liveReaders = new Map<string, number>();
  /** By `userKey`. */
  readonly tokenRevocations = new Map<string, Revocation & { number: number }>();
  tokenRevocationNumber = 0;
  readonly apiKeys = new Map<string, StoredApiKey>();
  readonly partitions = new Map<number, PartitionRow>();
  /** By `userKey`. */
  readonly users = new Map<string, User>();
  /** By `webhookKey`. */
  readonly webhooks = new Map<string, Webhook>();
  readonly chats = new Map<string, Chat>();
  /** By chat id, then by user id. */
  readonly members = new Map<string, Map<string, Member>>();
  /** By `userKey`: the ids of the user's chats. */
  readonly chatsOfUser = new Map<string, Set<string>>();
  /** By `userKey`: the chat counts of the user. */
  readonly userChats = new Map<string, UserChats>();
  readonly messages = new Map<string, Message>();
  /** Earlier texts by message id, in ascending revision. */
  readonly revisions = new Map<string, MessageRevision[]>();
  /** Stubs of messages deleted hard, by message id. */
  readonly removedMessages = new Map<string, MessageStub>();
  /** By message id, then by emoji: the users who reacted. */
  readonly reactions = new Map<string, Map<string, Set<string>>>();
  /** The number of replies, by the message id of the thread's root. */
  readonly threads = new Map<string, number>();
  /** By `userKey`, then by chat id: the position in the log at which the user left it, and the mute at that time. */
  readonly departures = new Map<
    string,
    Map<string, { partition: number; position: number; mutedUntil: Date | null }>
  >();
  /** By `userKey`, then by chat id, then by membership state: the sequence of the event that last ended it. */
  readonly formerMemberships = new Map<string, Map<string, Map<MembershipState, number>>>();
  /** By chat id, in ascending sequence. */
  readonly messagesOfChat = new Map<string, Message[]>();
  /** By partition, in position order. */
  readonly log = new Map<number, LoggedEvent[]>();
  /** By chat id, in ascending sequence. */
  readonly eventsOfChat = new Map<string, LoggedEvent[]>();
  /** By `receiptKey`. */
  readonly receipts = new Map<string, ReceiptRecord>();
  /** By decision id. */
  readonly decisions = new Map<string, DecisionRecord>();
  /** Texts of policies, by version. */
  readonly policies = new Map<string, string>();
  /** By partition and command key. */
  readonly attempts = new Map<string, number>();
  /** The time when each of them was last recorded. */
  readonly attemptedAt = new Map<string, Date>();
  /** By consumer and partition. */
  readonly cursors = new Map<string, CursorRow>();
  /** By relay id. `aliveUntil` in milliseconds since 1970. */
  readonly relays = new Map<string, { consumers: readonly string[]; aliveUntil: number }>();
  /** By consumer, partition, position and sequence. */
  readonly parked = new Map<string, ParkedEvent>();
}

/** The map's value for the key. A missing value is created first. */
export function entry<K, V>(map: Map<K, V>, key: K, missing: () => V): V {
  const present = map.get(key);
  if (present !== undefined) return present;
  const value = missing();
  map.set(key, value);
  return value;
}

/** Like the database's texts in the collation C: by their UTF-8. */
export function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** By code unit, like the database's keys, which are ASCII. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
