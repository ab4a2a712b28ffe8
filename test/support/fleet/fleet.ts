/** Worker processes of one namespace on one fresh database, with a producer, a dispatch consumer and a ledger. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { v4 } from 'uuid';
import { eventually } from '../eventually.js';
import { policyWithoutQuotas } from '../policies/policy-with.js';
import { freshDatabase, rabbitmq, scratchFolder, uniqueNamespace } from '../services/services.js';
import { Dispatch } from './dispatch.js';
import { Ledger } from './ledger.js';
import { startProcess, type TestProcess } from './processes.js';
import { Producer } from './producer.js';

const PAUSING_WORKER = fileURLToPath(new URL('./pausing-worker.js', import.meta.url));
const CRASHING_WORKER = fileURLToPath(new URL('./crashing-worker.js', import.meta.url));

/** How long a producer waits for a receipt before it sends the command again. */
const ASK_AGAIN_AFTER_MS = 3_000;

export interface FleetOptions {
  partitions?: number;
  env?: Record<string, string>;
  /** Private services of a test, instead of those of the run. */
  databaseUrl?: string;
  amqpUrl?: string;
  /** Whether to keep every event that the dispatch consumer gets. False for long runs. */
  keepEvents?: boolean;
}

export class Fleet {
  readonly ledger = new Ledger();
  readonly workers: TestProcess[] = [];
  private parts: { producer: Producer; dispatch: Dispatch } | null = null;

  private constructor(
    readonly databaseUrl: string,
    readonly amqpUrl: string,
    readonly namespace: string,
    private readonly options: FleetOptions,
  ) {}

  static async create(options: FleetOptions = {}): Promise<Fleet> {
    const amqpUrl = async () => options.amqpUrl ?? (await rabbitmq()).url;
    const [databaseUrl, url] = await Promise.all([options.databaseUrl ?? freshDatabase(), amqpUrl()]);
    return new Fleet(databaseUrl, url, uniqueNamespace(), options);
  }

  get partitions(): number {
    return this.options.partitions ?? 4;
  }

  get env(): Record<string, string> {
    return {
      DATABASE_URL: this.databaseUrl,
      AMQP_URL: this.amqpUrl,
      CHAT_NAMESPACE: this.namespace,
      COMMAND_PARTITIONS: String(this.partitions),
      HOST: '127.0.0.1',
      LOG_FORMAT: 'json',
      // A few actors send many commands.
      POLICY_FILE: policyWithoutQuotas(),
      ...this.options.env,
    };
  }

  get producer(): Producer {
    if (this.parts === null) throw new Error('connect the fleet first');
    return this.parts.producer;
  }

  get dispatch(): Dispatch {
    if (this.parts === null) throw new Error('connect the fleet first');
    return this.parts.dispatch;
  }

  async startWorker(env: Record<string, string> = {}): Promise<TestProcess> {
    const worker = await startProcess({ args: ['worker'], env: { ...this.env, ...env } });
    this.workers.push(worker);
    return worker;
  }

  /** A worker that pauses forever at a failpoint. */
  async startPausingWorker(step: string, batches: number): Promise<TestProcess> {
    const env = { ...this.env, PAUSE_AT: step, PAUSE_AFTER_BATCHES: String(batches) };
    const worker = await startProcess({ script: PAUSING_WORKER, env });
    this.workers.push(worker);
    return worker;
  }

  /** A worker that pauses forever at a failpoint when `requestPause` names one. */
  async startPausableWorker(env: Record<string, string> = {}): Promise<TestProcess> {
    const orders = join(scratchFolder('orders'), 'orders.json');
    const worker = await startProcess({ script: PAUSING_WORKER, env: { ...this.env, ...env, PAUSE_ORDERS: orders } });
    this.workers.push(worker);
    return worker;
  }

  /** A worker that crashes when it decides a command whose id begins with `deadly`. */
  async startCrashingWorker(): Promise<TestProcess> {
    const worker = await startProcess({ script: CRASHING_WORKER, env: this.env });
    this.workers.push(worker);
    return worker;
  }

  /** Connects a new producer and dispatch consumer. A worker must have started, because it declares the topology. */
  async connect(): Promise<void> {
    await this.disconnect();
    const producer = await Producer.connect(this.amqpUrl, this.namespace, this.ledger);
    try {
      this.parts = { producer, dispatch: await this.openDispatch() };
    } catch (error) {
      await producer.close();
      throw error;
    }
  }

