/**
 * Webhooks: what APIs and operators do with them, and the deliveries that relays make (ADR 0027). Every method rejects
 * with a `StoreError`.
 */
import type { Webhook } from '../../../domain/webhook.js';
import type { WebhookKey } from './command-store.js';

/** How a delivery or an attempt ended: 1 to 64 of a–z, 0–9 and `-`, such as `status-500` or `timed-out`. */
export type DeliveryCode = string;

/** How an endpoint is doing. */
export interface EndpointState {
  /** An operator has paused it. */
  isPaused: boolean;
  /** Failed attempts since the last answer 2xx, and the code of the last one. */
  failures: number;
  code: DeliveryCode | null;
  failingSince: Date | null;
  /** Nothing is sent before this time. Null: now. */
  notBefore: Date | null;
  succeededAt: Date | null;
  /** It has answered 410 since the webhook was last changed or resumed. */
  isGone: boolean;
}

export interface WebhookStatus {
  webhook: Webhook;
  state: EndpointState;
  /** Number of secrets that sign now. Without one, nothing is sent. */
  secrets: number;
  /** Number of events that wait, up to `DELIVERIES_COUNTED_MAX`, and when the oldest of them was committed. */
  waiting: number;
  oldestAt: Date | null;
  parked: number;
  /** Whether further events are only in the log, because too many wait. */
  hasBacklog: boolean;
}

/** Waiting and parked events are counted up to this number. */
export const DELIVERIES_COUNTED_MAX = 10_000;

export interface DeliveryPlace {
  partition: number;
  position: number;
}

export interface ListedDelivery extends DeliveryPlace {
  state: 'waiting' | 'parked';
  /** `<chat id>/<sequence>` or `p<partition>/<position>`: the `webhook-id`. */
  eventId: string;
  /** What is delivered in order: the chat id, or the actor id for an event without a chat. */
  lane: string;
  /** Of the last attempt; null before the first. */
  code: DeliveryCode | null;
  attempts: number;
  /** When the next attempt is due. Null for a parked event, and for one behind another of its lane. */
  nextAt: Date | null;
  parkedAt: Date | null;
}

/** What to deliver again. */
export type Replay =
  /** All parked events. */
  | { what: 'parked' }
  /** The events of a chat from this sequence on, delivered before or not. */
  | { what: 'chat'; chatId: string; fromSequence: number };

/** Maximum number of secrets of a webhook that sign at the same time. */
export const SECRETS_MAX = 10;

/** Maximum number of events of one replay. With as many waiting events, nothing is replayed. */
export const REPLAY_MAX = 10_000;

export type Replayed =
  | {
      outcome: 'done';
      events: number;
      /** The sequence with which a further replay goes on. Null: that was all. */
      nextSequence: number | null;
    }
  | { outcome: 'unknown-webhook' }
  | { outcome: 'too-many-waiting' };

/** For REST and the command line. */
export interface WebhookAdministration {
  /** All webhooks of a tenant, or of all tenants, by tenant and id. */
  list(tenantId: string | null): Promise<WebhookStatus[]>;
  find(key: WebhookKey): Promise<WebhookStatus | null>;
  /**
   * Stores a new secret. The present ones expire after `overlapMs`, unless they expire earlier. `too-many`: as many as
   * `SECRETS_MAX` would sign besides; an overlap of 0 ends them.
   */
  addSecret(key: WebhookKey, secret: string, overlapMs: number): Promise<'added' | 'unknown-webhook' | 'too-many'>;
  /** Parked events first, then waiting ones, by partition and position, after a place of the same list. */
  deliveries(
    key: WebhookKey,
    state: 'waiting' | 'parked',
    after: DeliveryPlace | null,
    limit: number,
  ): Promise<ListedDelivery[]>;
  replay(key: WebhookKey, replay: Replay): Promise<Replayed>;
  /** Paused: nothing is sent, and everything waits. Resumed: what waits is due at once. False if there is none. */
  setPaused(key: WebhookKey, isPaused: boolean): Promise<boolean>;
}

/** The events of a lane of a webhook that are due. */
export interface DueLane {
  /** The webhook's number, by which the other methods name it. */
  number: number;
  tenantId: string;
  webhookId: string;
  url: string;
  offlineOnly: boolean;
  revision: number;
  /** Those that sign now, the newest first. At least one. */
  secrets: string[];
  partition: number;
  lane: string;
  /** Failed attempts at the first event of the lane. */
  attempts: number;
  /** The endpoint has taken an event since the first failed attempt at the first event of this lane. */
  hasSucceededSince: boolean;
  /** The endpoint is failing, and this is its next attempt: no other may run beside it. */
  isProbe: boolean;
}

