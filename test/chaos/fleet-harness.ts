/** Where faults are played: worker processes behind wires that can be cut, a steady load of messages, and a ledger of it all. */
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../src/infrastructure/free-port.js';
import { CuttingProxy } from '../integration/prisma/cutting-proxy.js';
import { Wire } from '../support/broker/wire.js';
import { eventually } from '../support/eventually.js';
import { Fleet } from '../support/fleet/fleet.js';
import { faultsOf, type Verdict } from '../support/fleet/ledger.js';
import type { TestProcess } from '../support/fleet/processes.js';
import { brokerFolder } from '../support/services/services.js';
import type { SmallDisk } from '../support/services/small-disk.js';
import { OwnServices } from './own-services.js';
import { SteadyLoad } from './steady-load.js';

/** For whatever must come about by itself once a fault is over; on a busy machine. */
export const WITHIN_MS = 60_000;
const LAST_LINES = 12;
/** How long one request may go unanswered before it is asked anew, under another id. */
const ASK_MS = 2_000;

export interface StageOptions {
  workers?: number;
  partitions?: number;
  chats?: number;
  env?: Record<string, string>;
  /** Services that the scenario may stop and start, instead of those of the run. */
  ownBroker?: boolean;
  ownDatabase?: Record<string, string>;
  /** Workers stop where they are told to (`tellToPause`). */
  areObedient?: boolean;
  /** Between two rounds of the load. */
  loadPauseMs?: number;
  /** Without: a scenario that has a load of its own. */
  isLoaded?: boolean;
}

export interface Settled {
  verdict: Verdict;
  /** What is wrong; empty when the ledger closes and everything else is in order. */
  faults: string[];
}

/** A fault lasts for some time: that is its nature, and nothing is waited for. */
export function lasting(milliseconds: number): Promise<void> {
  return sleep(milliseconds);
}

export class FleetHarness {
  readonly workers: TestProcess[] = [];
  chats: { chatId: string; users: string[] }[] = [];
  private currentLoad: SteadyLoad | null = null;
  private loads = 0;
  private asked = 0;

  private constructor(
    readonly fleet: Fleet,
    /** Between the workers and PostgreSQL. */
    readonly databaseWire: CuttingProxy,
    /** Between the workers and RabbitMQ. */
    readonly brokerWire: Wire,
    private readonly own: OwnServices,
    private readonly options: StageOptions,
  ) {}

  static async open(options: StageOptions = {}): Promise<FleetHarness> {
    const own = await OwnServices.start(options.ownBroker ?? false, options.ownDatabase);
    const fleet = await Fleet.create({
      partitions: options.partitions ?? 4,
      keepEvents: false,
      ...(options.env ? { env: options.env } : {}),
      ...(own.node ? { amqpUrl: own.node.url } : {}),
      ...(own.server ? { databaseUrl: own.server.url } : {}),
    });
    const brokerWire = new Wire(await freePort(), fleet.amqpUrl);
    const harness = new FleetHarness(fleet, await CuttingProxy.before(fleet.databaseUrl), brokerWire, own, options);
    try {
      await harness.begin();
      return harness;
    } catch (error) {
      await harness.close();
      throw error;
    }
  }

  get load(): SteadyLoad {
    if (this.currentLoad === null) throw new Error('this harness has no load');
    return this.currentLoad;
  }

  get brokerFolder(): string {
    return this.options.ownBroker ? this.own.brokerFolder : brokerFolder();
  }

  /** Of the harness's own server. */
  get databaseFolder(): string {
    return this.own.databaseFolder;
  }

  /** A file system for a part of the database: mounted at the first call, there until the harness is closed. */
  smallDisk(mib: number): SmallDisk {
    return this.own.smallDisk(mib);
  }

  /** A worker behind the wires. */
  async addWorker(env: Record<string, string> = {}): Promise<TestProcess> {
    const wires = { DATABASE_URL: this.databaseWire.url, AMQP_URL: this.brokerWire.url };
    const { fleet } = this;
    const all = { ...wires, ...env };
    const worker = await (this.options.areObedient ? fleet.startObedientWorker(all) : fleet.startWorker(all));
    this.workers.push(worker);
    return worker;
  }

  /** One whose clock is off by so much. */
  addSkewedWorker(skewMs: number): Promise<TestProcess> {
    const clock = new URL('../support/fleet/skewed-clock.js', import.meta.url).href;
    return this.addWorker(skewMs === 0 ? {} : { NODE_OPTIONS: `--import=${clock}`, CLOCK_SKEW_MS: String(skewMs) });
  }

