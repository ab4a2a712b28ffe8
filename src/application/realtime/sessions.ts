/**
 * The clients of a gateway process: authentication and its renewal, limits, commands, and what they ask for. An API
 * (WebSocket, server-sent events) opens a session for each connection and passes on its frames.
 */
import { randomUUID } from 'node:crypto';
import type { CommandType } from '../../contract/messages/commands.js';
import type { Receipt } from '../../contract/messages/receipts.js';
import type { ClientFrame, ClientFrameOf } from '../../contract/realtime/client-frames.js';
import { gatewayMessage } from '../../contract/realtime/gateway-messages.js';
import { CLOSE_CODES, REALTIME_LIMITS } from '../../contract/realtime/protocol.js';
import { SYNC_FROM_NOW } from '../../contract/rest/requests.js';
import type { ApiKeyList } from '../gateway/api-keys.js';
import { authenticateCaller } from '../gateway/authenticate-caller.js';
import type { RevocationList } from '../gateway/revocations.js';
import type { CommandSubmitter } from '../gateway/submit-command.js';
import type { Caller } from '../ports/queries/chat-queries.js';
import type { KeyScope } from '../ports/store/api-keys.js';
import { userKey } from '../ports/store/command-store.js';
import { TokenKeysUnavailable, type TokenVerifier } from '../ports/token-verifier.js';
import type { EphemeralFeed, EphemeralMessage } from '../ports/transport/ephemeral-feed.js';
import type { WorkerLog } from '../ports/worker-observer.js';
import { NOTHING_SYNCED } from '../queries/sync-chats.js';
import { Backoff } from '../runtime/backoff.js';
import type { Time } from '../runtime/time.js';
import { Connection, type Farewell, type Outlet } from './connection.js';
import type { ConnectionRecord } from './connection-record.js';
import type { DeliveryMarks } from './delivery-marks.js';
import { drainPlan } from './drain-plan.js';
import type { Gateway, SyncPages } from './gateway.js';
import type { Arrival } from './live-event.js';
import type { Presence } from './presence.js';
import type { RealtimeObserver } from './realtime-observer.js';
import { TokenBucket } from './token-bucket.js';

/** How often expiry, heartbeats and presence are looked after. */
const SWEEP_INTERVAL_MS = 1_000;
/** Frames of a connection per second and at once, acknowledgements included. */
const FRAMES_PER_SECOND = 1_000;
const FRAME_BURST = 2_000;
/** Frames that wait while the first token is verified. */
const EARLY_FRAMES_MAX = 64;
/** Number of chats for which a session remembers its last `typing`. */
const TYPING_REMEMBERED_MAX = 64;
/** Suggested wait of a client that finds the process full, spread by half of it. */
const OVERLOADED_RETRY_MS = 5_000;

export interface SessionSettings {
  /** `GATEWAY_CONNECTIONS_MAX`, `GATEWAY_USER_CONNECTIONS_MAX`, `GATEWAY_UNAUTHENTICATED_MAX` */
  connectionsMax: number;
  userConnectionsMax: number;
  unauthenticatedMax: number;
  authTimeoutMs: number;
  heartbeatMs: number;
  frameMaxBytes: number;
  commandsPerSecond: number;
  commandBurst: number;
  openMax: number;
  watchMax: number;
  unackedMax: number;
  unackedMaxBytes: number;
  /** `GATEWAY_DRAIN` */
  drainMs: number;
}

/** Passes: short-lived, sealed tokens. */
export interface Passes {
  /** The token in it. Null if it is not valid, or was used in this process. */
  redeem(pass: string): string | null;
}

