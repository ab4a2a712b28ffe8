/**
 * A random story: conversations with joins, leaves, hides, edits and deletions, clients that only listen, and gateways
 * that are killed, frozen, starved and restarted. Afterwards each client must have the state of the store, and no frame
 * may have contained a text that its user could not read at that moment.
 */
import { v4 } from 'uuid';
import { seededRandom } from '../../../bench/population/random.js';
import { RestStack } from '../../integration/stack/rest/rest-stack.js';
import { eventually } from '../../support/eventually.js';
import type { TestProcess } from '../../support/fleet/processes.js';
import { policyHidingChannelsFromGuests } from '../../support/policies/policy-with.js';
import { RealtimeTestClient } from '../../support/realtime/realtime-client.js';
import { manage, rabbitmq } from '../../support/services/services.js';
import { tokenFor } from '../../unit/adapters/http/rest-client.js';
import { differenceFrom, syncedAnew } from './chat-state.js';
import type { Plant } from './plants.js';
import { type ModelChat, ReadableTexts, TEXT_PATTERN } from './readable-texts.js';
import { playRenewal } from './renewal.js';
import { startGateway } from './start-gateway.js';

const TOKEN_TTL_S = 7_200;
/** A chat with more members is a large one for the gateways: its content is not pushed. */
const LARGE_CHAT_MEMBERS = 4;
const CHATS_MAX = 6;
/** How long an event may take to a client without a fault. A text that was readable this long ago may still arrive. */
const LAG_MAX_MS = 5_000;
const SETTLED_WITHIN_MS = 30_000;
/** For a gateway with a bug, whose clients may never have that state. */
const SETTLED_WITH_PLANT_WITHIN_MS = 10_000;
const FROZEN_MIN_MS = 500;
const FROZEN_MAX_MS = 2_500;
/** Messages while a gateway is starved. Its queue holds one. */
const STARVED_MESSAGES = 30;
const FINDINGS_MAX = 5;
const EVIDENCE_FRAMES = 12;
const EVIDENCE_MAX = 400;

export const FAULTS = ['kill', 'freeze', 'starve', 'drop', 'restart'] as const;
export type Fault = (typeof FAULTS)[number];

export interface StoryOptions {
  seed: number;
  acts: number;
  /** A fault about once in this many acts. */
  actsPerFault: number;
  users: number;
  gateways: number;
  plant?: Plant;
  onAct?(done: number): void;
}

export interface StoryOutcome {
  seed: number;
  acts: number;
  refused: number;
  events: number;
  faults: { [F in Fault]: number };
  /** Empty: everything held. */
  findings: string[];
  /** What was seen when the first client did not get its state. */
  evidence: string[];
}

interface Seen {
  userId: string;
  text: string;
  at: number;
}

interface Listener {
  userId: string;
  client: RealtimeTestClient;
  /** The gateway that it uses: an index. */
  gateway: number;
  isOpening: boolean;
}

/** Plays one story on services of its own. */
export async function playStory(options: StoryOptions): Promise<StoryOutcome> {
  const stack = await RestStack.create({
    ...{ EVENT_RECIPIENTS_MAX: String(LARGE_CHAT_MEMBERS), GATEWAY_DRAIN: '500ms' },
    POLICY_FILE: policyHidingChannelsFromGuests(),
  });
  const story = new Story(stack, options);
  try {
    return await story.play();
  } finally {
    await story.close();
    await stack.close();
  }
}

class Story {
  private readonly random: () => number;
  private readonly model = new ReadableTexts();
  private readonly gateways: TestProcess[] = [];
  private readonly listeners: Listener[] = [];
  private readonly seen = new Map<string, Seen>();
  private readonly findings = new Set<string>();
  private readonly evidence: string[] = [];
  /** Times in which a gateway was frozen or starved: what it sends afterwards is late. */
  private readonly late: { from: number; to: number }[] = [];
  private readonly faults: StoryOutcome['faults'] = { kill: 0, freeze: 0, starve: 0, drop: 0, restart: 0 };
  private refused = 0;
  private texts = 0;

  constructor(
    private readonly stack: RestStack,
    private readonly options: StoryOptions,
  ) {
    this.random = seededRandom(options.seed);
  }

