/**
 * Gateways that are killed under load, with the client library at the other end. Each client keeps a ledger of what it
 * was told; at the end the ledgers are held against the log, and each command must have had one effect.
 */
import { v4 } from 'uuid';
import { WebSocket } from 'ws';
import { seededRandom } from '../../../../bench/population/random.js';
import { connectRealtime, type RealtimeClient } from '../../../../src/client/realtime/realtime-client.js';
import type { Receipt } from '../../../../src/contract/messages/receipts.js';
import { REALTIME_PATH } from '../../../../src/contract/realtime/protocol.js';
import { RestStack } from '../../../integration/stack/rest/rest-stack.js';
import { eventually } from '../../../support/eventually.js';
import type { TestProcess } from '../../../support/fleet/processes.js';
import { policyWithoutQuotas } from '../../../support/policies/policy-with.js';
import type { KeptChat } from '../../../support/realtime/realtime-client.js';
import { tokenFor } from '../../../unit/adapters/http/rest-client.js';
import { syncedAnew } from '../chat-state.js';
import type { Plant } from '../plants.js';
import { startGateway } from '../start-gateway.js';
import { ClientLedger } from './client-ledger.js';

const GROUP_SIZE = 10;
const TOKEN_TTL_S = 7_200;
const LIVE_WITHIN_MS = 60_000;
const SETTLED_WITHIN_MS = 60_000;
/** For a gateway with a bug, whose clients may never have everything. */
const SETTLED_WITH_PLANT_WITHIN_MS = 15_000;
/** A gateway is killed after a random time up to this one, so that some clients are still in their walks. */
const LIFE_MAX_MS = 2_000;
/** Commands that must have been accepted in the life of each gateway: the load goes on. */
const ACCEPTED_PER_LIFE = 20;
const FINDINGS_MAX = 10;

export interface KillsOptions {
  kills: number;
  clients: number;
  gateways: number;
  /** Commands per second, by clients in turns. */
  rate: number;
  seed: number;
  plant?: Plant;
  onKill?(kills: number): void;
}

export interface KillsOutcome {
  kills: number;
  commands: number;
  /** Events in all ledgers. */
  events: number;
  reconnects: number;
  /** Resyncs that dropped a client's copy. */
  begunAnew: number;
  missed: number;
  doubled: number;
  wrong: number;
  /** The longest time that a client had no live connection. */
  longestAbsenceMs: number;
  /** Empty: everything held. */
  findings: string[];
}

interface Member {
  userId: string;
  chatId: string;
  client: RealtimeClient;
  ledger: ClientLedger;
  link: { isLive: boolean; lostAt: number | null };
}

/** Plays on services of its own. */
export async function playKills(options: KillsOptions): Promise<KillsOutcome> {
  const stack = await RestStack.create({ POLICY_FILE: policyWithoutQuotas() });
  const play = new KillsPlay(stack, options);
  try {
    return await play.play();
  } finally {
    await play.close();
    await stack.close();
  }
}

class KillsPlay {
  private readonly random: () => number;
  private readonly gateways: TestProcess[] = [];
  private readonly members: Member[] = [];
  private readonly sent = new Map<string, { chatId: string; receipt: Promise<Receipt> }>();
  private accepted = 0;
  private reconnects = 0;
  private begunAnew = 0;
  private longestAbsenceMs = 0;
  private isSending = true;

  constructor(
    private readonly stack: RestStack,
    private readonly options: KillsOptions,
  ) {
    this.random = seededRandom(options.seed);
  }

  async play(): Promise<KillsOutcome> {
    const { kills, gateways, onKill } = this.options;
    await this.stack.run('worker', 'api');
    for (let index = 0; index < gateways; index += 1) this.gateways.push(await this.startGateway());
    await this.connectAll();
    const sending = this.sendAll();
    for (let done = 0; done < kills; done += 1) {
      const before = this.accepted;
      await new Promise((resolve) => setTimeout(resolve, this.random() * LIFE_MAX_MS));
      await eventually(() => this.accepted >= before + ACCEPTED_PER_LIFE, {
        within: LIVE_WITHIN_MS,
        what: 'accepted commands while gateways are killed',
      });
      const index = done % gateways;
      await this.gateways[index]?.kill();
      this.gateways[index] = await this.startGateway();
      onKill?.(done + 1);
    }
    this.isSending = false;
    await sending;
    return this.outcome(await this.settled());
  }

  async close(): Promise<void> {
    this.isSending = false;
    await Promise.all(this.members.map(({ client }) => client.close()));
    await Promise.all(this.gateways.map((gateway) => gateway.kill()));
  }

  private startGateway(): Promise<TestProcess> {
    return startGateway(this.stack.processEnv, this.options.plant);
  }

  private async connectAll(): Promise<void> {
    const { clients } = this.options;
    for (let first = 0; first < clients; first += GROUP_SIZE) {
      const users = Array.from({ length: Math.min(GROUP_SIZE, clients - first) }, (_, index) => `u${first + index}`);
      const [owner = '', ...memberIds] = users;
      const created = await this.stack.post('/v1/chats', { kind: 'group', title: 'T', memberIds }, { as: owner });
      const { chatId } = created.body as { chatId: string };
      for (const userId of users) this.members.push(this.connect(userId, chatId));
    }
    await eventually(() => this.members.every(({ link }) => link.isLive), {
      within: LIVE_WITHIN_MS,
      what: 'all clients are live',
    });
  }