export interface SessionsDeps {
  gateway: Gateway;
  pages: SyncPages;
  submitter: Pick<CommandSubmitter, 'submit'>;
  verifier: TokenVerifier;
  revocations: Pick<RevocationList, 'isKnownRevoked'>;
  apiKeys: Pick<ApiKeyList, 'isKnownRevoked'>;
  /** Null: the store does not record who is connected. */
  record: Pick<ConnectionRecord, 'connected' | 'disconnected'> | null;
  passes: Passes;
  ephemeral: EphemeralFeed;
  presence: Presence;
  /** Null if `DELIVERY_RECEIPTS` is off. */
  marks: DeliveryMarks | null;
  observer: RealtimeObserver;
  logger: WorkerLog;
  time: Time;
  settings: SessionSettings;
}

interface TokenState {
  authorization: string;
  expiresAt: number | null;
  issuedAt: Date | null;
  /** Of an API key. */
  keyId: string | null;
  scopes: readonly KeyScope[] | null;
}

type SessionState =
  | { kind: 'new'; early: ClientFrame[]; isVerifying: boolean; deadlineAt: number }
  | ({ kind: 'open'; connection: Connection } & TokenState)
  | { kind: 'closed' };

export class Sessions {
  private readonly sessions = new Set<Session>();
  /** Those without a token yet. */
  private readonly fresh = new Set<Session>();
  private readonly life = new AbortController();
  private isDraining = false;
  private running: Promise<void> = Promise.resolve();

  constructor(readonly deps: SessionsDeps) {
    deps.gateway.listen(deps.presence);
    if (deps.marks !== null) deps.gateway.listen(deps.marks);
  }

  get count(): number {
    return this.sessions.size;
  }

  get unauthenticated(): number {
    return this.fresh.size;
  }

  get isAccepting(): boolean {
    return !this.isDraining && this.deps.gateway.state.kind === 'following';
  }

  start(): void {
    void this.subscribe();
    this.running = this.sweep();
  }

  /** A new client. It is told at once if there is no room. */
  open(outlet: Outlet): Session {
    const session = new Session(this, outlet);
    const { connectionsMax, unauthenticatedMax } = this.deps.settings;
    if (!this.isAccepting || this.count >= connectionsMax || this.unauthenticated >= unauthenticatedMax) {
      const retryAfterMs = Math.round(OVERLOADED_RETRY_MS * (0.5 + this.deps.time.random()));
      session.refuse(this.isDraining ? 'restart' : 'overloaded', { retryAfterMs });
      return session;
    }
    this.sessions.add(session);
    this.fresh.add(session);
    return session;
  }

  authenticated(session: Session): void {
    this.fresh.delete(session);
  }

  ended(session: Session): void {
    this.fresh.delete(session);
    this.sessions.delete(session);
  }

  /** Closes the connections one by one, each with its own time to come back. */
  async drain(): Promise<void> {
    this.isDraining = true;
    const { time, settings } = this.deps;
    const all = [...this.sessions];
    const { closeOverMs, returnWithinMs } = drainPlan(all.length, settings.drainMs);
    for (const session of all) {
      session.refuse('restart', { retryAfterMs: Math.round(time.random() * returnWithinMs) });
      await time.pause(closeOverMs / all.length, this.life.signal);
    }
  }

  async stop(): Promise<void> {
    this.life.abort();
    for (const session of [...this.sessions]) session.refuse('restart', {});
    await this.running;
  }

  private async sweep(): Promise<void> {
    const { time, presence, marks } = this.deps;
    const { signal } = this.life;
    while (!signal.aborted) {
      const now = time.now().getTime();
      for (const session of [...this.sessions]) session.sweep(now, time.elapsedMs());
      presence.tick();
      marks?.tick();
      await time.pause(SWEEP_INTERVAL_MS, signal);
    }
  }

  private async subscribe(): Promise<void> {
    const { ephemeral, logger, time } = this.deps;
    const backoff = new Backoff(time);
    while (!this.life.signal.aborted) {
      try {
        const lost = resolvers();
        const subscription = await ephemeral.subscribe(
          (message) => this.receive(message),
          () => lost.resolve(),
        );
        this.life.signal.addEventListener('abort', () => lost.resolve(), { once: true });
        ephemeral.publish({ kind: 'presence-query', body: {} });
        backoff.reset();
        await lost.promise;
        if (this.life.signal.aborted) await subscription.close();
      } catch (error) {
        logger.debug('ephemeral feed not subscribed', { error });
      }
      await backoff.wait(this.life.signal);
    }
  }

