/** A gateway on a scripted store, feed and policy, with a clock that the test moves. */
import { fingerprintOf } from '../../../../src/application/policy/view-chat.js';
import type { PolicyDecisionPoint } from '../../../../src/application/ports/policy-decision-point.js';
import type { Caller } from '../../../../src/application/ports/queries/chat-queries.js';
import type { Cut } from '../../../../src/application/ports/queries/sync-log.js';
import type { LogStretch } from '../../../../src/application/ports/store/log/followed-log.js';
import type { LiveHandlers } from '../../../../src/application/ports/transport/live-feed.js';
import { NOTHING_SYNCED, type SyncProgress } from '../../../../src/application/queries/sync-chats.js';
import { Connection } from '../../../../src/application/realtime/connection.js';
import { Gateway, type SyncPages } from '../../../../src/application/realtime/gateway.js';
import type { Time } from '../../../../src/application/runtime/time.js';
import type { CloudEvent } from '../../../../src/contract/messages/events.js';
import type { ServerFrame } from '../../../../src/contract/realtime/server-frames.js';
import { BOB, membership } from './realtime-fixtures.js';

const STORE_ID = 'store';
const ALL = fingerprintOf('all');

/** Pauses end when the test advances the time. */
class ManualTime implements Time {
  private ms = 0;
  private readonly pauses = new Set<{ at: number; end(): void }>();

  now = () => new Date(this.ms);
  elapsedMs = () => this.ms;
  random = () => 0;
  turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

  pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const pause = { at: this.ms + delayMs, end: resolve };
      this.pauses.add(pause);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** Resolves when everything that was due has been done, as far as it needs no further time. */
  async advance(ms: number): Promise<void> {
    this.ms += ms;
    for (const pause of [...this.pauses])
      if (pause.at <= this.ms) {
        this.pauses.delete(pause);
        pause.end();
      }
    for (let turns = 0; turns < 20; turns += 1) await this.turn();
  }
}

/** The token of a page or mark, as this harness makes it. */
export type OpenToken = SyncProgress;

export class GatewayHarness {
  readonly time = new ManualTime();
  readonly frames: ServerFrame[] = [];
  /** The log's present moment. */
  cut: Cut = { positions: [0], imports: 0 };
  /** What the policy shows now, and its version. */
  shown = ALL;
  policy = { version: '1' };
  /** What happens between the reading of a page's cut and its end. */
  duringPage: () => void = () => undefined;
  readonly gateway: Gateway;
  private handlers: LiveHandlers | null = null;

  constructor(make: (deps: ConstructorParameters<typeof Gateway>[0]) => Gateway = (deps) => new Gateway(deps)) {
    const policy = Object.assign(this.policy, { claims: [], tokenClaims: [], asksFor: () => false });
    this.gateway = make({
      gatewayId: 'g',
      feed: {
        counters: { sent: 0, dropped: 0 },
        publish: () => undefined,
        subscribe: async (handlers) => {
          this.handlers = handlers;
          return { close: async () => undefined };
        },
      },
      readers: { heartbeat: async () => undefined, withdraw: async () => undefined, count: async () => 1 } as never,
      reads: {
        cut: async () => ({ storeId: STORE_ID, cut: this.cut }),
        memberships: async () => [membership(1, 1)],
        acquaintances: async () => [],
      },
      log: { read: async (_partition, after) => this.readLog(after) },
      pages: this.pages,
      policy: policy as unknown as PolicyDecisionPoint,
      render: { storeId: STORE_ID, recipientsMax: 100 },
      observer: {
        ...{ pushed: () => undefined, resynced: () => undefined, becameSlow: () => undefined },
        ...{ closed: () => undefined, filled: () => undefined },
      },
      logger: { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined } as never,
      time: this.time,
      settings: { syncConcurrency: 1, largeChatMembers: 100 },
    });
  }

  /** What the log has after a position. */
  readLog: (after: number) => LogStretch | Promise<LogStretch> = () => {
    throw new Error('no gap is expected');
  };

  /** Its tokens are not sealed. */
  readonly pages: SyncPages = {
    progressOf: (_caller: Caller, token) => JSON.parse(token) as OpenToken,
    tokenOf: (_caller: Caller, progress) => JSON.stringify(progress),
    fromNow: async () => ({ from: this.cut, shown: this.shown, walk: null }),
    read: async (_caller: Caller, progress) => {
      if (progress.shown !== null && progress.shown !== this.shown) return null;
      const reached: OpenToken = { from: this.cut, shown: this.shown, walk: null };
      this.duringPage();
      await this.time.turn();
      const token = JSON.stringify(reached);
      const json = JSON.stringify({ items: [], next: token, hasMore: false });
      return { json, token, progress: reached, hasMore: false, arrivals: [] };
    },
  };

  /** A connection of bob's, whose walk has ended. */
  async connect(change: (connection: Connection) => void = () => undefined): Promise<Connection> {
    const connection = new Connection({
      ...{ id: 'c', caller: BOB, base: NOTHING_SYNCED, elapsedMs: this.time.elapsedMs },
      limits: { unackedMax: 100, unackedMaxBytes: 1_000_000 },
      outlet: {
        send: ({ text }, onSent) => {
          this.frames.push(JSON.parse(text) as ServerFrame);
          queueMicrotask(onSent);
        },
        close: () => undefined,
      },
    });
    change(connection);
    this.gateway.connect(connection, { invalidToken: false, fromNow: false });
    await this.time.advance(0);
    return connection;
  }

  /** The event is committed, and the feed brings its copy. */
  commit(event: CloudEvent): void {
    const position = (this.cut.positions[0] ?? 0) + 1;
    this.cut = { ...this.cut, positions: [position] };
    void this.handlers?.onEvent({ partition: 0, position, body: Buffer.from(JSON.stringify(event)) });
  }

  get sequences(): (number | null)[] {
    return this.frames.flatMap((frame) =>
      frame.t === 'event' && 'sequence' in frame.event.data ? [frame.event.data.sequence] : [],
    );
  }
}