  async play(): Promise<StoryOutcome> {
    const { users, gateways, acts, actsPerFault, onAct, seed } = this.options;
    await this.stack.run('worker', 'api');
    for (let index = 0; index < gateways; index += 1) this.gateways.push(await this.startGateway());
    for (let index = 0; index < users; index += 1) this.addListener(`user${index}`);
    await this.createAnyChat();
    for (let done = 0; done < acts && this.findings.size === 0; done += 1) {
      this.tend();
      await this.act();
      if (this.random() < 1 / actsPerFault) await this.fault(this.pick(FAULTS));
      onAct?.(done + 1);
      this.collectFaults();
    }
    if (this.findings.size === 0) await this.join();
    if (this.findings.size === 0) await this.renew();
    // The last events come while nothing else happens, and the feed may lose them.
    if (this.findings.size === 0) await this.fault('starve');
    await this.settle(false);
    // What is beyond the last mark comes with a new connection.
    for (const listener of this.listeners) await listener.client.drop().then(() => this.open(listener));
    await this.settle(true);
    this.judgeTexts();
    const events = [...this.model.chats.values()].reduce((sum, { messages }) => sum + messages.length, 0);
    const findings = [...this.findings].slice(0, FINDINGS_MAX);
    const { refused, faults, evidence } = this;
    return { seed, acts, refused, events, faults, findings, evidence };
  }

  async close(): Promise<void> {
    for (const { client } of this.listeners) await client.drop();
    await Promise.all(this.gateways.map((gateway) => gateway.kill()));
  }

  private pick<T>(all: readonly T[]): T {
    return all[Math.floor(this.random() * all.length)] as T;
  }

  private startGateway(): Promise<TestProcess> {
    return startGateway(this.stack.processEnv, this.options.plant);
  }

  private addListener(userId: string): void {
    const listener: Listener = {
      userId,
      gateway: 0,
      isOpening: false,
      client: new RealtimeTestClient({
        url: () => `http://127.0.0.1:${this.gateways[listener.gateway]?.env.PORT}`,
        token: () => tokenFor(userId, TOKEN_TTL_S),
        onText: (frame) => this.saw(userId, frame),
      }),
    };
    this.listeners.push(listener);
    void this.open(listener);
  }

  /** Opens a connection to any gateway. If that fails, the next `tend` tries again. */
  private async open(listener: Listener): Promise<void> {
    if (listener.isOpening) return;
    listener.isOpening = true;
    listener.gateway = Math.floor(this.random() * this.gateways.length);
    await listener.client.open().catch(() => {
      listener.client.closedWith = 1006;
    });
    listener.isOpening = false;
  }

  private tend(): void {
    for (const listener of this.listeners) if (listener.client.closedWith !== null) void this.open(listener);
  }

  private saw(userId: string, frame: string): void {
    const at = Date.now();
    // The first time and the last time are enough: a text is readable in one piece, or again after it was not.
    for (const [text] of frame.matchAll(TEXT_PATTERN)) {
      const key = `${userId} ${text}`;
      this.seen.set(this.seen.has(key) ? `${key} again` : key, { userId, text, at });
    }
  }

  private newText(): string {
    this.texts += 1;
    return `text-${this.texts}-${v4().slice(0, 8)}`;
  }

  private get users(): string[] {
    return this.listeners.map(({ userId }) => userId);
  }

  /** One request. Returns the body of an accepted one. */
  private async ask(method: string, path: string, as: string, json?: unknown) {
    const headers = { 'idempotency-key': v4() };
    const request = { as, headers, ...(json === undefined ? {} : { json }) };
    const { status, body } = await this.stack.call(method, path, request);
    if (status < 300) return body as { sequence?: number | null; messageId?: string; chatId?: string };
    this.refused += 1;
    return null;
  }

  private async createAnyChat(): Promise<void> {
    const owner = this.pick(this.users);
    const memberIds = this.users.filter((userId) => userId !== owner && this.random() < 0.5);
    await this.createChat(owner, memberIds, this.pick(['full', 'since-joined'] as const));
  }

  private async createChat(
    owner: string,
    memberIds: string[],
    historyVisibility: ModelChat['historyVisibility'],
  ): Promise<ModelChat | null> {
    const created = await this.ask('POST', '/v1/chats', owner, { kind: 'group', memberIds, historyVisibility });
    const chatId = created?.chatId;
    if (chatId === undefined) return null;
    const members = new Map([owner, ...memberIds].map((userId) => [userId, 1]));
    const chat: ModelChat = { chatId, owner, members, historyVisibility, isArchived: false, messages: [] };
    this.model.chats.set(chatId, chat);
    return chat;
  }

  /** Whatever the acts were: a user whose connection is live joins a chat that has a history. */
  private async join(): Promise<void> {
    const [owner, joining] = this.listeners as [Listener, Listener];
    const chat = await this.createChat(owner.userId, [], 'full');
    if (chat === null) return;
    await this.say(chat);
    await this.settle(false);
    await this.add(chat, joining.userId);
    await this.settle(false);
  }