  async removeWorker(worker: TestProcess): Promise<void> {
    this.workers.splice(this.workers.indexOf(worker), 1);
    const { code } = await worker.stop();
    if (code !== 0) throw new Error(`a stopped worker exits with ${code}\n${worker.output}`);
  }

  startLoad(): void {
    this.loads += 1;
    this.currentLoad = new SteadyLoad(this.fleet, `load${this.loads}`, this.chats, this.options.loadPauseMs);
  }

  /** Until so many more commands have been sent. */
  async sends(commands: number): Promise<void> {
    const goal = this.load.sent + commands;
    await eventually(() => this.load.sent >= goal, { within: WITHIN_MS, what: `${commands} more commands are sent` });
  }

  /** Until some message to each of the chats is accepted, that was sent after now. */
  async flows(within = WITHIN_MS, chats = this.chats): Promise<void> {
    await Promise.all(
      chats.map((chat) => eventually(() => this.accepts(chat), { within, what: `chat ${chat.chatId} goes on` })),
    );
  }

  async accepts({ chatId, users }: { chatId: string; users: string[] }, within = ASK_MS): Promise<boolean> {
    this.asked += 1;
    const command = { type: 'message.send', commandId: `ask${this.asked}`, actorId: users[0] ?? '', chatId };
    const receipt = await this.fleet.producer.request({ ...command, data: { body: 'there?' } }, within);
    return receipt.status === 'accepted';
  }

  /** Until `/readyz` of the worker says 503, with something like that. */
  async unready(worker: TestProcess | undefined, pattern: RegExp): Promise<void> {
    await eventually(
      async () => {
        const response = await fetch(`${worker?.opsUrl}/readyz`);
        return response.status === 503 && pattern.test(await response.text());
      },
      { within: WITHIN_MS, what: `a worker says that it is not ready (${pattern})` },
    );
  }

  async stopBroker(): Promise<void> {
    await this.own.node?.stop();
  }

  /** With SIGKILL: nothing is written down that was not yet. */
  async killBroker(): Promise<void> {
    await this.own.node?.kill();
  }

  startBroker(): Promise<void> {
    return this.own.startBroker();
  }

  async stopDatabase(): Promise<void> {
    await this.own.server?.stop('immediate');
  }

  startDatabase(): Promise<void> {
    return this.own.startDatabase();
  }

  /** Ends the load, asks for what is not answered, and compares. */
  async settle(): Promise<Settled> {
    await this.currentLoad?.stop();
    await this.fleet.allAnsweredAfterAsking();
    const verdict = await this.fleet.ledger.close(this.fleet.databaseUrl);
    const faults = faultsOf(verdict);
    if (verdict.receipted !== verdict.attempted) faults.push(`receipted ${verdict.receipted} of ${verdict.attempted}`);
    const rejected = await this.fleet.query(`SELECT 1 FROM chat_events WHERE type = 'command.rejected'`);
    if (rejected.length > 0) faults.push(`our failure became ${rejected.length} rejections`);
    const ended = this.workers.filter(({ running }) => !running).length;
    if (ended > 0) faults.push(`${ended} workers have ended that should run`);
    return { verdict, faults };
  }

  /** What the workers said last: to look at when they do not go on. */
  lastWords(): string[] {
    return this.workers.map(({ pid, stderr }) => `worker ${pid} said:\n${stderr.slice(-LAST_LINES).join('\n')}`);
  }

  async close(): Promise<void> {
    // What keeps it from ending was told when the ledger was compared, or has its own reason told: the producer's end ends it, too.
    await this.currentLoad?.stop().catch(() => undefined);
    await this.fleet.close();
    await this.databaseWire.close();
    await this.brokerWire.cut();
    await this.own.stop();
  }

  private async begin(): Promise<void> {
    await this.brokerWire.join();
    for (let count = 0; count < (this.options.workers ?? 1); count += 1) await this.addWorker();
    await Promise.all(this.workers.map((worker) => worker.ready()));
    await this.fleet.connect();
    this.chats = await Promise.all(Array.from({ length: this.options.chats ?? 12 }, () => this.fleet.createGroup(1)));
    if (this.options.isLoaded ?? true) {
      this.startLoad();
      await this.sends(this.chats.length);
    }
  }
}
