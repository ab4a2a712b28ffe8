/**
 * Follows the log for the clients that are connected to this process. It holds no state that matters: whatever goes
 * wrong ends in a walk of sync for the connections concerned.
 *
 * One direction: live feed and log → tracker → dispatch → connections. Only `dispatch` changes the membership table.
 */
import type { CloudEvent } from '../../contract/messages/events.js';
import type { ResyncReason } from '../../contract/realtime/protocol.js';
import { type RenderContext, renderEvent } from '../outbox/render-event.js';
import { fingerprintOf, viewingAsksForProfiles } from '../policy/view-chat.js';
import type { PolicyDecisionPoint } from '../ports/policy-decision-point.js';
import type { Caller } from '../ports/queries/chat-queries.js';
import type { RealtimeReads } from '../ports/queries/realtime-reads.js';
import { type UserKey, userKey } from '../ports/store/command-store.js';
import type { FollowedLog } from '../ports/store/log/followed-log.js';
import { LIVE_READER_HEARTBEAT_MS, type LiveReaders } from '../ports/store/log/live-readers.js';
import type { LiveEvent as FeedEvent, LiveFeed, LiveSubscription } from '../ports/transport/live-feed.js';
import type { WorkerLog } from '../ports/worker-observer.js';
import { NOTHING_SYNCED, type SyncProgress } from '../queries/sync-chats.js';
import { Backoff } from '../runtime/backoff.js';
import type { Time } from '../runtime/time.js';
import type { Connection, WalkedPage } from './connection.js';
import { eraseDeleted, LiveEvent } from './live-event.js';
import { type Gap, LogTracker } from './log-tracker.js';
import { MembershipTable } from './membership-table.js';
import type { RealtimeObserver } from './realtime-observer.js';
import { WalkQueue } from './walk-queue.js';

/** How often the cut is read. A lost copy is found after one to two of these intervals. */
export const CUT_INTERVAL_MS = 1_000;
/** Events of one read of a gap. */
const GAP_READ_MAX = 500;
/** A larger gap is not read: all connections walk instead. */
const GAP_EVENTS_MAX = 10_000;
/** After an import all connections walk, spread over this time. */
const IMPORT_SPREAD_MS = 10_000;

const EVERYTHING_SHOWN = fingerprintOf('all');
const utf8 = new TextDecoder();

/** Pages of sync, exactly as REST answers them. */
export interface SyncPages {
  /** Null: not a valid token of this caller and store. */
  progressOf(caller: Caller, token: string): SyncProgress | null;
  tokenOf(caller: Caller, progress: SyncProgress): string;
  fromNow(caller: Caller): Promise<SyncProgress>;
  /** Null: the progress is not valid any more. Rejects with the store's error. */
  read(caller: Caller, progress: SyncProgress): Promise<(WalkedPage & { hasMore: boolean }) | null>;
}

export interface GatewayDeps {
  /** Identifies this process among the readers of the live feed. */
  gatewayId: string;
  feed: LiveFeed;
  readers: LiveReaders;
  reads: RealtimeReads;
  log: Pick<FollowedLog, 'read'>;
  pages: SyncPages;
  policy: PolicyDecisionPoint;
  render: RenderContext;
  observer: RealtimeObserver;
  logger: WorkerLog;
  time: Time;
  settings: {
    /** `GATEWAY_SYNC_CONCURRENCY` */
    syncConcurrency: number;
    /** Content of chats with more members is pushed only to connections that have opened them. */
    largeChatMembers: number;
  };
}

interface LocalUser {
  key: UserKey;
  connections: Set<Connection>;
  /** Resolves when the memberships are known. Replaced by each further load. */
  ready: Promise<void>;
}

/** What other parts of the gateway do with an event: presence, delivery marks. */
export interface DispatchListener {
  dispatched(event: LiveEvent): void;
}

export type GatewayState =
  | { kind: 'starting' }
  | { kind: 'following'; hasFeed: boolean; cutAt: number }
  /** The store is another one than at the start. Only a restart of the process helps. */
  | { kind: 'ended'; why: string };

export class Gateway {
  readonly table: MembershipTable;
  readonly walks: WalkQueue;
  state: GatewayState = { kind: 'starting' };
  private readonly tracker = new LogTracker<LiveEvent>();
  private readonly users = new Map<string, LocalUser>();
  private readonly listeners: DispatchListener[] = [];
  private readonly life = new AbortController();
  private readonly loops: Promise<void>[] = [];
  private readonly filling = new Set<number>();
  private subscription: LiveSubscription | null = null;
  private isMarkDue = false;