  private receive(message: EphemeralMessage): void {
    const { gateway, presence, logger } = this.deps;
    const read = gatewayMessage.safeParse(message);
    if (!read.success) logger.debug('invalid message between gateways ignored', { kind: message.kind });
    else if (read.data.kind === 'presence') presence.received(read.data.body);
    else if (read.data.kind === 'presence-query') presence.reportAll();
    else {
      const { tenantId, chatId, userId, on } = read.data.body;
      const own = userKey({ tenantId, userId });
      for (const { key } of gateway.table.membersOf(chatId)) {
        if (key === own) continue;
        for (const connection of gateway.connectionsOf(key))
          if (connection.opened.has(chatId) && gateway.mayPush(connection))
            connection.hint({ t: 'typing', chatId, userId, on });
      }
    }
  }
}

function resolvers() {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

export class Session {
  readonly id = randomUUID();
  private state: SessionState;
  private readonly frames: TokenBucket;
  private readonly commands: TokenBucket;
  private readonly inProgress = new Set<string>();
  /** The latest `watch` that waits for the one in progress. */
  private watching: { next: readonly string[] | null } | null = null;
  /** By chat: when `on` was last passed on, and whether it still holds. */
  private readonly typed = new Map<string, { at: number; on: boolean }>();
  private saidAt: number;

  constructor(
    private readonly owner: Sessions,
    private readonly outlet: Outlet,
  ) {
    const { time, settings } = owner.deps;
    const now = time.elapsedMs();
    this.saidAt = now;
    this.state = { kind: 'new', early: [], isVerifying: false, deadlineAt: now + settings.authTimeoutMs };
    this.frames = new TokenBucket(FRAMES_PER_SECOND, FRAME_BURST, now);
    this.commands = new TokenBucket(settings.commandsPerSecond, settings.commandBurst, now);
  }

  get isOpen(): boolean {
    return this.state.kind === 'open';
  }

  /** A frame of the client, which matches its schema. */
  receive(frame: ClientFrame): void {
    const { state } = this;
    if (state.kind === 'closed') return;
    if (!this.frames.take(this.owner.deps.time.elapsedMs())) {
      this.refuse('rate', { detail: 'too many frames', retryAfterMs: 1_000 });
      return;
    }
    if (state.kind === 'open') this.handle(frame, state);
    else if (frame.t === 'auth' && !state.isVerifying) void this.authenticate(frame, state);
    else if (!state.isVerifying) this.refuse('badFrame', { detail: 'the first frame must be auth' });
    else if (state.early.length < EARLY_FRAMES_MAX) state.early.push(frame);
    else this.refuse('badFrame', { detail: 'too many frames before hello' });
  }

  /** Everything up to push `n` is processed. */
  acknowledge(n: number): void {
    const { state } = this;
    if (state.kind !== 'open') return;
    const need = state.connection.ack(n);
    if (need === 'invalid') this.refuse('badFrame', { detail: 'acknowledges a push that was not sent' });
    else if (need !== null) this.owner.deps.gateway.resume(state.connection, need);
  }

  /** Closes the session with a code. */
  refuse(name: keyof typeof CLOSE_CODES, farewell: Farewell): void {
    const { state } = this;
    if (state.kind === 'closed') return;
    this.owner.deps.observer.closed(CLOSE_CODES[name].name);
    if (state.kind === 'open') state.connection.close(name, farewell);
    else {
      const { code, name: reason } = CLOSE_CODES[name];
      const { detail, retryAfterMs = null } = farewell;
      const frame = { t: 'bye', code, reason, ...(detail === undefined ? {} : { detail }), retryAfterMs } as const;
      this.outlet.send({ t: 'bye', text: JSON.stringify(frame) }, () => undefined);
      this.outlet.close(code, reason);
    }
    this.leave();
  }

  /** The client has closed its connection, or it was lost. */
  lost(): void {
    if (this.state.kind === 'closed') return;
    this.owner.deps.observer.closed('client');
    this.leave();
  }

  sweep(nowMs: number, elapsedMs: number): void {
    const { state } = this;
    if (state.kind === 'new' && elapsedMs >= state.deadlineAt)
      this.refuse('token', { detail: 'no valid auth frame came in time' });
    if (state.kind !== 'open') return;
    if (state.connection.isClosed) {
      // It was too slow.
      this.owner.deps.observer.closed(CLOSE_CODES.tooSlow.name);
      this.leave();
    } else if (state.expiresAt !== null && nowMs >= state.expiresAt)
      this.refuse('token', { detail: 'the token has expired' });
    else if (this.owner.deps.revocations.isKnownRevoked(state.connection.caller, state.issuedAt))
      this.refuse('token', { detail: 'the token was revoked' });
    else if (state.keyId !== null && this.owner.deps.apiKeys.isKnownRevoked(state.keyId))
      this.refuse('token', { detail: 'the API key was revoked' });
    else if (elapsedMs - this.saidAt >= this.owner.deps.settings.heartbeatMs) {
      this.saidAt = elapsedMs;
      state.connection.hint({ t: 'beat' });
    }
  }

  private leave(): void {
    const { state, owner } = this;
    this.state = { kind: 'closed' };
    if (state.kind === 'open') {
      owner.deps.presence.unwatch(state.connection);
      owner.deps.presence.disconnected(state.connection.caller);
      owner.deps.record?.disconnected(state.connection.caller);
      owner.deps.gateway.disconnect(state.connection);
    }
    owner.ended(this);
  }

  private async authenticate(frame: ClientFrameOf<'auth'>, state: Extract<SessionState, { kind: 'new' }>) {
    const { gateway, settings, presence } = this.owner.deps;
    state.isVerifying = true;
    const verified = await this.verify(frame);
    if (this.state !== state || verified === null) return;
    const { caller, expiresAt } = verified;
    if ([...gateway.connectionsOf(userKey(caller))].length >= settings.userConnectionsMax) {
      this.refuse('rate', { detail: 'too many connections of this user', retryAfterMs: OVERLOADED_RETRY_MS });
      return;
    }
    const connection = this.connect(caller, frame.since);
    this.state = { kind: 'open', connection, ...tokenStateOf(verified) };
    this.owner.authenticated(this);
    this.hello(connection, expiresAt);
    presence.connected(caller);
    this.owner.deps.record?.connected(caller);
    const fromNow = frame.since === SYNC_FROM_NOW;
    const invalidToken = frame.since !== undefined && !fromNow && connection.progress === NOTHING_SYNCED;
    gateway.connect(connection, { fromNow, invalidToken });
    for (const early of state.early) this.receive(early);
  }

  private connect(caller: Caller, since: string | undefined): Connection {
    const { pages, settings, time, observer, marks } = this.owner.deps;
    const given = since === undefined || since === SYNC_FROM_NOW ? null : pages.progressOf(caller, since);
    const outlet: Outlet = {
      send: (out, onSent) => {
        this.saidAt = time.elapsedMs();
        this.outlet.send(out, onSent);
      },
      close: (code, reason) => this.outlet.close(code, reason),
    };
    return new Connection({
      ...{ id: this.id, caller, outlet, limits: settings, base: given ?? NOTHING_SYNCED },
      elapsedMs: () => time.elapsedMs(),
      onPushed: () => observer.pushed(),
      onSlow: () => observer.becameSlow(),
      ...(marks === null ? {} : { onArrived: (arrivals) => this.arrived(marks, arrivals) }),
    });
  }

  private arrived(marks: DeliveryMarks, arrivals: readonly Arrival[]): void {
    const { state } = this;
    if (state.kind !== 'open') return;
    marks.arrived({ caller: state.connection.caller, authorization: state.authorization }, arrivals);
  }

  /** Null: the session is refused. */
  private async verify({ token, pass }: ClientFrameOf<'auth'>) {
    const { verifier, passes, logger } = this.owner.deps;
    const bearer = token ?? (pass === undefined ? null : passes.redeem(pass));
    if (bearer === null) {
      this.refuse('token', { detail: 'the pass is not valid (any more)' });
      return null;
    }
    try {
      const result = await authenticateCaller(`Bearer ${bearer}`, verifier);
      if (result.outcome === 'authenticated') {
        const { caller, authorization, expiresAt, issuedAt, keyId, scopes } = result;
        if (scopes === null || scopes.includes('realtime'))
          return { caller, authorization, expiresAt: expiresAt?.getTime() ?? null, issuedAt, keyId, scopes };
        this.refuse('token', { detail: 'the API key lacks the scope realtime' });
      } else this.refuse('token', { detail: result.outcome === 'refused' ? result.reason : 'no token' });
    } catch (error) {
      if (!(error instanceof TokenKeysUnavailable)) logger.error('token not verified', { error });
      this.refuse('overloaded', { detail: 'the token cannot be verified now', retryAfterMs: OVERLOADED_RETRY_MS });
    }
    return null;
  }

  private hello(connection: Connection, expiresAt: number | null): void {
    const { heartbeatMs, unackedMax, frameMaxBytes, commandsPerSecond, commandBurst, openMax, watchMax } =
      this.owner.deps.settings;
    const { tenantId, userId } = connection.caller;
    connection.send({
      ...{ t: 'hello', connectionId: this.id, userId, tenantId, heartbeatMs, maxUnacked: unackedMax },
      tokenExpiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      limits: { frameMaxBytes, commandsPerSecond, commandBurst, openMax, watchMax },
    });
  }

  private handle(frame: ClientFrame, state: Extract<SessionState, { kind: 'open' }>): void {
    const { gateway, presence, settings } = this.owner.deps;
    const { connection } = state;
    switch (frame.t) {
      case 'auth':
        if (this.takesTurn()) void this.renew(frame, state);
        return;
      case 'ack':
        this.acknowledge(frame.n);
        return;
      case 'command':
        presence.active(connection.caller);
        this.command(frame, state);
        return;
      case 'open':
        if (connection.opened.size >= settings.openMax && !connection.opened.has(frame.chatId))
          this.refuse('rate', { detail: `at most ${settings.openMax} chats can be open` });
        else if (this.takesTurn()) {
          // Whether the user is a member is checked whenever something of the chat is sent.
          connection.opened.add(frame.chatId);
          if (connection.hasMissed(frame.chatId)) gateway.resync(connection, 'open');
        }
        return;
      case 'close':
        connection.opened.delete(frame.chatId);
        return;
      case 'typing':
        presence.active(connection.caller);
        this.typing(frame, connection);
        return;
      case 'watch':
        if (frame.userIds.length > settings.watchMax)
          this.refuse('rate', { detail: `at most ${settings.watchMax} users can be watched` });
        else if (this.takesTurn()) void this.watch(connection, frame.userIds);
        return;
      case 'active':
        presence.active(connection.caller);
    }
  }

  /** Counts a frame that costs more than memory: a command, a verified token, a read of the store. */
  private takesTurn(): boolean {
    if (this.commands.take(this.owner.deps.time.elapsedMs())) return true;
    this.refuse('rate', { detail: 'too many commands', retryAfterMs: 1_000 });
    return false;
  }

  /** One at a time. Of those that come meanwhile, the last one counts. */
  private async watch(connection: Connection, userIds: readonly string[]): Promise<void> {
    const { presence, logger } = this.owner.deps;
    if (this.watching !== null) {
      this.watching.next = userIds;
      return;
    }
    const watching: { next: readonly string[] | null } = { next: userIds };
    this.watching = watching;
    for (let ids = watching.next; ids !== null; ids = watching.next) {
      watching.next = null;
      await presence.watch(connection, ids).catch((error: unknown) => logger.warn('presence not watched', { error }));
    }
    this.watching = null;
  }

  private async renew(frame: ClientFrameOf<'auth'>, state: Extract<SessionState, { kind: 'open' }>): Promise<void> {
    const verified = await this.verify(frame);
    if (this.state !== state || verified === null) return;
    const { connection } = state;
    const { caller, expiresAt } = verified;
    if (userKey(caller) !== userKey(connection.caller)) {
      this.refuse('token', { detail: 'the token belongs to another user' });
      return;
    }
    const hasOtherClaims = JSON.stringify(caller.token) !== JSON.stringify(connection.caller.token);
    Object.assign(state, tokenStateOf(verified));
    connection.caller = caller;
    // The policy may show other chats now. No content goes out until a walk has asked it.
    if (hasOtherClaims) this.owner.deps.gateway.resync(connection, 'view');
    this.hello(connection, expiresAt);
  }

  private typing({ chatId, on }: ClientFrameOf<'typing'>, { caller }: Connection): void {
    const { gateway, ephemeral, time } = this.owner.deps;
    const now = time.elapsedMs();
    const last = this.typed.get(chatId) ?? { at: Number.NEGATIVE_INFINITY, on: false };
    if (!gateway.table.isMember(caller, chatId)) return;
    if (on ? now - last.at < REALTIME_LIMITS.typingIntervalMs : !last.on) return;
    this.typed.delete(chatId);
    this.typed.set(chatId, { at: on ? now : last.at, on });
    const [oldest] = this.typed.keys();
    if (this.typed.size > TYPING_REMEMBERED_MAX && oldest !== undefined) this.typed.delete(oldest);
    const { tenantId, userId } = caller;
    ephemeral.publish({ kind: 'typing', body: { tenantId, chatId, userId, on } });
  }

  private command(frame: ClientFrameOf<'command'>, state: Extract<SessionState, { kind: 'open' }>): void {
    const { settings, submitter, logger } = this.owner.deps;
    const { connection, authorization } = state;
    const { id, type, chatId = null, data } = frame;
    if (!this.takesTurn()) return;
    if (state.scopes !== null && !state.scopes.includes('write')) {
      this.refuse('token', { detail: 'the API key lacks the scope write' });
      return;
    }
    if (this.inProgress.has(id)) {
      connection.fail(id, 'duplicate');
      return;
    }
    if (this.inProgress.size >= settings.commandBurst) {
      connection.fail(id, 'unavailable', { detail: 'too many commands in progress', retryAfterMs: 1_000 });
      return;
    }
    this.inProgress.add(id);
    submitter
      .submit({
        ...{ caller: connection.caller, authorization, commandId: id, chatId, data },
        // The worker answers an unknown type.
        type: type as CommandType,
        ...{ traceparent: null, tracestate: null },
      })
      .then((submission) => {
        if (submission.outcome === 'answered') this.receipt(connection, id, submission.receipt);
        else if (submission.outcome === 'pending') connection.fail(id, 'pending');
        else connection.fail(id, 'too_large', { detail: `the command has ${submission.bytes} bytes` });
      })
      .catch((error: unknown) => {
        logger.warn('command not submitted', { error });
        connection.fail(id, 'unavailable', { retryAfterMs: 1_000 });
      })
      .finally(() => this.inProgress.delete(id));
  }

  private receipt(connection: Connection, id: string, receipt: Receipt): void {
    connection.send({ t: 'receipt', id, receipt });
  }
}

function tokenStateOf({ authorization, expiresAt, issuedAt, keyId, scopes }: TokenState): TokenState {
  return { authorization, expiresAt, issuedAt, keyId, scopes };
}
