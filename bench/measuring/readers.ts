import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_TENANT } from '../../src/contract/messages/identifiers.js';
import { freePort } from '../../src/infrastructure/free-port.js';
import { signToken } from '../../src/infrastructure/jwt.js';
import type { Bodies } from '../population/bodies.js';
import type { Population } from '../population/population.js';
import { seededRandom } from '../population/random.js';
import { zipf } from '../population/zipf.js';
import type { ParleySubject } from '../subjects/parley.js';
import { startWorkerProcess, type WorkerProcess } from '../subjects/worker-process.js';
import { type Quantiles, quantilesOf } from './quantiles.js';

/** Reads per second, by kind. */
export const READ_RATES = { history: 40, list: 20, search: 10 } as const;
export type ReadKind = keyof typeof READ_RATES;
const READ_KINDS = Object.keys(READ_RATES) as ReadKind[];

const PAGE = 50;
/** Search words of medium frequency. */
const SEARCHED_RANKS = { from: 20, to: 2_000 };
const TOKEN_TTL_SECONDS = 3_600;
const SECRET = 'only for the bench, where nobody else listens';
const MS_PER_SECOND = 1_000;
/** More than all reads of a minute. */
const NO_RATE_LIMIT = '1000000';

export interface ReadFigures {
  /** Milliseconds from the time when each read was due. */
  reads: Record<ReadKind, Quantiles>;
  /** 503 is the expected answer of an overloaded process. Every other status except 200 is a fault. */
  answered: { ok: number; unavailable: number; failed: number };
}

const OK = 200;
const UNAVAILABLE = 503;

/** The REST process beside the workers, and its readers. */
export class Readers {
  private readonly tokens = new Map<string, Promise<string>>();

  private constructor(
    private readonly api: WorkerProcess,
    private readonly baseUrl: string,
    private readonly population: Population,
    private readonly bodies: Bodies,
  ) {}

  static async start(parley: ParleySubject, population: Population, bodies: Bodies): Promise<Readers> {
    const port = String(await freePort());
    const env = {
      ...{ ...parley.env, PORT: port, OPS_PORT: String(await freePort()) },
      ...{ JWT_SECRET: SECRET, REST_RATE_LIMIT: NO_RATE_LIMIT },
    };
    const api = await startWorkerProcess(env, [], undefined, 'api');
    return new Readers(api, `http://127.0.0.1:${port}`, population, bodies);
  }

  get pid(): number {
    return this.api.pid;
  }

  /**
   * An open loop for each kind of read, until the signal aborts. A latency counts from the time when the read was due.
   */
  async read(seed: number, stopping: AbortSignal): Promise<ReadFigures> {
    const latencies: Record<ReadKind, number[]> = { history: [], list: [], search: [] };
    const answered = { ok: 0, unavailable: 0, failed: 0 };
    const kinds = READ_KINDS.map(async (kind, index) => {
      const next = this.requests(kind, seed + index);
      const began = performance.now();
      const underWay: Promise<void>[] = [];
      for (let count = 0; !stopping.aborted; count += 1) {
        const due = began + (count * MS_PER_SECOND) / READ_RATES[kind];
        await sleep(Math.max(0, due - performance.now()), undefined, { signal: stopping }).catch(() => undefined);
        if (stopping.aborted) break;
        const { path, actorId } = next();
        underWay.push(
          this.get(path, actorId).then((outcome) => {
            latencies[kind].push(performance.now() - due);
            answered[outcome] += 1;
          }),
        );
      }
      await Promise.all(underWay);
    });
    await Promise.all(kinds);
    const reads = {
      ...{ history: quantilesOf(latencies.history), list: quantilesOf(latencies.list) },
      search: quantilesOf(latencies.search),
    };
    return { reads, answered };
  }

  async stop(): Promise<void> {
    await this.api.stop();
  }

  /** Reads are made by members, of chats with the same distribution of traffic as the writes. */
  private requests(kind: ReadKind, seed: number): () => { path: string; actorId: string } {
    const pickChat = zipf(this.population.chats, seed);
    const random = seededRandom(seed);
    return () => {
      const chat = pickChat();
      const actorId = this.population.member(chat, Math.floor(random() * this.population.size(chat)));
      if (kind === 'history')
        return { path: `/v1/chats/${this.population.chatId(chat)}/messages?limit=${PAGE}`, actorId };
      if (kind === 'list') return { path: `/v1/chats?limit=${PAGE}`, actorId };
      const { from, to } = SEARCHED_RANKS;
      const word = this.bodies.word(from + Math.floor(random() * (to - from)));
      return { path: `/v1/search/messages?q=${word}&limit=${PAGE}`, actorId };
    };
  }

  private async get(path: string, actorId: string): Promise<keyof ReadFigures['answered']> {
    try {
      const headers = { authorization: `Bearer ${await this.token(actorId)}` };
      const response = await fetch(`${this.baseUrl}${path}`, { headers });
      await response.arrayBuffer();
      return response.status === OK ? 'ok' : response.status === UNAVAILABLE ? 'unavailable' : 'failed';
    } catch {
      return 'failed';
    }
  }

  private token(actorId: string): Promise<string> {
    let token = this.tokens.get(actorId);
    if (token === undefined) {
      token = signToken(SECRET, { subject: actorId, claims: { tenant: DEFAULT_TENANT } }, TOKEN_TTL_SECONDS);
      this.tokens.set(actorId, token);
    }
    return token;
  }
}
