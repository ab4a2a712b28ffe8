/**
 * The harness for faults: worker processes behind proxies that can cut their connections, a steady load of messages,
 * and a ledger of all commands and events.
 */
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

/** Time limit for recovery after a fault, on a busy machine. */
export const WITHIN_MS = 60_000;
const LAST_LINES = 12;
/** How long a request waits for its receipt before another one is sent with a new id. */
const ASK_MS = 2_000;

export interface FleetHarnessOptions {
  workers?: number;
  partitions?: number;
  chats?: number;
  env?: Record<string, string>;
  /** Private services that the scenario may stop and start, instead of those of the run. */
  ownBroker?: boolean;
  ownDatabase?: Record<string, string>;
  /** Workers pause at a failpoint on request (`requestPause`). */
  canPause?: boolean;
  /** Pause between two rounds of the load. */
  loadPauseMs?: number;
  /** False if the scenario produces its own load. */
  isLoaded?: boolean;
}

export interface Settled {
  verdict: Verdict;
  /** What is wrong. Empty if the ledger is closed and everything else is correct. */
  faults: string[];
}

/** The duration of a fault. This is not synchronization. */
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
    private readonly options: FleetHarnessOptions,
  ) {}

  static async open(options: FleetHarnessOptions = {}): Promise<FleetHarness> {
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

  /** The data folder of the harness's own server. */
  get databaseFolder(): string {
    return this.own.databaseFolder;
  }

  /** A small file system for a part of the database: mounted at the first call, unmounted when the harness closes. */
  smallDisk(mib: number): SmallDisk {
    return this.own.smallDisk(mib);
  }

  /** A worker whose connections pass through the proxies. */
  async addWorker(env: Record<string, string> = {}): Promise<TestProcess> {
    const wires = { DATABASE_URL: this.databaseWire.url, AMQP_URL: this.brokerWire.url };
    const { fleet } = this;
    const all = { ...wires, ...env };
    const worker = await (this.options.canPause ? fleet.startPausableWorker(all) : fleet.startWorker(all));
    this.workers.push(worker);
    return worker;
  }

  /** A worker whose clock is off by `skewMs`. */
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

  /** Waits until that many more commands have been sent. */
  async sends(commands: number): Promise<void> {
    const goal = this.load.sent + commands;
    await eventually(() => this.load.sent >= goal, { within: WITHIN_MS, what: `${commands} more commands are sent` });
  }

  /** Waits until a message that is sent from now on is accepted in each chat. */
  async flows(within = WITHIN_MS, chats = this.chats): Promise<void> {
    await Promise.all(
      chats.map((chat) =>
        eventually(() => this.accepts(chat), { within, what: `chat ${chat.chatId} accepts messages` }),
      ),
    );
  }

  async accepts({ chatId, users }: { chatId: string; users: string[] }, within = ASK_MS): Promise<boolean> {
    this.asked += 1;
    const command = { type: 'message.send', commandId: `ask${this.asked}`, actorId: users[0] ?? '', chatId };
    const receipt = await this.fleet.producer.request({ ...command, data: { body: 'there?' } }, within);
    return receipt.status === 'accepted';
  }

  /** Waits until `/readyz` of the worker answers 503 with a text that matches. */
  async unready(worker: TestProcess | undefined, pattern: RegExp): Promise<void> {
    await eventually(
      async () => {
        const response = await fetch(`${worker?.opsUrl}/readyz`);
        return response.status === 503 && pattern.test(await response.text());
      },
      { within: WITHIN_MS, what: `a worker is not ready (${pattern})` },
    );
  }

  async stopBroker(): Promise<void> {
    await this.own.node?.stop();
  }

  /** With SIGKILL: unsaved data is lost. */
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

  /** Stops the load, sends unanswered commands again, and compares the ledger. */
  async settle(): Promise<Settled> {
    await this.currentLoad?.stop();
    await this.fleet.allAnsweredAfterAsking();
    const verdict = await this.fleet.ledger.close(this.fleet.databaseUrl);
    const faults = faultsOf(verdict);
    if (verdict.receipted !== verdict.attempted) faults.push(`receipted ${verdict.receipted} of ${verdict.attempted}`);
    const rejected = await this.fleet.query(`SELECT 1 FROM chat_events WHERE type = 'command.rejected'`);
    if (rejected.length > 0) faults.push(`${rejected.length} valid commands were rejected`);
    const ended = this.workers.filter(({ running }) => !running).length;
    if (ended > 0) faults.push(`${ended} workers have ended unexpectedly`);
    return { verdict, faults };
  }

  /** The last log lines of the workers, for failures. */
  lastLogLines(): string[] {
    return this.workers.map(
      ({ pid, stderr }) => `last log lines of worker ${pid}:\n${stderr.slice(-LAST_LINES).join('\n')}`,
    );
  }

  async close(): Promise<void> {
    // A failure of the load was reported when the ledger was compared. Closing the producer ends the load too.
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
