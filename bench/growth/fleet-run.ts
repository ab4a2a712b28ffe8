/**
 * Several workers on one store: their throughput together, the distribution of partitions, and the cost of a hand-over.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds } from '../measuring/cpu-time.js';
import type { WorkerProcess } from '../subjects/worker-process.js';
import { ChatTraffic, type Latencies, ledgerFaults, quantile, type TrafficLedger } from './chat-traffic.js';
import { Conversation } from './loading/conversation.js';
import { type Stand, withSql } from './stand.js';

const CHATS = 2_000;
const CREATE_IN_FLIGHT = 500;
const IN_FLIGHT = 2_000;
const MILLION = 1_000_000;
const SPREAD_TIMEOUT_MS = 30_000;
const POLL_MS = 20;
/** Time under load before the hand-over, and after it. */
const CALM_MS = 8_000;

export interface FleetRound {
  workers: number;
  perSecond: number;
  /** CPU-seconds per million commands. */
  cpu: { workers: number; postgres: number; rabbitmq: number };
  /** Number of partitions of each worker, highest first. */
  spread: number[];
  faults: string[];
}

export interface HandOver {
  how: 'told to stop' | 'killed';
  /** Time until every partition had another owner. */
  milliseconds: number;
  partitions: number;
  repeated: number;
  /** p99 of receipts before the hand-over, and the longest wait from then on. */
  before: number;
  longest: number;
  faults: string[];
}

type Worker = WorkerProcess & { opsPort: number };

/** A loaded store and its traffic. */
export class FleetRun {
  private workers: Worker[] = [];

  private constructor(
    private readonly stand: Stand,
    private readonly database: string,
    private readonly url: string,
    private readonly traffic: ChatTraffic,
    private readonly conversation: Conversation,
  ) {}

  static async open(stand: Stand, database: string, stopping: AbortSignal): Promise<FleetRun> {
    // The first worker declares the queues and exchanges.
    const first = await stand.startWorker(database);
    const traffic = await ChatTraffic.connect(stand.amqpUrl, database, stopping);
    const run = new FleetRun(stand, database, stand.databaseUrl(database), traffic, new Conversation(CHATS));
    run.workers = [first];
    await traffic.run(run.conversation.creations(), { inFlight: CREATE_IN_FLIGHT });
    return run;
  }

  /** Measures `count` workers, each with its share of the partitions. */
  async scale(count: number): Promise<void> {
    while (this.workers.length > count) await this.workers.pop()?.stop();
    while (this.workers.length < count) this.workers.push(await this.stand.startWorker(this.database));
    const deadline = performance.now() + SPREAD_TIMEOUT_MS;
    for (;;) {
      const spread = await this.spread();
      const isEven = spread.length === count && (spread[0] ?? 0) - (spread.at(-1) ?? 0) <= 1;
      if (isEven) return;
      if (performance.now() > deadline) throw new Error(`the partitions are spread ${spread.join(', ')}`);
      await sleep(POLL_MS);
    }
  }

  async load(count: number): Promise<FleetRound> {
    const cpu = () => ({
      workers: cpuSeconds(this.workers.map(({ pid }) => pid)),
      postgres: cpuSeconds([this.stand.postgresPid]),
      rabbitmq: cpuSeconds([this.stand.rabbitmqPid]),
    });
    const stored = await this.countEvents();
    const before = cpu();
    const began = performance.now();
    const ledger = await this.traffic.run(this.conversation.messages(count), { inFlight: IN_FLIGHT });
    const seconds = (performance.now() - began) / 1_000;
    const after = cpu();
    const perMillion = (kind: keyof ReturnType<typeof cpu>) => ((after[kind] - before[kind]) / count) * MILLION;
    return {
      workers: this.workers.length,
      perSecond: count / seconds,
      cpu: { workers: perMillion('workers'), postgres: perMillion('postgres'), rabbitmq: perMillion('rabbitmq') },
      spread: await this.spread(),
      faults: ledgerFaults(ledger, (await this.countEvents()) - stored),
    };
  }

  /** Stops one of two workers during a steady load. */
  async handOver(how: HandOver['how'], rate: number): Promise<HandOver> {
    await this.scale(2);
    const stored = await this.countEvents();
    const leaving = this.workers.pop();
    if (leaving === undefined) throw new Error('there is no worker');
    const commands = Math.round((rate * 2 * CALM_MS) / 1_000);
    this.traffic.takeLatencies();
    const sending = this.traffic.run(this.conversation.messages(commands), { perSecond: rate });
    const [{ ledger, after }, went] = await Promise.all([
      sending.then((one: TrafficLedger) => ({ ledger: one, after: this.traffic.takeLatencies() })),
      this.leave(leaving, how),
    ]);
    return {
      how,
      ...{ milliseconds: went.milliseconds, partitions: went.partitions },
      repeated: ledger.repeated,
      before: quantile(went.before.receipt, 0.99),
      longest: Math.max(0, ...after.receipt),
      faults: ledgerFaults(ledger, (await this.countEvents()) - stored),
    };
  }

  private async leave(leaving: Worker, how: HandOver['how']) {
    await sleep(CALM_MS);
    const before: Latencies = this.traffic.takeLatencies();
    const epochs = await this.epochs();
    const partitions = (await this.spread()).at(-1) ?? 0;
    const began = performance.now();
    const gone = how === 'killed' ? this.kill(leaving) : leaving.stop();
    // The remaining worker acquires each partition under a new epoch.
    for (;;) {
      const now = await this.epochs();
      const taken = now.filter((epoch, partition) => epoch > (epochs[partition] ?? 0)).length;
      if (taken >= partitions && (await this.spread()).length === 1) break;
      if (performance.now() > began + SPREAD_TIMEOUT_MS) throw new Error(`${taken} of ${partitions} were taken over`);
      await sleep(POLL_MS);
    }
    const milliseconds = performance.now() - began;
    await gone;
    return { before, milliseconds, partitions };
  }

  private async kill(worker: Worker): Promise<void> {
    process.kill(worker.pid, 'SIGKILL');
    await worker.stop();
  }

  private async epochs(): Promise<number[]> {
    return withSql(this.url, async (sql) => {
      const { rows } = await sql.query('SELECT epoch::float8 AS epoch FROM partitions ORDER BY partition');
      return rows.map(({ epoch }) => epoch as number);
    });
  }

  private async spread(): Promise<number[]> {
    return withSql(this.url, async (sql) => {
      const { rows } = await sql.query(
        'SELECT count(*)::int AS partitions FROM partitions WHERE owner IS NOT NULL GROUP BY owner ORDER BY 1 DESC',
      );
      return rows.map(({ partitions }) => partitions as number);
    });
  }

  private async countEvents(): Promise<number> {
    return withSql(this.url, async (sql) => (await sql.query('SELECT count(*)::int AS n FROM chat_events')).rows[0].n);
  }

  async stop(): Promise<void> {
    await this.traffic.close();
    for (const worker of this.workers.splice(0)) await worker.stop();
  }
}