  /** Whatever the acts were: a user renews the token with claims by which the policy shows other chats. */
  private async renew(): Promise<void> {
    const findings = await playRenewal({
      stack: this.stack,
      gatewayUrl: () => `http://127.0.0.1:${this.gateways[0]?.env.PORT}`,
      owner: this.pick(this.users),
      newText: () => this.newText(),
      within: this.settledWithin,
    });
    for (const finding of findings) this.findings.add(finding);
  }

  private get settledWithin(): number {
    return this.options.plant === undefined ? SETTLED_WITHIN_MS : SETTLED_WITH_PLANT_WITHIN_MS;
  }

  private async add(chat: ModelChat, userId: string): Promise<void> {
    const from = Date.now();
    const added = await this.ask('POST', `/v1/chats/${chat.chatId}/members`, chat.owner, { userIds: [userId] });
    if (typeof added?.sequence === 'number') chat.members.set(userId, added.sequence);
    this.model.settle(chat, from, Date.now());
  }

  private async say(chat: ModelChat): Promise<void> {
    const [senderId, text] = [this.pick([...chat.members.keys()]), this.newText()];
    const from = Date.now();
    const sent = await this.ask('POST', `/v1/chats/${chat.chatId}/messages`, senderId, { body: text });
    if (typeof sent?.sequence !== 'number' || sent.messageId === undefined) return;
    const { messageId, sequence } = sent;
    chat.messages.push({ messageId, sequence, senderId, texts: [text], isDeleted: false });
    this.model.settle(chat, from, Date.now());
  }

  private async act(): Promise<void> {
    const chats = [...this.model.chats.values()];
    const dice = this.random();
    if (chats.length === 0 || (dice < 0.03 && chats.length < CHATS_MAX)) return this.createAnyChat();
    const chat = this.pick(chats);
    const { chatId, owner, members } = chat;
    const path = `/v1/chats/${chatId}`;
    const someone = this.pick([...members.keys()]);
    const alive = chat.messages.filter(({ isDeleted, senderId }) => !isDeleted && members.has(senderId));
    const message = alive.length === 0 ? null : this.pick(alive);
    const from = Date.now();
    if (chat.isArchived && this.random() < 0.5) {
      if (await this.ask('DELETE', `${path}/archive`, owner)) chat.isArchived = false;
      return;
    }
    if (dice < 0.45 || message === null) return this.say(chat);
    const about = `${path}/messages/${message.messageId}`;
    if (dice < 0.55) {
      const text = this.newText();
      // The old text stays readable among the revisions.
      if (await this.ask('PATCH', about, message.senderId, { body: text })) message.texts.push(text);
    } else if (dice < 0.62) {
      const mode = this.pick(['soft', 'hard']);
      if (await this.ask('DELETE', `${about}?mode=${mode}`, message.senderId)) message.isDeleted = true;
    } else if (dice < 0.68) {
      await this.ask(this.pick(['PUT', 'DELETE']), `${about}/reactions/${encodeURIComponent('👍')}`, someone);
    } else if (dice < 0.78) {
      const outsiders = this.users.filter((userId) => !members.has(userId));
      if (outsiders.length === 0) return;
      await this.add(chat, this.pick(outsiders));
    } else if (dice < 0.86) {
      const others = [...members.keys()].filter((userId) => userId !== owner);
      if (others.length === 0) return;
      const userId = this.pick(others);
      const by = this.pick([owner, userId]);
      if (await this.ask('DELETE', `${path}/members/${userId}`, by)) members.delete(userId);
    } else if (dice < 0.9) {
      const historyVisibility = this.pick(['full', 'since-joined'] as const);
      if (await this.ask('PATCH', path, owner, { historyVisibility })) chat.historyVisibility = historyVisibility;
    } else if (dice < 0.93) {
      const method = chat.isArchived ? 'DELETE' : 'PUT';
      if (await this.ask(method, `${path}/archive`, owner)) chat.isArchived = !chat.isArchived;
    } else if (dice < 0.96) await this.ask(this.pick(['PUT', 'DELETE']), `${path}/hidden`, someone);
    else await this.ask('PUT', `${path}/read`, someone, { upTo: message.sequence });
    this.model.settle(chat, from, Date.now());
  }

