/**
 * The in-memory store behind a simulated network: calls may fail, and replies may be lost. A batch reads its snapshot
 * at one time and writes at a later one, if the partition's lease is still valid.
 */
import { MemoryCommandStore } from '../../../src/adapters/stores/memory/memory-command-store.js';
import { MemoryEventLog } from '../../../src/adapters/stores/memory/memory-event-log.js';
import { MemoryPartitionRegistry } from '../../../src/adapters/stores/memory/memory-partition-registry.js';
import type { MemoryTables } from '../../../src/adapters/stores/memory/memory-tables.js';
import {
  type BatchRequest,
  type BatchResult,
  type BatchSnapshot,
  type BatchWrites,
  type CommandStore,
  StoreError,
} from '../../../src/application/ports/store/command-store.js';
import type { EventLog, LoggedEvent } from '../../../src/application/ports/store/log/event-log.js';
import type { PartitionRegistry } from '../../../src/application/ports/store/partition-registry.js';
import { latency } from './sim-broker.js';
import { Chance, type SimProcess, type VirtualTime } from './virtual-time.js';

/** The clock of the database. */
const START = Date.parse('2026-11-20T20:15:00.000Z');

/** Receipts are never pruned, because the ledger compares them. Events of rejected commands can be pruned at once. */
const ALL_ARE_OLD = new Date(8.64e15);
/** The same value as in the real adapter. */
export const STATEMENT_TIMEOUT_MS = 15_000;

export class SimDatabase {
  /** The database is unavailable until this time. */
  awayUntil = 0;
  /** Pruned events, for the ledger. */
  readonly pruned: LoggedEvent[] = [];
  /** Partitions that a worker committed to while another one owned them, for the ledger. */
  readonly intrusions: { worker: string; partition: number; owner: string | null }[] = [];
  /** Every statement of a batch exceeds its timeout until this time. */
  slowUntil = 0;
  /** The time in milliseconds to write a command, by its id. */
  readonly costs = new Map<string, number>();
  readonly commands: CommandStore;
  readonly log: EventLog;
  readonly registry: PartitionRegistry;

  constructor(
    readonly tables: MemoryTables,
    readonly time: VirtualTime,
  ) {
    this.commands = new MemoryCommandStore(tables, () => START + time.now);
    this.log = new MemoryEventLog(tables);
    this.registry = new MemoryPartitionRegistry(tables, () => START + time.now);
  }

  /** Synchronous. */
  pruneRejectedCommands(partition: number, limit: number): Promise<number> {
    const before = this.tables.log.get(partition) ?? [];
    const pruned = this.commands.pruneRejectedCommands(partition, ALL_ARE_OLD, limit);
    const left = new Set(this.tables.log.get(partition));
    this.pruned.push(...before.filter((event) => !left.has(event)));
    return pruned;
  }
}

/** The fault of the next transaction of a process. */
export type CommitMishap = 'reply lost' | 'commit lost';

/** The time to write a batch. */
function costOf({ costs }: SimDatabase, { receipts }: BatchWrites): number {
  return receipts.reduce((sum, { commandId }) => sum + (costs.get(commandId) ?? 0), 0);
}

export interface StoreWire {
  commands: CommandStore;
  log: EventLog;
  registry: PartitionRegistry;
  nextMishaps: CommitMishap[];
}