  constructor(private readonly deps: GatewayDeps) {
    this.table = new MembershipTable(() => deps.time.elapsedMs());
    this.walks = new WalkQueue(deps.settings.syncConcurrency);
  }

  /** Committed events that are not processed yet. */
  get lag(): number {
    return this.tracker.lag;
  }

  get userCount(): number {
    return this.users.size;
  }

  listen(listener: DispatchListener): void {
    this.listeners.push(listener);
  }

  /** Binds, then reads the cut. Resolves when connections can be accepted. */
  async start(): Promise<void> {
    const { readers, gatewayId, logger } = this.deps;
    await this.subscribe();
    if (this.life.signal.aborted) return;
    await this.untilDone('cut', async () => this.tracker.restart(await this.readCut()));
    this.state = { kind: 'following', hasFeed: true, cutAt: this.deps.time.elapsedMs() };
    this.loops.push(
      this.every(CUT_INTERVAL_MS, () => this.tick()),
      this.every(LIVE_READER_HEARTBEAT_MS, () =>
        readers.heartbeat(gatewayId).catch((error: unknown) => logger.warn('heartbeat not written', { error })),
      ),
    );
  }

  /** The connections must have been closed. */
  async stop(): Promise<void> {
    this.life.abort();
    await this.subscription?.close().catch(() => undefined);
    await Promise.all(this.loops);
    await this.deps.readers.withdraw(this.deps.gatewayId).catch(() => undefined);
  }

  /** Registers a connection, and begins its first walk. `invalidToken`: its client must begin from nothing. */
  connect(connection: Connection, { invalidToken, fromNow }: { invalidToken: boolean; fromNow: boolean }): void {
    const key = userKey(connection.caller);
    let user = this.users.get(key);
    if (user === undefined) {
      const { tenantId, userId } = connection.caller;
      user = { key: { tenantId, userId }, connections: new Set(), ready: Promise.resolve() };
      this.users.set(key, user);
      user.connections.add(connection);
      this.load(user, null);
    } else user.connections.add(connection);
    if (invalidToken) connection.restartWalk('token');
    void this.walk(connection, user, fromNow);
  }

  disconnect(connection: Connection): void {
    connection.vanish();
    const user = this.users.get(userKey(connection.caller));
    if (user?.connections.delete(connection) !== true || user.connections.size > 0) return;
    this.users.delete(userKey(connection.caller));
    this.table.forget(user.key);
  }

  connectionsOf(key: string): Iterable<Connection> {
    return this.users.get(key)?.connections ?? [];
  }

  *connections(): Generator<Connection> {
    for (const { connections } of this.users.values()) yield* connections;
  }

  /** The client needs a walk, for example because it has opened a chat of which it lacks content. */
  resync(connection: Connection, reason: ResyncReason): void {
    const user = this.users.get(userKey(connection.caller));
    if (user !== undefined) this.demandWalk(connection, user, reason, null);
  }

  /** A walk that the connection itself has begun. */
  resume(connection: Connection, reason: ResyncReason): void {
    const user = this.users.get(userKey(connection.caller));
    if (user === undefined) return;
    this.deps.observer.resynced(reason);
    void this.walk(connection, user, false);
  }

  private async subscribe(): Promise<void> {
    const { feed, logger } = this.deps;
    await this.untilDone('live feed', async () => {
      this.subscription = await feed.subscribe({
        onEvent: (event) => this.received(event),
        onLost: (cause) => {
          logger.warn('live feed lost', { error: cause });
          this.subscription = null;
          if (this.state.kind === 'following') this.state.hasFeed = false;
          // What it misses meanwhile is a gap that the next cuts show.
          if (!this.life.signal.aborted)
            this.loops.push(
              this.subscribe().then(() => {
                if (this.state.kind === 'following') this.state.hasFeed = true;
              }),
            );
        },
      });
    });
  }

