/** A gateway for alice, after REALTIME.md: walks, marks, large chats that are not pushed, joins, restored stores. */
import { SYNC_FROM_NOW } from '../../../../src/contract/rest/requests.js';
import { ALICE, type ChatWorld, type Progress, type Random, type WorldEvent } from './chat-world.js';
import { ScriptedConnection } from './scripted-gateway.js';
import type { SimulatedNetwork } from './simulated-network.js';

const NOTHING: Progress = { from: null, walk: null };

/** The kinds of frames after which a client may crash. */
export const KINDS = ['hello', 'page', 'last page', 'event', 'changed', 'mark', 'resync'] as const;
export type Kind = (typeof KINDS)[number];

class ModelConnection {
  private base: Progress = NOTHING;
  private readonly opened = new Set<string>();
  private readonly missed = new Map<string, { sequence: number; position: number; isTold: boolean }>();
  private walking: { again: boolean; buffer: WorldEvent[] } | null = null;
  private isReady = false;

  constructor(
    private readonly gateway: ModelGateway,
    readonly scripted: ScriptedConnection,
  ) {
    scripted.onFrame = (frame) => {
      if (frame.t === 'auth') this.authenticate(frame.since);
      else if (frame.t === 'close') this.opened.delete(frame.chatId);
      else if (frame.t === 'open') {
        this.opened.add(frame.chatId);
        if (this.missed.has(frame.chatId)) this.resync('open', 'mark');
      }
    };
  }

  private get world(): ChatWorld {
    return this.gateway.world;
  }

  private authenticate(since: string | undefined): void {
    this.scripted.hello();
    if (this.isReady) return;
    this.isReady = true;
    this.walking = { again: false, buffer: [] };
    this.gateway.sent('hello');
    if (since === undefined) return;
    if (since === SYNC_FROM_NOW) {
      this.base = { from: this.world.position, walk: null };
      return;
    }
    const { storeId, progress } = JSON.parse(since) as { storeId: number; progress: Progress };
    if (storeId !== this.world.storeId) {
      this.resetAll('token');
      return;
    }
    this.base = progress;
    // The rest of this walk does not cover what happened before this connection.
    this.walking.again = progress.walk !== null && !this.gateway.endsResumedWalks;
  }

  get isIdle(): boolean {
    return this.scripted.isClosed || (this.isReady && this.walking === null && this.missed.size === 0);
  }

  /** An event of the log. */
  happened(event: WorldEvent): void {
    if (this.scripted.isClosed || !this.isReady) return;
    const { chat, logged } = event;
    const { type, sequence, data, actorId, messageSequence } = logged;
    if (type === 'chat.hidden' || type === 'chat.unhidden' ? actorId !== ALICE : !chat.members.has(ALICE)) return;
    if ((sequence ?? messageSequence ?? Number.POSITIVE_INFINITY) < this.world.firstVisible(chat)) return;
    const { userId, members } = data as { userId?: string; members?: { userId: string }[] };
    const isAboutAlice =
      type.startsWith('member.') && (userId === ALICE || members?.some((one) => one.userId === ALICE));
    // Her own marks are few. They are not part of a chat's sequence, so no later walk is due to bring them.
    const isOwnMark = sequence === null && actorId === ALICE;
    if (chat.isLarge && !this.opened.has(chat.chatId) && !isAboutAlice && !isOwnMark) {
      if (sequence !== null) this.missed.set(chat.chatId, { sequence, position: event.position, isTold: false });
    } else if (this.walking !== null) this.walking.buffer.push(event);
    else this.push(event);
    if (isAboutAlice && type === 'member.removed') {
      this.missed.delete(chat.chatId);
      this.opened.delete(chat.chatId);
    }
    if (members?.some((one) => one.userId === ALICE)) {
      if (this.walking !== null) this.walking.again = true;
      else this.resync('chat', 'mark');
    }
  }

  private push({ chat, logged }: WorldEvent): void {
    this.scripted.push({ t: 'event', event: this.world.render(chat, logged) });
    this.gateway.sent('event');
  }

  resync(reason: 'slow' | 'gap' | 'chat' | 'open' | 'restored' | 'token', scope: 'mark' | 'all'): void {
    if (this.walking !== null && scope === 'mark') {
      this.walking.again = true;
      return;
    }
    this.walking ??= { again: false, buffer: [] };
    this.scripted.send({ t: 'resync', reason, scope });
    this.gateway.sent('resync');
  }

  resetAll(reason: 'restored' | 'token'): void {
    if (!this.isReady || this.scripted.isClosed) return;
    this.base = NOTHING;
    this.missed.clear();
    this.resync(reason, 'all');
  }

  /** A page of the walk, or a mark, or what is due. */
  tick(random: Random): void {
    if (this.scripted.isClosed || !this.isReady) return;
    if (this.walking !== null) {
      this.walkOn(random);
      return;
    }
    for (const [chatId, missed] of this.missed)
      if (!missed.isTold) {
        missed.isTold = true;
        this.scripted.push({ t: 'changed', chatId, lastSequence: missed.sequence });
        this.gateway.sent('changed');
      }
    if (this.missed.size > 0) return;
    this.base = { from: this.world.position, walk: null };
    this.scripted.push({ t: 'mark', token: this.token() });
    this.gateway.sent('mark');
  }

  private walkOn(random: Random): void {
    const { page, progress } = this.world.page(this.base, 1 + random(12));
    this.base = progress;
    this.scripted.send({ t: 'sync', page: { ...page, next: this.token() } });
    this.gateway.sent(page.hasMore ? 'page' : 'last page');
    const { walking } = this;
    if (page.hasMore || walking === null) return;
    const cut = progress.from ?? 0;
    for (const [chatId, { position }] of this.missed) if (position <= cut) this.missed.delete(chatId);
    const rest = walking.buffer.filter(({ position }) => position > cut);
    if (walking.again) {
      this.walking = { again: false, buffer: rest };
      this.scripted.send({ t: 'resync', reason: 'chat', scope: 'mark' });
      this.gateway.sent('resync');
      return;
    }
    this.walking = null;
    for (const event of rest) this.push(event);
  }

  private token(): string {
    return JSON.stringify({ storeId: this.world.storeId, progress: this.base });
  }
}

export class ModelGateway {
  readonly connections: ModelConnection[] = [];
  onSent: (kind: Kind) => void = () => undefined;
  /** A planted bug: a walk that was resumed in its middle ends without another one. */
  endsResumedWalks = false;

  constructor(
    network: SimulatedNetwork,
    readonly world: ChatWorld,
  ) {
    network.onConnection = (socket, path) =>
      this.connections.push(new ModelConnection(this, new ScriptedConnection(socket, path)));
    world.onEvent = (event) => {
      for (const connection of this.connections) connection.happened(event);
    };
  }

  get isIdle(): boolean {
    return this.connections.every((connection) => connection.isIdle);
  }

  sent(kind: Kind): void {
    this.onSent(kind);
  }

  tick(random: Random): void {
    for (const connection of this.connections) connection.tick(random);
  }

  /** Closes all connections as a failing network does. */
  cut(): void {
    for (const { scripted } of this.connections) scripted.cut();
    this.connections.length = 0;
  }

  resync(random: Random): void {
    for (const connection of this.connections)
      if (random(4) > 0) connection.resync(random(2) === 0 ? 'slow' : 'gap', 'mark');
      else connection.resetAll('restored');
  }
}
