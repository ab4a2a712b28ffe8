/** Plays a story to its end, and returns the faults of its ledger. */
import { MemoryTables } from '../../../src/adapters/stores/memory/memory-tables.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import { latency, SimBroker } from './sim-broker.js';
import { SimDatabase, STATEMENT_TIMEOUT_MS } from './sim-store.js';
import { SimWorker, type Surroundings } from './sim-worker.js';
import { PARTITIONS, type Story, type StoryCommand, type StoryFault } from './story.js';
import { faultsOf, type Ledger } from './verdict.js';
import { Chance, VirtualTime } from './virtual-time.js';

/** How soon a worker that crashed by a command is started again. */
const BACK_AFTER_MS = 500;
/** A producer repeats a command after this time without a receipt. */
const ASK_AGAIN_MS = 3_000;
const LOOK_EVERY_MS = 100;
const NO_MESSAGE_ID = '00000000-0000-4000-8000-000000000000';
/**
 * Simulated time limit of a story. The slowest story of 10,000 takes 305 s: a batch of eight commands hits the
 * statement timeout of 15 s several times before the one costly command is found, while the database is slow for 40 s.
 */
const LIMIT_MS = 600_000;

export interface Played {
  faults: string[];
  /** Duration in simulated milliseconds. */
  tookMs: number;
  commands: number;
  events: number;
  /** Events of rejected commands that were pruned meanwhile. */
  pruned: number;
}

export type Plant = Surroundings['plant'];

export async function play(story: Story, plant: Plant = (ports) => ports): Promise<Played> {
  const time = new VirtualTime();
  const tables = new MemoryTables();
  const broker = new SimBroker(PARTITIONS, time);
  const database = new SimDatabase(tables, time);
  await database.registry.settle({ namespace: 'chat', partitions: PARTITIONS });
  for (const { commandId, costMs } of story.commands) if (costMs !== undefined) database.costs.set(commandId, costMs);
  const producers = new Producers(story, time, broker, tables);
  const around: Surroundings = {
    ...{ time, broker, database, plant },
    partitions: PARTITIONS,
    seed: story.seed,
    onReceipt: (...args) => producers.onReceipt(...args),
    deadly: producers.ledger.deadly,
    onDeath: (worker) => fleet.bringBack(worker),
  };
  const fleet = new Fleet(story, around);
  for (const fault of story.faults) time.at(fault.at, () => fleet.happen(fault));
  let isOver = false;
  let why: string | null = null;
  const look = () => {
    if (producers.areDone(tables, broker) && fleet.areAllStarted() && isPublished(tables, broker)) isOver = true;
    else if (time.now > LIMIT_MS)
      [isOver, why] = [true, 'stuck: a command has no receipt, or an event was not published'];
    else time.after(LOOK_EVERY_MS, look);
  };
  look();
  await time.run(() => isOver);
  fleet.end();
  const ledger: Ledger = {
    ...producers.ledger,
    dispatched: broker.dispatched,
    deadLettered: broker.deadLettered,
    tables,
    pruned: database.pruned,
    intrusions: database.intrusions,
  };
  const faults = [...(why === null ? [] : [why]), ...faultsOf(ledger)];
  return {
    faults,
    tookMs: time.now,
    commands: producers.ledger.attempted.size,
    events: broker.dispatched.length,
    pruned: database.pruned.length,
  };
}

function isPublished(tables: MemoryTables, broker: SimBroker): boolean {
  const committed = [...tables.partitions.values()].reduce((sum, { position }) => sum + position, 0);
  return new Set(broker.dispatched.map(({ id }) => id)).size >= committed;
}

class Producers {
  readonly ledger: Pick<Ledger, 'attempted' | 'receipts' | 'answered' | 'unreadable' | 'deadly' | 'tooCostly'>;
  private left: number;
  private readonly chance: Chance;

  constructor(
    story: Story,
    private readonly time: VirtualTime,
    private readonly broker: SimBroker,
    private readonly tables: MemoryTables,
  ) {
    this.chance = new Chance(story.seed, 'producers');
    const deadly = story.commands.filter(({ isDeadly }) => isDeadly).map(({ commandId }) => commandId);
    const tooCostly = story.commands.filter(({ costMs = 0 }) => costMs > STATEMENT_TIMEOUT_MS);
    this.ledger = {
      ...{ attempted: new Map(), receipts: new Map(), answered: [], unreadable: new Set() },
      deadly: new Set(deadly),
      tooCostly: new Set(tooCostly.map(({ commandId }) => commandId)),
    };
    this.left = story.commands.length;
    for (const command of story.commands) time.at(command.at, () => this.publishFirst(command));
  }

  onReceipt(correlationId: string, receipt: Receipt, worker: string): void {
    this.ledger.answered.push({ worker, receipt });
    // Receipts are best effort.
    if (this.chance.is(0.02)) return;
    this.time.after(latency(this.chance), () => {
      const { receipts } = this.ledger;
      receipts.set(correlationId, [...(receipts.get(correlationId) ?? []), receipt]);
    });
  }