  private async fault(fault: Fault): Promise<void> {
    this.faults[fault] += 1;
    const index = Math.floor(this.random() * this.gateways.length);
    const gateway = this.gateways[index];
    if (gateway === undefined) return;
    switch (fault) {
      case 'drop':
        await this.pick(this.listeners).client.drop();
        this.reopenDropped();
        return;
      case 'kill':
        await gateway.kill();
        this.gateways[index] = await this.startGateway();
        return;
      case 'restart':
        this.gateways[index] = await this.startGateway();
        await gateway.stop();
        return;
      case 'freeze':
        return this.whileLate(async () => {
          gateway.pause();
          const until = Date.now() + FROZEN_MIN_MS + this.random() * (FROZEN_MAX_MS - FROZEN_MIN_MS);
          // Some clients go elsewhere; the others stay.
          for (const listener of this.listeners)
            if (listener.gateway === index && this.random() < 0.5) {
              await listener.client.drop();
              void this.open(listener);
            }
          while (Date.now() < until) await this.act();
          gateway.resume();
        });
      case 'starve':
        return this.whileLate(async () => {
          // Drops the oldest copies of all gateways. Only a frozen one does not take its copies in time.
          await this.limitQueues(1);
          gateway.pause();
          for (let count = 0; count < STARVED_MESSAGES; count += 1) await this.act();
          gateway.resume();
          await this.limitQueues(null);
        });
    }
  }

  private reopenDropped(): void {
    for (const listener of this.listeners) if (!listener.client.isConnected) void this.open(listener);
  }

  private async whileLate(work: () => Promise<void>): Promise<void> {
    const window = { from: Date.now(), to: Number.POSITIVE_INFINITY };
    this.late.push(window);
    await work();
    window.to = Date.now();
  }

  private async limitQueues(length: number | null): Promise<void> {
    const { node } = await rabbitmq();
    if (node === undefined) return;
    const { namespace } = this.stack.fleet;
    const policy = `policies/%2F/${namespace}-live`;
    if (length === null) await manage(node, 'DELETE', policy);
    else
      await manage(node, 'PUT', policy, {
        pattern: `^${namespace}\\.live\\.`,
        definition: { 'max-length': length },
        'apply-to': 'queues',
      });
  }

  /** Waits until each client has the state of the store. */
  private async settle(isFinal: boolean): Promise<void> {
    for (const listener of this.listeners) {
      if (this.findings.size > 0) return;
      const { userId, client } = listener;
      const anew = await syncedAnew((path) => this.stack.get(path, { as: userId }));
      const isSettled = () => {
        this.tend();
        this.collectFaults();
        if (this.findings.size > 0) return true;
        const difference = differenceFrom(anew, userId, client, isFinal);
        if (difference !== null) throw new Error(difference);
        return true;
      };
      const what = `state of ${userId}${isFinal ? ' at the end' : ''}`;
      await eventually(isSettled, { within: this.settledWithin, what }).catch(async (error: Error) => {
        this.findings.add(error.message);
        await this.collectEvidence(listener);
      });
    }
  }

  /** What the client was sent last, and what the gateways say about themselves. */
  private async collectEvidence({ gateway: used, client }: Listener): Promise<void> {
    const frames = client.frames.slice(-EVIDENCE_FRAMES).map((frame) => JSON.stringify(frame).slice(0, EVIDENCE_MAX));
    this.evidence.push(`uses gateway ${used}, which sent last:`, ...frames);
    for (const [index, gateway] of this.gateways.entries()) {
      const metrics = await fetch(`${gateway.opsUrl}/metrics`).then(
        (response) => response.text(),
        (error: Error) => error.message,
      );
      const told = metrics.split('\n').filter((line) => /^parley_gateway_(lag|filled|resyncs|connections)/.test(line));
      this.evidence.push(`gateway ${index}:`, ...told, ...gateway.output.split('\n').slice(-EVIDENCE_FRAMES));
    }
  }

  private collectFaults(): void {
    for (const { userId, client } of this.listeners)
      for (const fault of client.faults.splice(0)) this.findings.add(`${userId}: ${fault}`);
  }

  private judgeTexts(): void {
    for (const { userId, text, at } of this.seen.values()) {
      const last = this.model.lastReadable(userId, text, at);
      if (last === undefined || last === at) continue;
      if (last === null) this.findings.add(`${userId} got ${text}, which was never readable`);
      else {
        const excuse = this.late.filter(({ from, to }) => to >= last && from <= at).map(({ to }) => to);
        const until = Math.max(last, ...excuse) + LAG_MAX_MS;
        if (at > until) this.findings.add(`${userId} got ${text} ${at - last} ms after it was readable`);
      }
    }
  }
}