  private received({ partition, position, body }: FeedEvent): undefined {
    if (this.state.kind !== 'following' || position <= this.tracker.through(partition)) return;
    let event: CloudEvent;
    try {
      event = JSON.parse(utf8.decode(body)) as CloudEvent;
    } catch (error) {
      // Its gap is read from the log.
      this.deps.logger.warn('unreadable copy in the live feed', { partition, position, error });
      return;
    }
    this.process(this.tracker.received(partition, position, new LiveEvent(partition, position, event)));
  }

  private process(events: readonly LiveEvent[]): void {
    if (events.length === 0) return;
    if (events.length > 1) eraseDeleted(events);
    for (const event of events) this.dispatch(event);
    if (this.isMarkDue && this.tracker.isCaughtUp) this.mintMarks();
  }

  private dispatch(live: LiveEvent): void {
    const { event, chatId } = live;
    const { tenantId } = event.data;
    // Clients of users get no events about webhooks.
    if (event.type === 'webhook.upserted' || event.type === 'webhook.deleted') return;
    if (chatId === null) {
      const userId = event.type === 'user.upserted' ? event.data.userId : event.data.actorId;
      for (const connection of this.connectionsOf(userKey({ tenantId, userId })))
        connection.offer(live, 'content', this.mayPush(connection));
    } else if (event.type === 'chat.hidden' || event.type === 'chat.unhidden') {
      const actor = { tenantId, userId: event.data.actorId };
      if (this.table.isMember(actor, chatId))
        for (const connection of this.connectionsOf(userKey(actor)))
          connection.offer(live, 'content', this.mayPush(connection));
    } else this.dispatchToMembers(live, chatId);
    for (const listener of this.listeners) listener.dispatched(live);
  }

  private dispatchToMembers(live: LiveEvent, chatId: string): void {
    const { event, sequence, contentSequence } = live;
    const { tenantId } = event.data;
    const isLarge = this.table.memberCount(chatId) > this.deps.settings.largeChatMembers;
    for (const { key, firstVisible } of this.table.membersOf(chatId))
      for (const connection of this.connectionsOf(key)) {
        if (event.type === 'message.deleted') connection.erase(event.data.messageId, event.data.mode);
        const isShown = contentSequence >= firstVisible;
        // Recipients are those of the publishing; a newcomer gets nothing from before the joining.
        if (sequence === null ? !isShown : sequence < firstVisible) continue;
        const isOwn = isForOneself(event, key);
        if (!isLarge || connection.opened.has(chatId) || isOwn) {
          // The chat was large: what came before is not there. Without a walk first, the client would have a gap.
          if (connection.hasMissed(chatId) && !isOwn) this.resync(connection, 'open');
          connection.offer(live, isShown ? 'content' : 'hidden', this.mayPush(connection));
        } else if (sequence !== null) connection.miss(chatId, live, this.mayPush(connection));
      }
    const { joined, left, reopened } = this.table.apply(event);
    for (const userId of joined) {
      const user = this.users.get(userKey({ tenantId, userId }));
      if (user === undefined) continue;
      this.load(user, chatId);
      // Without a position: the walk must begin when the membership is known, and each walk waits for that.
      for (const connection of user.connections) this.demandWalk(connection, user, 'chat', null);
    }
    if (left !== null)
      for (const connection of this.connectionsOf(userKey({ tenantId, userId: left }))) connection.forgetChat(chatId);
    for (const key of reopened) {
      const user = this.users.get(key);
      for (const connection of user?.connections ?? [])
        if (user !== undefined) this.demandWalk(connection, user, 'chat', live);
    }
  }

  /** Whether content may be pushed. If not, sync decides what the client gets. */
  mayPush(connection: Connection): boolean {
    const { policy } = this.deps;
    return (
      connection.shown === EVERYTHING_SHOWN &&
      connection.policyVersion === policy.version &&
      // A profile changes without an event of the chat.
      !viewingAsksForProfiles(policy)
    );
  }

  private demandWalk(
    connection: Connection,
    user: LocalUser,
    reason: ResyncReason,
    at: { partition: number; position: number } | null,
  ): void {
    if (!connection.needWalk(reason, at)) return;
    this.deps.observer.resynced(reason);
    void this.walk(connection, user, false);
  }