export interface LaneKey {
  number: number;
  partition: number;
  lane: string;
}

/** A partition whose cursor this relay owns. */
export interface OwnedPartition {
  partition: number;
  /** The fencing token. */
  epoch: number;
}

/** How attempts at events of one partition ended. */
export type Settlement =
  /** The event was taken, or does not exist any more, or is not for this webhook. */
  | { outcome: 'delivered'; key: LaneKey; position: number; isAnswered: boolean }
  /** The first event of the lane is tried again. */
  | {
      outcome: 'failed';
      key: LaneKey;
      position: number;
      code: DeliveryCode;
      /** Delay before the lane's next attempt. */
      retryAfterMs: number;
      /** Delay before anything is sent to the endpoint again. Null: others go on. */
      pauseMs: number | null;
      /** A failure of the endpoint, and not only a request for less. */
      countsForEndpoint: boolean;
      isProbe: boolean;
    }
  /** The event is parked, and the lane goes on. */
  | { outcome: 'parked'; key: LaneKey; position: number; code: DeliveryCode }
  /** The endpoint answered 410. */
  | { outcome: 'gone'; key: LaneKey; position: number; revision: number };

/** Events are counted up to 100,000. */
export interface DeliveryCounts {
  waiting: number;
  parked: number;
  /** Endpoints to which nothing is sent although events could wait: paused, gone or without a secret. */
  paused: number;
  /** Endpoints that fail, and are tried again by the schedule. */
  failing: number;
  /** In seconds. 0 if nothing waits. */
  oldestSeconds: number;
}

/** For relays. */
export interface WebhookDeliveries {
  /**
   * Adds the events of a partition after `after` and up to `through` to the deliveries of all webhooks that want them,
   * and moves the cursor of the log consumer, in one transaction. A webhook with too many waiting events gets a backlog
   * instead. False if the epoch is outdated.
   */
  take(owned: OwnedPartition, after: number, through: number): Promise<boolean>;
  /**
   * Takes the next events of backlogs whose webhooks have room again. Returns true if there may be more at once.
   */
  takeBacklog(owned: OwnedPartition): Promise<boolean>;
  /** The partitions of the log consumer that the relay owns now. */
  owned(relayId: string): Promise<OwnedPartition[]>;
  /**
   * Lanes of these partitions that are due, at most `perWebhook` of each webhook, the longest due first. A webhook that
   * fails has at most one, when its time has come.
   */
  due(partitions: readonly number[], perWebhook: number): Promise<DueLane[]>;
  /** The positions of the first waiting events of a lane after a position, in order. */
  waiting(key: LaneKey, after: number, limit: number): Promise<number[]>;
  /** Records the results in one transaction. False if the epoch is outdated: the next owner tries them again. */
  settle(owned: OwnedPartition, settlements: readonly Settlement[]): Promise<boolean>;
  counts(): Promise<DeliveryCounts>;
  /**
   * Deletes what is left of deleted webhooks, and secrets that have expired, at most some thousand rows. Pauses
   * webhooks with too many parked events.
   */
  clean(): Promise<void>;
}

/** Unread messages of a user in the chat of an event. */
export interface OfflineRecipient {
  userId: string;
  unreadCount: number;
}

/** Which users have a live connection. */
export interface ConnectedUsers {
  /** Whether anything reads this, that is, whether a webhook has `offlineOnly`. */
  isNeeded(): Promise<boolean>;
  /** Replaces the users of a gateway that have changed, and renews its lease. */
  record(gatewayId: string, changes: ConnectionChanges, leaseMs: number): Promise<void>;
  /** Forgets a gateway that stops. */
  withdraw(gatewayId: string): Promise<void>;
  /** Those of the users without a live connection, with their unread messages of the chat, in the order given. */
  offlineAmong(tenantId: string, chatId: string, userIds: readonly string[]): Promise<OfflineRecipient[]>;
}

export interface ConnectionChanges {
  /** True: `connected` are all; others are removed. */
  isComplete: boolean;
  connected: readonly { tenantId: string; userId: string }[];
  disconnected: readonly { tenantId: string; userId: string }[];
}