  areDone({ receipts }: MemoryTables, { deadLettered }: SimBroker): boolean {
    if (this.left > 0) return false;
    const deadLetteredIds = new Set(deadLettered.map(({ messageId }) => messageId));
    const { unreadable, deadly, tooCostly } = this.ledger;
    if ([...unreadable, ...deadly, ...tooCostly].some((commandId) => !deadLetteredIds.has(commandId))) return false;
    return [...this.ledger.attempted.keys()].every(
      (key) => this.ledger.receipts.has(key) && receipts.has(`default ${key}`),
    );
  }

  /** Fills in the id of the message that the command is about. */
  private addressed(command: StoryCommand): StoryCommand {
    const { about, data } = command;
    if (about === undefined) return command;
    const { receipt } = this.tables.receipts.get(`default ${about.actorId} ${about.commandId}`) ?? {};
    return { ...command, data: { ...(data as object), messageId: receipt?.messageId ?? NO_MESSAGE_ID } };
  }

  private publishFirst(unaddressed: StoryCommand): void {
    const command = this.addressed(unaddressed);
    this.left -= 1;
    const key = `${command.actorId} ${command.commandId}`;
    if (command.garbage !== undefined) this.ledger.unreadable.add(command.commandId);
    else if (!command.isDeadly && !this.ledger.tooCostly.has(command.commandId) && !this.ledger.attempted.has(key)) {
      this.ledger.attempted.set(key, command);
      this.askAgain(key, command);
    }
    this.publish(key, command);
  }

  private publish(
    key: string,
    { type, commandId, actorId, chatId, partition, comesTo, data, garbage }: StoryCommand,
  ): void {
    this.broker.publish(comesTo ?? partition, {
      body: Buffer.from(garbage ?? JSON.stringify({ actorId, ...(chatId === null ? {} : { chatId }), data })),
      routingKey: chatId ?? actorId,
      type,
      messageId: commandId,
      contentType: 'application/json',
      replyTo: 'chat.replies.sim',
      correlationId: key,
      headers: {},
    });
  }

  private askAgain(key: string, command: StoryCommand): void {
    this.time.after(ASK_AGAIN_MS, () => {
      if (this.ledger.receipts.has(key)) return;
      this.publish(key, command);
      this.askAgain(key, command);
    });
  }
}

class Fleet {
  private readonly workers: SimWorker[];
  private started = 0;
  private awaited = 0;

  constructor(
    private readonly story: Story,
    private readonly around: Surroundings,
  ) {
    this.workers = story.clockSkewsMs.map((skew) => this.start(skew));
  }

  /** Whether all crashed workers have been started again. */
  areAllStarted(): boolean {
    return this.awaited === 0;
  }

  end(): void {
    for (const worker of this.workers) worker.kill();
  }

  happen(fault: StoryFault): void {
    const { time, broker, database } = this.around;
    const worker = this.workers[fault.worker];
    if (worker === undefined) return;
    switch (fault.kind) {
      case 'kill':
        if (worker.process.isAlive) this.kill(worker, fault.backAfterMs);
        break;
      case 'freeze':
        worker.freeze(fault.forMs);
        break;
      case 'cut':
        worker.cut();
        break;
      case 'database away':
        database.awayUntil = Math.max(database.awayUntil, time.now + fault.forMs);
        break;
      case 'stranger':
        this.startStranger();
        break;
      case 'database slow':
        database.slowUntil = Math.max(database.slowUntil, time.now + fault.forMs);
        break;
      case 'dispatch full':
        broker.dispatchFullUntil = Math.max(broker.dispatchFullUntil, time.now + fault.forMs);
        break;
      default:
        worker.loseAtCommit(fault.kind);
    }
  }

  /** The worker has crashed by a command. */
  bringBack(worker: SimWorker): void {
    this.kill(worker, BACK_AFTER_MS);
  }

  /** A worker on another database with the same broker and namespace. */
  private startStranger(): void {
    const { time } = this.around;
    const database = new SimDatabase(new MemoryTables(), time);
    const settled = database.registry.settle({ namespace: 'chat', partitions: PARTITIONS });
    void settled.then(() => this.workers.push(new SimWorker('stranger', 0, { ...this.around, database })));
  }

  private kill(worker: SimWorker, backAfterMs: number): void {
    const place = this.workers.indexOf(worker);
    worker.kill();
    this.awaited += 1;
    this.around.time.after(backAfterMs, () => {
      this.awaited -= 1;
      this.workers[place] = this.start(this.story.clockSkewsMs[place] ?? 0);
    });
  }

  private start(skewMs: number): SimWorker {
    this.started += 1;
    return new SimWorker(`worker-${this.started}`, skewMs, this.around);
  }
}