  /** Loads memberships of a user again, after the loads that run. Never rejects. */
  private load(user: LocalUser, chatId: string | null): void {
    // Begun at once: until the rows are there, the user gets nothing of the chat.
    const load = this.table.begin(user.key, chatId);
    const before = user.ready;
    const done = async () => {
      await before;
      const backoff = new Backoff(this.deps.time);
      for (;;) {
        if (user.connections.size === 0 || this.life.signal.aborted) return this.table.abandon(load);
        try {
          const rows = await this.walks.run(() => this.deps.reads.memberships([user.key], chatId ?? undefined));
          for (const outdated of this.table.end(load, rows)) this.load(user, outdated);
          return;
        } catch (error) {
          this.deps.logger.warn('memberships not read', { error });
          await backoff.wait(this.life.signal);
        }
      }
    };
    user.ready = done();
  }

  /** Sends pages until the client has everything, then makes it live. Never rejects. */
  private async walk(connection: Connection, user: LocalUser, fromNow: boolean): Promise<void> {
    const { policy, observer } = this.deps;
    let startsNow = fromNow;
    // The client resumes within a walk whose cut is older than this connection: what came in between is in no buffer.
    if (connection.progress.walk !== null) connection.needWalk('gap', null);
    for (;;) {
      await this.membershipsKnown(user);
      const { version } = policy;
      const { resets } = connection;
      let { progress } = connection;
      for (;;) {
        const page = await this.readPage(connection, startsNow ? null : progress);
        if (connection.isClosed || page === 'closed') return;
        if (connection.resets !== resets) break;
        if (page === null) {
          connection.restartWalk('view');
          observer.resynced('view');
          progress = NOTHING_SYNCED;
          continue;
        }
        startsNow = false;
        progress = page.progress;
        await connection.sendPage(page);
        if (connection.isClosed) return;
        if (!page.hasMore || connection.resets !== resets) break;
      }
      if (connection.resets !== resets) continue;
      connection.policyVersion = version;
      connection.walkedAtCut = this.tracker.askedNumber;
      const cut = progress.from ?? { positions: [], imports: 0 };
      const again = connection.endWalk(cut, this.mayPush(connection));
      if (again === null) return;
      connection.send({ t: 'resync', reason: again, scope: 'mark' });
      observer.resynced(again);
    }
  }

  private async membershipsKnown(user: LocalUser): Promise<void> {
    for (let ready = user.ready; ; ready = user.ready) {
      await ready;
      if (user.ready === ready) return;
    }
  }

  /** `progress` null: no items, only a token. Retries while the store is unavailable. */
  private async readPage(connection: Connection, progress: SyncProgress | null) {
    const { pages, logger, time } = this.deps;
    const backoff = new Backoff(time);
    for (;;) {
      if (connection.isClosed || this.life.signal.aborted) return 'closed' as const;
      try {
        return await this.walks.run(async () => {
          if (connection.isClosed) return 'closed' as const;
          const { caller } = connection;
          if (progress !== null) return pages.read(caller, progress);
          const now = await pages.fromNow(caller);
          const token = pages.tokenOf(caller, now);
          return {
            json: JSON.stringify({ items: [], next: token, hasMore: false }),
            token,
            progress: now,
            hasMore: false,
            arrivals: [],
          };
        });
      } catch (error) {
        logger.warn('sync page not read', { error });
        await backoff.wait(this.life.signal);
      }
    }
  }

  /** Once a second: the cut, gaps, marks, and what connections have put off. */
  private async tick(): Promise<void> {
    const { policy, logger, time } = this.deps;
    const question = this.tracker.ask();
    try {
      const before = this.tracker.cut;
      const cut = await this.readCut();
      if (this.state.kind !== 'following') return;
      this.state.cutAt = time.elapsedMs();
      const answer = this.tracker.answered(question, cut);
      if (answer.outcome === 'restored') {
        logger.warn('the store was restored; all connections begin anew');
        this.tracker.restart(await this.readCut());
        this.beginAnew('restored');
      } else {
        for (const gap of answer.gaps) this.fill(gap);
        if (before !== null && cut.imports > before.imports) this.walkAfterImport(cut.imports);
        this.isMarkDue = true;
        if (this.tracker.isCaughtUp) this.mintMarks();
      }
    } catch (error) {
      logger.warn('cut not read', { error });
    }
    for (const user of this.users.values())
      for (const connection of user.connections) {
        if (connection.isLive && connection.policyVersion !== policy.version)
          this.demandWalk(connection, user, 'view', null);
        const reason = connection.tick();
        if (reason !== null && connection.beginQuietWalk()) void this.walk(connection, user, false);
      }
  }

