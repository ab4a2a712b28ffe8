/**
 * One client: what waits for it, and whether it has everything. Pure apart from its outlet: the gateway calls it, and
 * acts on what it returns.
 */
import { CLOSE_CODES, type FailureCode, type ResyncReason } from '../../contract/realtime/protocol.js';
import type { ServerFrame, ServerFrameName } from '../../contract/realtime/server-frames.js';
import type { Caller } from '../ports/queries/chat-queries.js';
import type { Cut } from '../ports/queries/sync-log.js';
import { NOTHING_SYNCED, type SyncProgress } from '../queries/sync-chats.js';
import type { Arrival, LiveEvent, Seen } from './live-event.js';

/** Bytes that are handed to the socket and not written yet. The rest waits here, where it can be erased or dropped. */
const IN_FLIGHT_MAX_BYTES = 64 * 1024;
/** Maximum number of `changed` for one time of being slow. The walk that follows covers all chats. */
const CHANGED_WHILE_SLOW_MAX = 64;
/** A connection that is slow twice within this time, or for this time, is closed. */
export const SLOW_AGAIN_MS = 60_000;
/** Maximum number of chats of sync pages whose arrival the next acknowledgement confirms. Further ones are not. */
const ARRIVALS_CARRIED_MAX = 1_000;
/** Maximum number of frames that are not pushes and wait, such as receipts. A hint is dropped above it. */
const HINTS_WAITING_MAX = 64;

export interface OutgoingFrame {
  t: ServerFrameName;
  text: string;
  /** Of a push. */
  n?: number;
  /** A token to resume from, once the client has processed this frame. */
  token?: string;
}

/** Where frames go. */
export interface Outlet {
  /** `onSent` is called once, later: the frame is written, or the connection is gone. */
  send(frame: OutgoingFrame, onSent: () => void): void;
  /** `bye` was sent before. */
  close(code: number, reason: string): void;
}

export interface ConnectionLimits {
  unackedMax: number;
  unackedMaxBytes: number;
}

/** A page of sync as the walk sends it. */
export interface WalkedPage {
  /** The JSON of the page. */
  json: string;
  /** `next` of the page. */
  token: string;
  progress: SyncProgress;
  /** The last message of others in each chat of the page, if the user has no mark of it. */
  arrivals: readonly Arrival[];
}

interface Buffered {
  event: LiveEvent;
  seen: Seen;
}

type Phase =
  /** Live events are kept until the walk ends. `again`: something happened that this walk may not cover. */
  | {
      kind: 'walking';
      buffer: Buffered[];
      bytes: number;
      hasOverflowed: boolean;
      again: ResyncReason | null;
      uncovered: { partition: number; position: number; reason: ResyncReason }[];
    }
  | { kind: 'live' }
  /** Too much is not acknowledged: no content until it is. */
  | { kind: 'slow'; since: number; told: Set<string> }
  | { kind: 'closed' };

type Waiting =
  | {
      kind: 'push';
      t: ServerFrameName;
      event: LiveEvent | null;
      bytes: number;
      text(n: number): string;
      mark?: WaitingMark;
    }
  | {
      kind: 'plain';
      t: ServerFrameName;
      text: string;
      token?: string;
      arrivals?: readonly Arrival[];
      onSent?: () => void;
    };

/** A push that is not acknowledged: its size, and the messages that have arrived when it is. */
interface Unacked {
  bytes: number;
  arrivals: readonly Arrival[];
}

interface Mark {
  token: string;
  progress: SyncProgress;
}

/** A mark that waits, and the number of pages at that time: a later page has overtaken it as what the client has. */
type WaitingMark = Mark & { pages: number };

/** The caller must begin a walk with this reason. Null: nothing to do. */
export type WalkNeed = ResyncReason | null;

export interface ConnectionOptions {
  id: string;
  caller: Caller;
  outlet: Outlet;
  limits: ConnectionLimits;
  /** Where the client is. */
  base: SyncProgress;
  elapsedMs(): number;
  onPushed?(): void;
  onSlow?(): void;
  /** The client has processed these messages of others. Without it, arrivals are not followed. */
  onArrived?(arrivals: readonly Arrival[]): void;
}

