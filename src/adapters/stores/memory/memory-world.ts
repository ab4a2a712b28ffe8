/**
 * What the in-memory stores share: the same state as the database's tables. Each method of a store runs in one synchronous turn, so
 * they are serial: this proves decisions, not races.
 *
 * Nothing that comes in or goes out is shared with it: stores copy both ways.
 */

import { randomUUID } from 'node:crypto';
import type { ReceiptRecord } from '../../../application/ports/command-store.js';
import type { DecisionRecord } from '../../../application/ports/decision-record.js';
import type { LoggedEvent } from '../../../application/ports/event-log.js';
import type { Chat, Member } from '../../../domain/chat.js';
import type { MembershipState } from '../../../domain/membership-state.js';
import type { Message, MessageRevision, MessageStub } from '../../../domain/message.js';
import type { User } from '../../../domain/user.js';
import type { UserChats } from '../../../domain/user-chats.js';

export interface PartitionRow {
  partition: number;
  epoch: number;
  owner: string | null;
  position: number;
  publishedThrough: number;
  ringSeen: number;
  logFloor: number;
  /** How many events of rejected commands are deleted. */
  logPruned: number;
}

export class MemoryWorld {
  readonly storeId = randomUUID();
  namespace: string | null = null;
  partitionCount: number | null = null;
  ringGeneration = 0;
  /** How many imports were complete; and by chat id, which of them brought it. */
  imports = 0;
  readonly importNumbers = new Map<string, number>();
  /** By worker id: when it was last heard of, in milliseconds since 1970. */
  readonly workers = new Map<string, number>();
  readonly partitions = new Map<number, PartitionRow>();
  /** By `userKey`. */
  readonly users = new Map<string, User>();
  readonly chats = new Map<string, Chat>();
  /** By chat id, then by user id. */
  readonly members = new Map<string, Map<string, Member>>();
  /** By `userKey`: ids of the chats the user is in. */
  readonly chatsOfUser = new Map<string, Set<string>>();
  /** By `userKey`: in how many chats the user is, as far as they are counted. */
  readonly userChats = new Map<string, UserChats>();
  readonly messages = new Map<string, Message>();
  /** Earlier texts, by message id, in ascending revision. */
  readonly revisions = new Map<string, MessageRevision[]>();
  /** What stays of messages deleted hard, by message id. */
  readonly removedMessages = new Map<string, MessageStub>();
  /** By message id, then by emoji: who has reacted. */
  readonly reactions = new Map<string, Map<string, Set<string>>>();
  /** The number of replies, by the message id of the thread's root. */
  readonly threads = new Map<string, number>();
  /** By `userKey`, then by chat id: where in the log the user has left it. */
  readonly departures = new Map<string, Map<string, { partition: number; position: number }>>();
  /** By `userKey`, then by chat id, then by standing: the number of the event that ended it the last time. */
  readonly formerStandings = new Map<string, Map<string, Map<MembershipState, number>>>();
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
  /** When each of them was last noted. */
  readonly attemptedAt = new Map<string, Date>();
}

/** The map's value under the key, put there first if it is missing. */
export function entry<K, V>(map: Map<K, V>, key: K, missing: () => V): V {
  const present = map.get(key);
  if (present !== undefined) return present;
  const value = missing();
  map.set(key, value);
  return value;
}

/** By code unit, as the database's keys are. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