  private async readCut() {
    const { reads, render } = this.deps;
    const { storeId, cut } = await reads.cut();
    if (storeId !== render.storeId) {
      this.state = { kind: 'ended', why: 'the database holds another store than at the start' };
      for (const connection of [...this.connections()]) connection.close('restart', { detail: this.state.why });
      throw new Error(this.state.why);
    }
    return cut;
  }

  /** Reads a gap from the log, one at a time for each partition. */
  private fill(gap: Gap): void {
    const { partition, through } = gap;
    if (this.filling.has(partition)) return;
    this.filling.add(partition);
    const { log, logger, observer, render } = this.deps;
    const work = async () => {
      if (through - gap.after > GAP_EVENTS_MAX) {
        logger.warn('too many events missed; all connections walk', { ...gap });
        this.tracker.filled(partition, [], through);
        this.beginAnew('gap');
        return;
      }
      while (this.tracker.through(partition) < through && !this.life.signal.aborted) {
        const after = this.tracker.through(partition);
        const { events, through: readThrough, floor } = await log.read(partition, after, GAP_READ_MAX);
        // Only events of rejections at or below the floor can be missing.
        const complete = Math.max(after, floor);
        if (readThrough - complete > events.filter(({ position }) => position > complete).length) {
          logger.error('the log has a hole: run parley verify', { partition, after, through: readThrough });
          return;
        }
        observer.filled(events.length);
        const items = events.map((logged) => {
          const event = renderEvent(logged, null, render);
          return { position: logged.position, item: new LiveEvent(partition, logged.position, event) };
        });
        this.process(this.tracker.filled(partition, items, readThrough));
        if (readThrough === after) return;
      }
    };
    void work()
      .catch((error: unknown) => logger.warn('missed events not read', { partition, error }))
      .finally(() => this.filling.delete(partition));
  }

  /** Nothing that is known about memberships holds any more. */
  private beginAnew(reason: 'restored' | 'gap'): void {
    for (const user of this.users.values()) {
      this.table.forget(user.key);
      this.load(user, null);
      for (const connection of user.connections)
        if (reason === 'restored') {
          if (connection.reset(reason)) this.resume(connection, reason);
        } else this.demandWalk(connection, user, reason, null);
    }
  }

  private walkAfterImport(imports: number): void {
    const { time } = this.deps;
    for (const user of this.users.values())
      for (const connection of user.connections) {
        const delayMs = time.random() * IMPORT_SPREAD_MS;
        const due = time.pause(delayMs, this.life.signal).then(() => {
          if (!connection.isClosed && (connection.imports ?? imports) < imports)
            this.demandWalk(connection, user, 'import', null);
        });
        void due;
      }
  }

  private mintMarks(): void {
    const { cut, cutNumber } = this.tracker;
    if (cut === null) return;
    this.isMarkDue = false;
    const { policy, pages } = this.deps;
    for (const connection of this.connections()) {
      if (!connection.canMark(cutNumber, cut.imports) || connection.policyVersion !== policy.version) continue;
      const progress: SyncProgress = {
        from: { positions: cut.positions, imports: connection.imports ?? 0 },
        shown: connection.shown,
        walk: null,
      };
      connection.mark({ token: pages.tokenOf(connection.caller, progress), progress });
    }
  }

  private async every(intervalMs: number, work: () => Promise<void>): Promise<void> {
    const { signal } = this.life;
    while (!signal.aborted) {
      await work();
      await this.deps.time.pause(intervalMs, signal);
    }
  }

  private async untilDone(what: string, work: () => Promise<void>): Promise<void> {
    const { time, logger } = this.deps;
    const backoff = new Backoff(time);
    while (!this.life.signal.aborted) {
      try {
        await work();
        return;
      } catch (error) {
        logger.warn('gateway waits', { for: what, error });
        await backoff.wait(this.life.signal);
      }
    }
  }
}

/**
 * What a user gets also in a large chat that is not open: a removed member learns why no more events arrive, and the
 * user's devices learn what another of them has read. A mark has no sequence, so nothing would show that it is missing.
 */
function isForOneself({ type, data }: CloudEvent, key: string): boolean {
  if (type !== 'member.removed' && type !== 'chat.read' && type !== 'chat.delivered') return false;
  return userKey({ tenantId: data.tenantId, userId: data.userId }) === key;
}