export class Connection {
  readonly id: string;
  caller: Caller;
  readonly opened = new Set<string>();
  watched: ReadonlySet<string> = new Set();
  /** Version of the policy with which the last walk began. */
  policyVersion = '';
  /** The cut number asked last when the last walk ended. A mark needs a later cut. */
  walkedAtCut = 0;
  /** Something happened that was not pushed, because the policy hides chats: a walk brings it. */
  isPoked = false;
  /** How often the client had to begin from nothing. A walk that began before such a time must not go on. */
  resets = 0;
  private pages = 0;
  /** Events went out since the last mark. */
  private isUnmarked = false;
  private phase: Phase = newWalk();
  private base: SyncProgress;
  /** Chats with events that were not sent: `changed` is due (true) or was sent. Not empty: no mark. */
  private readonly missed = new Map<string, { event: LiveEvent; isDue: boolean }>();
  private waiting: Waiting[] = [];
  private inFlightBytes = 0;
  private isPumping = false;
  private pushed = 0;
  private acked = 0;
  /** The pushes after `acked`. */
  private unacked: Unacked[] = [];
  /** Messages of the pages since the last push: a client acknowledges pushes, and processes frames in order. */
  private carried: Arrival[] = [];
  private unackedBytes = 0;
  private waitingPushes = 0;
  private waitingPushBytes = 0;
  private slowAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: ConnectionOptions) {
    this.id = options.id;
    this.caller = options.caller;
    this.base = options.base;
  }

  get isClosed(): boolean {
    return this.phase.kind === 'closed';
  }

  get isLive(): boolean {
    return this.phase.kind === 'live';
  }

  /** What the client has, at least: every mark and page that was handed to the socket. */
  get progress(): SyncProgress {
    return this.base;
  }

  /** An event for this client. `mayPush` is false if the policy hides chats from it: then nothing of it is sent. */
  offer(event: LiveEvent, seen: Seen, mayPush: boolean): void {
    const { phase } = this;
    if (phase.kind === 'closed') return;
    if (phase.kind !== 'walking' && !mayPush) {
      this.isPoked = true;
      return;
    }
    this.isUnmarked = true;
    switch (phase.kind) {
      case 'walking':
        if (phase.hasOverflowed) return;
        phase.buffer.push({ event, seen });
        phase.bytes += event.size;
        if (this.isOver(phase.buffer.length, phase.bytes)) {
          phase.buffer = [];
          phase.hasOverflowed = true;
        }
        return;
      case 'live':
        this.pushEvent(event, seen);
        return;
      case 'slow':
        this.tellChanged(event.chatId, event.sequence);
    }
  }

  /** An event of a large chat that is not open: the client is told once in a while that there is something. */
  miss(chatId: string, event: LiveEvent, mayPush: boolean): void {
    const { kind } = this.phase;
    if (kind === 'closed') return;
    // During a walk its position counts: the first walk ends with a view, and until then nothing may be pushed.
    if (mayPush || kind === 'walking') this.missed.set(chatId, { event, isDue: true });
    else this.isPoked = true;
  }

  hasMissed(chatId: string): boolean {
    return this.missed.has(chatId);
  }

  forgetChat(chatId: string): void {
    this.opened.delete(chatId);
    this.missed.delete(chatId);
  }

  /** A deleted text that waits is not sent. */
  erase(messageId: string, mode: 'soft' | 'hard'): void {
    if (this.phase.kind === 'walking')
      for (const { event } of this.phase.buffer) if (event.textOf === messageId) event.erase(mode);
    for (const item of this.waiting)
      if (item.kind === 'push' && item.event?.textOf === messageId) item.event.erase(mode);
  }

  /**
   * The client needs a walk. `at`: a walk whose cut covers this position is enough. Returns whether the caller must
   * begin one; otherwise one runs or comes later.
   */
  needWalk(reason: ResyncReason, at: { partition: number; position: number } | null): boolean {
    const { phase } = this;
    if (phase.kind === 'walking') {
      if (at === null) phase.again = reason;
      else phase.uncovered.push({ ...at, reason });
      return false;
    }
    if (phase.kind !== 'live') return false;
    this.phase = newWalk();
    this.send({ t: 'resync', reason, scope: 'mark' });
    return true;
  }

  /** What the client has is not valid any more: the next walk begins from nothing. Returns as `needWalk`. */
  reset(reason: ResyncReason): boolean {
    if (this.isClosed) return false;
    const { kind } = this.phase;
    this.dropPushes();
    this.resets += 1;
    this.pages += 1;
    this.base = NOTHING_SYNCED;
    this.phase = newWalk();
    this.send({ t: 'resync', reason, scope: 'all' });
    return kind !== 'walking';
  }

  /** Within a walk: the token is not valid (any more), and the walk goes on from nothing. */
  restartWalk(reason: ResyncReason): void {
    this.pages += 1;
    this.base = NOTHING_SYNCED;
    this.send({ t: 'resync', reason, scope: 'all' });
  }

  /** Resolves when the page is written, or the connection is closed. */
  sendPage({ json, token, progress, arrivals }: WalkedPage): Promise<void> {
    if (this.isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.base = progress;
      this.pages += 1;
      // The mark that follows is acknowledged, and with it the messages of the page.
      if (arrivals.length > 0 && this.options.onArrived !== undefined) this.isUnmarked = true;
      const text = `{"t":"sync","page":${json}}`;
      this.enqueue({ kind: 'plain', t: 'sync', text, token, arrivals, onSent: resolve });
    });
  }

  /**
   * The walk to `cut` has ended. Sends what came meanwhile and is not covered. Returns the reason for a further walk,
   * which the caller must begin.
   */
  endWalk(cut: Cut, mayPush: boolean): WalkNeed {
    const { phase } = this;
    if (phase.kind !== 'walking') return null;
    const isAfter = ({ partition, position }: { partition: number; position: number }) =>
      position > (cut.positions[partition] ?? 0);
    const rest = phase.buffer.filter(({ event }) => isAfter(event));
    const again = phase.again ?? phase.uncovered.find(isAfter)?.reason ?? (phase.hasOverflowed ? 'gap' : null);
    // What came after the cut is still missing: without a mark the client asks for it again.
    for (const [chatId, { event }] of this.missed) if (!isAfter(event)) this.missed.delete(chatId);
    this.isPoked = false;
    if (again !== null) {
      // What is buffered stays for the next walk, unless it has overflowed.
      this.phase = { ...newWalk(), buffer: rest, bytes: rest.reduce((sum, { event }) => sum + event.size, 0) };
      return again;
    }
    this.phase = { kind: 'live' };
    for (const { event, seen } of rest) this.offer(event, seen, mayPush);
    if (!mayPush && this.missed.size > 0) {
      this.missed.clear();
      this.isPoked = true;
    }
    return null;
  }

  /** Whether the client has everything up to a cut with this number and this count of imports. */
  canMark(cutNumber: number, imports: number): boolean {
    return (
      this.phase.kind === 'live' &&
      this.isUnmarked &&
      this.missed.size === 0 &&
      !this.isPoked &&
      cutNumber > this.walkedAtCut &&
      this.base.walk === null &&
      this.base.from?.imports === imports
    );
  }

  get shown(): number | null {
    return this.base.shown;
  }

  /** The import counter as of the last walk. */
  get imports(): number | null {
    return this.base.from?.imports ?? null;
  }

  mark({ token, progress }: Mark): void {
    this.isUnmarked = false;
    const mark = { token, progress, pages: this.pages };
    const text = (n: number) => `{"t":"mark","n":${n},"token":${JSON.stringify(token)}}`;
    this.push({ kind: 'push', t: 'mark', event: null, bytes: token.length + 32, text, mark });
  }

  /** Once a second. Returns a reason to begin a walk. */
  tick(): WalkNeed {
    const { phase } = this;
    if (phase.kind === 'slow') {
      if (this.options.elapsedMs() - phase.since > SLOW_AGAIN_MS) this.close('tooSlow');
      return null;
    }
    if (phase.kind !== 'live') return null;
    for (const [chatId, state] of this.missed) {
      if (!state.isDue) continue;
      state.isDue = false;
      this.pushChanged(chatId, state.event.sequence ?? 0);
      if (this.isClosed || !this.isLive) return null;
    }
    return this.isPoked ? 'view' : null;
  }

  /** Begins the walk that `tick` asked for, without a `resync`: the client lacks nothing that it was shown. */
  beginQuietWalk(): boolean {
    if (this.phase.kind !== 'live') return false;
    this.phase = newWalk();
    return true;
  }

  /** `invalid`: there is no such push. Otherwise the reason for a walk, which has begun, or null. */
  ack(n: number): WalkNeed | 'invalid' {
    if (n > this.pushed) return 'invalid';
    if (n <= this.acked) return null;
    const acknowledged = this.unacked.splice(0, n - this.acked);
    this.acked = n;
    for (const { bytes } of acknowledged) this.unackedBytes -= bytes;
    const arrived = acknowledged.flatMap(({ arrivals }) => arrivals);
    if (arrived.length > 0) this.options.onArrived?.(arrived);
    const { unackedMax, unackedMaxBytes } = this.options.limits;
    const { phase } = this;
    if (phase.kind !== 'slow') return null;
    if (
      this.unacked.length + this.waitingPushes > unackedMax / 2 ||
      this.unackedBytes + this.waitingPushBytes > unackedMaxBytes / 2
    )
      return null;
    this.phase = newWalk();
    this.send({ t: 'resync', reason: 'slow', scope: 'mark' });
    return 'slow';
  }

  /** A frame that is not a push, in order with the pushes. */
  send(frame: Exclude<ServerFrame, { n: number } | { t: 'sync' }>): void {
    if (this.isClosed) return;
    this.enqueue({ kind: 'plain', t: frame.t, text: JSON.stringify(frame) });
  }

  /** A frame that may be lost. */
  hint(frame: Extract<ServerFrame, { t: 'typing' | 'presence' | 'beat' }>): void {
    if (this.waiting.length < HINTS_WAITING_MAX) this.send(frame);
  }

  fail(id: string, code: FailureCode, more: { detail?: string; retryAfterMs?: number } = {}): void {
    this.send({ t: 'failed', id, code, ...more });
  }

  close(name: keyof typeof CLOSE_CODES, { detail, retryAfterMs = null }: Farewell = {}): void {
    if (this.isClosed) return;
    const { code, name: reason } = CLOSE_CODES[name];
    this.vanish();
    const frame = { t: 'bye', code, reason, ...(detail === undefined ? {} : { detail }), retryAfterMs } as const;
    this.options.outlet.send({ t: 'bye', text: JSON.stringify(frame) }, () => undefined);
    this.options.outlet.close(code, reason);
  }

  /** The client is gone. */
  vanish(): void {
    this.phase = { kind: 'closed' };
    const { waiting } = this;
    this.waiting = [];
    for (const item of waiting) if (item.kind === 'plain') item.onSent?.();
  }

  private pushEvent(event: LiveEvent, seen: Seen): void {
    const text = (n: number) => `{"t":"event","n":${n},"event":${event.jsonAs(seen)}}`;
    this.options.onPushed?.();
    this.push({ kind: 'push', t: 'event', event, bytes: event.size, text });
  }

  private pushChanged(chatId: string, lastSequence: number): void {
    const text = (n: number) => `{"t":"changed","n":${n},"chatId":"${chatId}","lastSequence":${lastSequence}}`;
    this.push({ kind: 'push', t: 'changed', event: null, bytes: 100, text });
  }

  private push(item: Extract<Waiting, { kind: 'push' }>): void {
    this.waitingPushes += 1;
    this.waitingPushBytes += item.bytes;
    this.enqueue(item);
    if (
      this.phase.kind === 'live' &&
      this.isOver(this.unacked.length + this.waitingPushes, this.unackedBytes + this.waitingPushBytes)
    )
      this.becomeSlow();
  }

  private isOver(count: number, bytes: number): boolean {
    return count > this.options.limits.unackedMax || bytes > this.options.limits.unackedMaxBytes;
  }

  private becomeSlow(): void {
    const now = this.options.elapsedMs();
    this.options.onSlow?.();
    if (now - this.slowAtMs < SLOW_AGAIN_MS) {
      this.close('tooSlow');
      return;
    }
    this.slowAtMs = now;
    this.phase = { kind: 'slow', since: now, told: new Set() };
    for (const { event } of this.dropPushes()) this.tellChanged(event?.chatId ?? null, event?.sequence ?? null);
  }

  private tellChanged(chatId: string | null, sequence: number | null): void {
    const { phase } = this;
    if (phase.kind !== 'slow' || chatId === null || sequence === null || phase.told.has(chatId)) return;
    if (phase.told.size >= CHANGED_WHILE_SLOW_MAX) return;
    phase.told.add(chatId);
    this.pushChanged(chatId, sequence);
  }

  private dropPushes(): Extract<Waiting, { kind: 'push' }>[] {
    const dropped: Extract<Waiting, { kind: 'push' }>[] = [];
    const kept: Waiting[] = [];
    for (const item of this.waiting) {
      if (item.kind === 'push') dropped.push(item);
      else kept.push(item);
    }
    this.waiting = kept;
    this.waitingPushes = 0;
    this.waitingPushBytes = 0;
    return dropped;
  }

  private enqueue(item: Waiting): void {
    this.waiting.push(item);
    this.pump();
  }

  /** A push gets its number here, so that what was dropped leaves no gap. */
  private pump(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    while (!this.isClosed && this.inFlightBytes < IN_FLIGHT_MAX_BYTES) {
      const item = this.waiting.shift();
      if (item === undefined) break;
      const frame = this.frameOf(item);
      const bytes = frame.text.length;
      this.inFlightBytes += bytes;
      this.options.outlet.send(frame, () => {
        this.inFlightBytes -= bytes;
        if (item.kind === 'plain') item.onSent?.();
        this.pump();
      });
    }
    this.isPumping = false;
  }

  private frameOf(item: Waiting): OutgoingFrame {
    if (item.kind === 'plain') {
      const { t, text, token, arrivals = [] } = item;
      const room = ARRIVALS_CARRIED_MAX - this.carried.length;
      if (this.options.onArrived !== undefined && room > 0) this.carried.push(...arrivals.slice(0, room));
      return { t, text, ...(token === undefined ? {} : { token }) };
    }
    this.waitingPushes -= 1;
    this.waitingPushBytes -= item.bytes;
    this.pushed += 1;
    const text = item.text(this.pushed);
    this.unacked.push({ bytes: item.bytes, arrivals: this.arrivalsWith(item.event) });
    this.unackedBytes += item.bytes;
    const { mark } = item;
    if (mark === undefined) return { t: item.t, text, n: this.pushed };
    if (mark.pages === this.pages) this.base = mark.progress;
    return { t: item.t, text, n: this.pushed, token: mark.token };
  }

  private arrivalsWith(event: LiveEvent | null): readonly Arrival[] {
    if (this.options.onArrived === undefined) return NO_ARRIVALS;
    const { carried } = this;
    const arrival = event?.arrivalFor(this.caller.userId) ?? null;
    if (carried.length === 0 && arrival === null) return NO_ARRIVALS;
    this.carried = [];
    return arrival === null ? carried : [...carried, arrival];
  }
}

const NO_ARRIVALS: readonly Arrival[] = [];

export interface Farewell {
  detail?: string;
  retryAfterMs?: number | null;
}

function newWalk(): Extract<Phase, { kind: 'walking' }> {
  return { kind: 'walking', buffer: [], bytes: 0, hasOverflowed: false, again: null, uncovered: [] };
}