  private connect(userId: string, chatId: string): Member {
    const { gateways, random } = this;
    /** Connects to any gateway that runs, as a load balancer does. */
    class BalancedSocket extends WebSocket {
      constructor(_url: string, protocols: string[]) {
        const running = gateways.filter((gateway) => gateway.running);
        const [gateway] = running.length === 0 ? gateways : [running[Math.floor(random() * running.length)]];
        super(`ws://127.0.0.1:${gateway?.env.PORT}${REALTIME_PATH}`, protocols);
      }
    }
    const ledger = new ClientLedger();
    const link: Member['link'] = { isLive: false, lostAt: null };
    const client = connectRealtime({
      ...{ url: 'ws://balancer', webSocket: BalancedSocket, onError: () => undefined },
      token: () => tokenFor(userId, TOKEN_TTL_S),
      onEvent: (event) => ledger.took(event),
      onResync: ({ scope }) => {
        if (scope === 'all') this.begunAnew += 1;
      },
      onState: ({ kind }) => {
        const isLive = kind === 'live';
        link.isLive = isLive;
        // A resync of a connection that stays is no absence.
        if (kind === 'waiting') link.lostAt ??= performance.now();
        if (isLive && link.lostAt !== null) {
          this.reconnects += 1;
          this.longestAbsenceMs = Math.max(this.longestAbsenceMs, performance.now() - link.lostAt);
          link.lostAt = null;
        }
      },
    });
    return { userId, chatId, client, ledger, link };
  }

  /** An open loop: it does not wait for receipts. */
  private async sendAll(): Promise<void> {
    const begun = performance.now();
    for (let count = 0; this.isSending; count += 1) {
      const due = begun + (count * 1_000) / this.options.rate;
      const waitMs = due - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      const member = this.members[Math.floor(this.random() * this.members.length)];
      if (member === undefined) return;
      const { chatId, client } = member;
      const commandId = v4();
      const receipt = client.send('message.send', { chatId, data: { body: commandId } }, { commandId });
      this.sent.set(commandId, { chatId, receipt });
      receipt.then(
        ({ status }) => {
          if (status === 'accepted') this.accepted += 1;
        },
        () => undefined, // Judged at the end.
      );
    }
  }

  /** Waits until each ledger has as many events as the log, and returns what sync gives each client. */
  private async settled(): Promise<Map<Member, Map<string, KeptChat>>> {
    const within = this.options.plant === undefined ? SETTLED_WITHIN_MS : SETTLED_WITH_PLANT_WITHIN_MS;
    await Promise.allSettled([...this.sent.values()].map(({ receipt }) => receipt));
    const all = new Map<Member, Map<string, KeptChat>>();
    for (const member of this.members)
      all.set(member, await syncedAnew((path) => this.stack.get(path, { as: member.userId })));
    const hasAll = () =>
      [...all].every(
        ([{ ledger, link }, chats]) =>
          link.isLive && ledger.events >= [...chats.values()].reduce((sum, { events }) => sum + events.length, 0),
      );
    // What is missing then is told by the ledgers.
    await eventually(hasAll, { within, what: 'all events at all clients' }).catch(() => undefined);
    return all;
  }

  private async outcome(all: ReadonlyMap<Member, Map<string, KeptChat>>): Promise<KillsOutcome> {
    const { kills } = this.options;
    const { reconnects, begunAnew, longestAbsenceMs } = this;
    const sum = { missed: 0, doubled: 0, wrong: 0, events: 0 };
    const findings: string[] = [];
    const effects = new Map<string, number[]>();
    for (const [{ userId, ledger, link }, chats] of all) {
      const { missed, doubled, wrong, told } = ledger.verdict(chats);
      sum.missed += missed;
      sum.doubled += doubled;
      sum.wrong += wrong;
      sum.events += ledger.events;
      findings.push(...told.map((what) => `${userId}: ${what}`));
      if (!link.isLive) findings.push(`${userId} is not live`);
      for (const { events } of chats.values())
        for (const { type, sequence, content } of events) {
          if (type !== 'message.created') continue;
          const { data } = JSON.parse(content) as { data: { body: string; senderId: string } };
          if (data.senderId === userId) effects.set(data.body, [...(effects.get(data.body) ?? []), sequence]);
        }
    }
    for (const [commandId, { receipt }] of this.sent) {
      const answer = await receipt.catch((error: Error) => error);
      const sequences = effects.get(commandId) ?? [];
      if (answer instanceof Error) findings.push(`command ${commandId} failed: ${answer.message}`);
      else if (answer.status !== 'accepted') findings.push(`command ${commandId} was ${answer.status}`);
      else if (sequences.length !== 1 || sequences[0] !== answer.sequence)
        findings.push(`command ${commandId} has its receipt at ${answer.sequence}, its effects at ${sequences}`);
    }
    if (begunAnew > 0) findings.push(`${begunAnew} times a client had to begin anew`);
    return {
      ...{ kills, commands: this.sent.size, reconnects, begunAnew, longestAbsenceMs, ...sum },
      findings: findings.slice(0, FINDINGS_MAX),
    };
  }
}
