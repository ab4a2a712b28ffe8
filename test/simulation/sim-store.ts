/**
 * The in-memory store as a process reaches it: over a wire, at times not at all, and with replies that do not come. A transaction takes effect in
 * one moment, under its partition's row, while the process that decides it lives.
 */
import { MemoryCommandStore } from '../../src/adapters/memory/memory-command-store.js';
import { MemoryEventLog } from '../../src/adapters/memory/memory-event-log.js';
import { MemoryPartitionRegistry } from '../../src/adapters/memory/memory-partition-registry.js';
import type { MemoryWorld } from '../../src/adapters/memory/memory-world.js';
import {
  type BatchRequest,
  type BatchResult,
  type BatchWrites,
  type CommandStore,
  type Facts,
  StoreError,
} from '../../src/application/ports/command-store.js';
import type { EventLog } from '../../src/application/ports/event-log.js';
import type { PartitionRegistry } from '../../src/application/ports/partition-registry.js';
import { latency } from './sim-broker.js';
import { Chance, type SimProcess, type VirtualTime } from './virtual-time.js';

/** The database's own clock. */
const START = Date.parse('2026-11-20T20:15:00.000Z');

export class SimDatabase {
  /** Nobody gets through until then. */
  awayUntil = 0;
  readonly commands: CommandStore;
  readonly log: EventLog;
  readonly registry: PartitionRegistry;

  constructor(
    readonly world: MemoryWorld,
    readonly time: VirtualTime,
  ) {
    this.commands = new MemoryCommandStore(world);
    this.log = new MemoryEventLog(world);
    this.registry = new MemoryPartitionRegistry(world, () => START + time.now);
  }
}

/** What is to happen to the next transaction of a process. */
export type CommitMishap = 'reply lost' | 'commit lost';

export interface StoreWire {
  commands: CommandStore;
  log: EventLog;
  registry: PartitionRegistry;
  nextMishaps: CommitMishap[];
}

export function storeWire(database: SimDatabase, process: SimProcess, seed: number): StoreWire {
  const chance = new Chance(seed, `store of ${process.name}`);
  const nextMishaps: CommitMishap[] = [];
  const isAway = () => database.time.now < database.awayUntil;
  const away = () => new StoreError('unavailable', 'the database is away');

  /** A call without a transaction of its own. */
  const over = <T>(call: () => Promise<T>): Promise<T> =>
    process.ask(
      () => {
        if (isAway()) throw away();
        return call();
      },
      { toMs: latency(chance), backMs: latency(chance) },
    );

  const transact = <T>(
    request: BatchRequest,
    decide: (facts: Facts) => { writes: BatchWrites; value: T },
  ): Promise<BatchResult<T>> =>
    new Promise((resolve, reject) => {
      process.receive(latency(chance), async () => {
        const mishap = nextMishaps.shift();
        try {
          if (isAway()) throw away();
          const result = await database.commands.transact(request, (facts) => {
            const decided = decide(facts);
            if (mishap === 'commit lost') throw new StoreError('unknown', 'the connection went at COMMIT');
            return decided;
          });
          if (mishap === 'reply lost') throw new StoreError('unknown', "COMMIT's reply did not come");
          process.receive(latency(chance), () => resolve(result));
        } catch (error) {
          process.receive(latency(chance), () => reject(error as Error));
        }
      });
    });

  const { commands, log, registry } = database;
  return {
    nextMishaps,
    commands: {
      transact,
      noteSuspects: (...args) => over(() => commands.noteSuspects(...args)),
      countAttempt: (...args) => over(() => commands.countAttempt(...args)),
      forgetAttempts: (...args) => over(() => commands.forgetAttempts(...args)),
      pruneReceipts: (...args) => over(() => commands.pruneReceipts(...args)),
    },
    log: {
      storeId: () => over(() => log.storeId()),
      readEvents: (...args) => over(() => log.readEvents(...args)),
      recipients: (...args) => over(() => log.recipients(...args)),
    },
    registry: {
      settle: (...args) => over(() => registry.settle(...args)),
      heartbeat: (...args) => over(() => registry.heartbeat(...args)),
      deregister: (...args) => over(() => registry.deregister(...args)),
      takeOver: (...args) => over(() => registry.takeOver(...args)),
      release: (...args) => over(() => registry.release(...args)),
      savePublished: (...args) => over(() => registry.savePublished(...args)),
      repairRing: (...args) => over(() => registry.repairRing(...args)),
      sawRingMarker: (...args) => over(() => registry.sawRingMarker(...args)),
    },
  };
}