export function storeWire(database: SimDatabase, process: SimProcess, seed: number): StoreWire {
  const chance = new Chance(seed, `store of ${process.name}`);
  const chanceOfPruning = new Chance(seed, `pruning of ${process.name}`);
  const nextMishaps: CommitMishap[] = [];
  const isAway = () => database.time.now < database.awayUntil;
  const away = () => new StoreError('unavailable', 'the database is away');

  const timedOut = () => new StoreError('timed_out', 'the statement took too long');

  /** A call without its own transaction. */
  const over = <T>(call: () => Promise<T>, by = chance): Promise<T> =>
    process.ask(
      () => {
        if (isAway()) throw away();
        return call();
      },
      { toMs: latency(by), backMs: latency(by) },
    );

  const transact = <T>(
    request: BatchRequest,
    decide: (snapshot: BatchSnapshot) => { writes: BatchWrites; value: T },
  ): Promise<BatchResult<T>> =>
    new Promise((resolve, reject) => {
      const back = (answer: () => void) => process.receive(latency(chance), answer);
      const write = async (snapshot: BatchSnapshot, decided: { writes: BatchWrites; value: T }) => {
        const mishap = nextMishaps.shift();
        try {
          const costMs =
            database.time.now < database.slowUntil ? Number.POSITIVE_INFINITY : costOf(database, decided.writes);
          if (costMs > 0) await database.time.wait(Math.min(costMs, STATEMENT_TIMEOUT_MS));
          if (costMs > STATEMENT_TIMEOUT_MS) throw timedOut();
          // Without a reply, the caller cannot know that the request did not arrive.
          if (isAway() || mishap === 'commit lost') throw new StoreError('unknown', 'the connection went at COMMIT');
          const result = await database.commands.transact(request, (now) => {
            if (request.leases.some(({ partition: p }) => now.positions.get(p) !== snapshot.positions.get(p)))
              throw new StoreError('contention', 'another batch came in between');
            return decided;
          });
          if (result.outcome === 'fenced') throw new StoreError('contention', 'another owner came in between');
          for (const { partition } of request.leases) {
            const owner = database.tables.partitions.get(partition)?.owner ?? null;
            if (owner !== process.name) database.intrusions.push({ worker: process.name, partition, owner });
          }
          if (mishap === 'reply lost') throw new StoreError('unknown', "COMMIT's reply did not come");
          back(() => resolve(result));
        } catch (error) {
          back(() => reject(error as Error));
        }
      };
      const read = async () => {
        if (isAway()) return back(() => reject(away()));
        const snapshot = await snapshotOf(database.commands, request);
        if ('outcome' in snapshot) return back(() => resolve(snapshot));
        back(() => {
          try {
            const decided = decide(snapshot);
            process.receive(latency(chance), () => write(snapshot, decided));
          } catch (error) {
            reject(error as Error);
          }
        });
      };
      process.receive(latency(chance), read);
    });

  const { commands, log, registry } = database;
  return {
    nextMishaps,
    commands: {
      transact,
      noteSuspects: (...args) => over(() => commands.noteSuspects(...args)),
      countAttempt: (...args) => over(() => commands.countAttempt(...args)),
      forgetAttempts: (...args) => over(() => commands.forgetAttempts(...args)),
      probe: () =>
        over(async () => {
          if (database.time.now >= database.slowUntil) return commands.probe();
          await database.time.wait(STATEMENT_TIMEOUT_MS);
          throw timedOut();
        }),
      pruneReceipts: (...args) => over(() => commands.pruneReceipts(...args)),
      pruneAttempts: (...args) => over(() => commands.pruneAttempts(...args), chanceOfPruning),
      pruneRejectedCommands: (partition, _before, limit) =>
        over(() => database.pruneRejectedCommands(partition, limit), chanceOfPruning),
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
      acquire: (...args) => over(() => registry.acquire(...args)),
      reacquire: (...args) => over(() => registry.reacquire(...args)),
      release: (...args) => over(() => registry.release(...args)),
      savePublished: (...args) => over(() => registry.savePublished(...args)),
    },
  };
}

/** The present rows, or the result if the lease was fenced. */
async function snapshotOf(commands: CommandStore, request: BatchRequest): Promise<BatchSnapshot | BatchResult<never>> {
  let found: BatchSnapshot | null = null;
  const nothingIsWritten = new Error('only read');
  const result = await commands
    .transact<never>(request, (snapshot) => {
      found = snapshot;
      throw nothingIsWritten;
    })
    .catch((error) => {
      if (error !== nothingIsWritten) throw error;
      return null;
    });
  const read = found ?? result;
  if (read === null) throw new Error('neither a snapshot nor a result');
  return read;
}
