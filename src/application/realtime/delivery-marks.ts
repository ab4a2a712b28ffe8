/**
 * Delivery marks. When a client has acknowledged messages, the gateway sends `chat.delivered` for its user: a command
 * like any other, with the rights and the quotas of the user. Marks only move forward, so a lost one is covered by the
 * next one of the chat. Nothing is stored here.
 */
import type { CommandSubmitter } from '../gateway/submit-command.js';
import type { Caller } from '../ports/queries/chat-queries.js';
import { type UserKey, userKey } from '../ports/store/command-store.js';
import type { WorkerLog } from '../ports/worker-observer.js';
import type { Time } from '../runtime/time.js';
import type { Arrival, LiveEvent } from './live-event.js';
import { TokenBucket } from './token-bucket.js';

/** A member's mark of a chat is issued at most once in this time. */
export const DELIVERY_MARK_INTERVAL_MS = 2_000;
/** After a refusal, no mark of this member and chat is issued for this time. Each refusal is an event in the log. */
export const DELIVERY_REFUSED_PAUSE_MS = 60_000;
/** Marks of one user, so that they use a quarter of the default quota (200 commands per 10 s) at most. */
const USER_MARKS_PER_SECOND = 5;
const USER_MARK_BURST = 10;
/** Commands of this process that wait for their receipts. */
export const DELIVERY_IN_FLIGHT_MAX = 64;
/** Marks that this process keeps, of all users. Above it, further chats get none until some are forgotten. */
export const DELIVERY_MARKS_MAX = 50_000;
/** A mark is remembered for this time after its last change, so that another device of the user issues none. */
const KEPT_MS = 60_000;

export interface MarkIssuer {
  caller: Caller;
  /** Of the connection, as for its commands. */
  authorization: string;
}

export interface DeliveryMarksDeps {
  submitter: Pick<CommandSubmitter, 'submit'>;
  /** Larger chats have no delivery marks: each message would cause a command of each member. */
  isLarge(chatId: string): boolean;
  time: Pick<Time, 'elapsedMs'>;
  logger: WorkerLog;
}

interface ChatMark {
  /** The mark as far as it is known. */
  through: number;
  /** What has arrived since. Not above `through`: nothing is to do. */
  due: number;
  /** It waits in `ready`, or its command waits for the receipt. */
  isTaken: boolean;
  /** No mark before this time. */
  notBefore: number;
  touchedAt: number;
}

interface UserMarks {
  issuer: MarkIssuer;
  bucket: TokenBucket;
  chats: Map<string, ChatMark>;
}

interface ReadyMark {
  user: UserMarks;
  chatId: string;
  mark: ChatMark;
}

export class DeliveryMarks {
  private readonly users = new Map<string, UserMarks>();
  private readonly ready: ReadyMark[] = [];
  private kept = 0;
  private inFlight = 0;

  constructor(private readonly deps: DeliveryMarksDeps) {}

  /** Number of marks in memory. */
  get count(): number {
    return this.kept;
  }

  /** The client of this user has processed messages. */
  arrived(issuer: MarkIssuer, arrivals: readonly Arrival[]): void {
    const now = this.deps.time.elapsedMs();
    const key = userKey(issuer.caller);
    for (const { chatId, sequence } of arrivals) {
      if (this.deps.isLarge(chatId)) continue;
      let user = this.users.get(key);
      if (user === undefined) {
        user = { issuer, bucket: new TokenBucket(USER_MARKS_PER_SECOND, USER_MARK_BURST, now), chats: new Map() };
        this.users.set(key, user);
      }
      // The latest token of the user.
      user.issuer = issuer;
      let mark = user.chats.get(chatId);
      if (mark === undefined) {
        if (this.kept >= DELIVERY_MARKS_MAX) continue;
        mark = { through: 0, due: 0, isTaken: false, notBefore: now, touchedAt: now };
        user.chats.set(chatId, mark);
        this.kept += 1;
      }
      mark.due = Math.max(mark.due, sequence);
      mark.touchedAt = now;
    }
  }

  /** The user has a mark already, by another device or because the message was read. */
  dispatched({ event }: LiveEvent): void {
    if (event.type !== 'chat.delivered' && event.type !== 'chat.read') return;
    const { tenantId, userId, chatId, upTo } = event.data;
    const mark = this.markOf({ tenantId, userId }, chatId);
    if (mark !== undefined) mark.through = Math.max(mark.through, upTo);
  }

  /** Once a second. Issues what is due, as far as the limits allow. */
  tick(): void {
    const now = this.deps.time.elapsedMs();
    for (const [key, user] of this.users) {
      for (const [chatId, mark] of user.chats) {
        if (mark.isTaken) continue;
        if (mark.due > mark.through) {
          if (now < mark.notBefore || !user.bucket.take(now)) continue;
          mark.isTaken = true;
          this.ready.push({ user, chatId, mark });
        } else if (now - mark.touchedAt >= KEPT_MS) {
          user.chats.delete(chatId);
          this.kept -= 1;
        }
      }
      if (user.chats.size === 0) this.users.delete(key);
    }
    this.pump();
  }

  /** In the order in which they became due, so that no user waits behind one with many chats. */
  private pump(): void {
    while (this.inFlight < DELIVERY_IN_FLIGHT_MAX) {
      const next = this.ready.shift();
      if (next === undefined) return;
      this.issue(next);
    }
  }

  private issue({ user, chatId, mark }: ReadyMark): void {
    const upTo = mark.due;
    mark.touchedAt = this.deps.time.elapsedMs();
    mark.notBefore = mark.touchedAt + DELIVERY_MARK_INTERVAL_MS;
    this.inFlight += 1;
    this.deps.submitter
      .submit({
        ...user.issuer,
        ...{ type: 'chat.delivered', chatId, data: { upTo } },
        // The same at each gateway, so that the marks of two devices are one command.
        commandId: `delivered:${chatId}:${upTo}`,
        ...{ traceparent: null, tracestate: null },
      })
      .then((submission) => {
        // Without a receipt the command is in progress. A refused one is not sent again; the next message is a new one.
        mark.through = Math.max(mark.through, upTo);
        if (submission.outcome === 'answered' && submission.receipt.status === 'rejected')
          mark.notBefore = this.deps.time.elapsedMs() + DELIVERY_REFUSED_PAUSE_MS;
      })
      .catch((error: unknown) => {
        // Stays due.
        this.deps.logger.debug('delivery mark not submitted', { error });
      })
      .finally(() => {
        mark.isTaken = false;
        this.inFlight -= 1;
        this.pump();
      });
  }

  private markOf(user: UserKey, chatId: string): ChatMark | undefined {
    return this.users.get(userKey(user))?.chats.get(chatId);
  }
}