  /** Connects a new dispatch consumer. */
  async connectDispatch(): Promise<void> {
    await this.dispatch.close();
    this.parts = { producer: this.producer, dispatch: await this.openDispatch() };
  }

  private async disconnect(): Promise<void> {
    await Promise.all([this.parts?.producer.close(), this.parts?.dispatch.close()]);
    this.parts = null;
  }

  private openDispatch(): Promise<Dispatch> {
    const { ledger } = this;
    return Dispatch.connect(this.amqpUrl, `${this.namespace}.dispatch`, ledger, this.options.keepEvents ?? true);
  }

  async query<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    const client = new pg.Client({ connectionString: this.databaseUrl });
    client.on('error', () => undefined); // the pending statement fails with it too
    await client.connect();
    try {
      return (await client.query<T>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** The number of partitions by owner. Null: without an owner. */
  async ownership(): Promise<Map<string | null, number>> {
    const rows = await this.query<{ owner: string | null; count: number }>(
      'SELECT owner, count(*)::int AS count FROM partitions GROUP BY owner',
    );
    return new Map(rows.map(({ owner, count }) => [owner, count]));
  }

  /** A group with `senders` members besides its owner; the owner is the first of the returned users. */
  async createGroup(senders: number): Promise<{ chatId: string; users: string[] }> {
    const chatId = v4();
    const users = Array.from({ length: senders + 1 }, (_, index) => `u${index}-${chatId.slice(0, 8)}`);
    const [owner = '', ...memberIds] = users;
    const receipt = await this.producer.request({
      type: 'chat.create',
      commandId: `create-${chatId}`,
      actorId: owner,
      chatId,
      data: { kind: 'group', title: 'a group', memberIds },
    });
    if (receipt.status !== 'accepted') throw new Error(`chat not created: ${JSON.stringify(receipt)}`);
    return { chatId, users };
  }

  /** `count` groups in each partition, so that every owner of a partition gets commands. */
  async createGroupsEverywhere(count: number, senders: number): Promise<{ chatId: string; users: string[] }[]> {
    const groups: { chatId: string; users: string[] }[] = [];
    const placed = new Map<number, number>();
    while (groups.length < count * this.partitions) {
      const group = await this.createGroup(senders);
      const [row] = await this.query<{ partition: number }>('SELECT partition FROM chats WHERE chat_id = $1', [
        group.chatId,
      ]);
      if (row === undefined) throw new Error(`${group.chatId} was accepted and is not stored`);
      const present = placed.get(row.partition) ?? 0;
      if (present >= count) continue;
      placed.set(row.partition, present + 1);
      groups.push(group);
    }
    return groups;
  }

  async allAnswered(withinMs = 30_000): Promise<void> {
    await eventually(() => this.ledger.unanswered === 0, { within: withinMs, what: 'every command is answered' });
  }

  /** Waits for all receipts. Sends unanswered commands again, because a killed or frozen worker loses receipts. */
  async allAnsweredAfterAsking(withinMs = 60_000): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (this.ledger.unanswered > 0 && Date.now() < deadline) {
      await this.allAnswered(ASK_AGAIN_AFTER_MS).catch(() => this.producer.resendUnanswered());
    }
    await this.allAnswered(0).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await this.diagnosis()}`);
    });
  }

  /** Details for a run that does not end. */
  private async diagnosis(): Promise<string> {
    const partitions = await this.query('SELECT * FROM partitions ORDER BY partition');
    const attempts = await this.query('SELECT * FROM poison_attempts');
    const unanswered = this.ledger.unansweredKeys.slice(0, 5);
    const logs = this.workers.filter(({ running }) => running).map(({ stderr }) => stderr.slice(-15).join('\n'));
    return (
      JSON.stringify({ unanswered, count: this.ledger.unanswered, partitions, attempts }, null, 1) + logs.join('\n--\n')
    );
  }

  async close(): Promise<void> {
    await this.disconnect();
    await Promise.all(this.workers.filter(({ running }) => running).map((worker) => worker.stop()));
  }
}

/** Asks a pausable worker to pause forever when it reaches the step for the n-th time. It then prints `paused at …`. */
export function requestPause({ env }: TestProcess, pauseAt: string, batches: number): void {
  const { PAUSE_ORDERS } = env;
  if (PAUSE_ORDERS === undefined) throw new Error('this worker cannot pause on request');
  // Renamed when complete, so that the worker never reads a part.
  writeFileSync(`${PAUSE_ORDERS}.new`, JSON.stringify({ pauseAt, batchesLeft: batches }));
  renameSync(`${PAUSE_ORDERS}.new`, PAUSE_ORDERS);
}
