import { expect } from 'chai';
import { MemoryCommandStore } from '../../../../src/adapters/stores/memory/memory-command-store.js';
import { MemoryDecisionLog } from '../../../../src/adapters/stores/memory/memory-decision-log.js';
import { MemoryTables } from '../../../../src/adapters/stores/memory/memory-tables.js';
import { StoreError, type StoreErrorKind } from '../../../../src/application/ports/store/command-store.js';
import { NO_OBSERVER } from '../../../../src/application/ports/worker-observer.js';
import { PRUNE_INTERVAL_MS, Pruner } from '../../../../src/application/retention/pruner.js';
import { BackgroundTasks } from '../../../../src/application/runtime/background-tasks.js';
import { realTime } from '../../../../src/application/runtime/time.js';
import { collectedLog } from '../../../support/collected-log.js';

const RETENTION_MS = 60_000;

/** A pruner whose pruning of receipts fails until `failure` is null. */
class PrunerHarness {
  failure: StoreErrorKind | null = null;
  calls = 0;
  elapsedMs = 0;
  readonly failed: unknown[] = [];
  private readonly background = new BackgroundTasks((_task, error) => this.failed.push(error));
  private readonly pruner: Pruner;

  constructor() {
    const tables = new MemoryTables();
    const store = new MemoryCommandStore(tables);
    const pruneReceipts = async (retentionMs: number) => {
      this.calls += 1;
      if (this.failure !== null) throw new StoreError(this.failure, 'the tables are in use');
      return store.pruneReceipts(retentionMs);
    };
    this.pruner = new Pruner(
      {
        partitions: 1,
        store: {
          pruneReceipts,
          pruneAttempts: (...args) => store.pruneAttempts(...args),
          pruneRejectedCommands: (...args) => store.pruneRejectedCommands(...args),
        },
        receiptRetentionMs: RETENTION_MS,
        decisions: new MemoryDecisionLog(tables),
        decisionRetentionMs: RETENTION_MS,
        observer: NO_OBSERVER,
        logger: collectedLog().logger,
        time: { ...realTime, elapsedMs: () => this.elapsedMs },
      },
      this.background,
    );
  }

  async tick(): Promise<void> {
    this.pruner.tick(new AbortController().signal);
    await this.background.ended();
  }
}

describe('Pruning', () => {
  it('that conflicts with another transaction is tried again only after the interval, because batches wait for it', async () => {
    const harness = new PrunerHarness();
    harness.failure = 'contention';
    await harness.tick();
    await harness.tick();
    expect([harness.calls, harness.failed.length]).to.deep.equal([1, 1]);
    harness.elapsedMs += PRUNE_INTERVAL_MS;
    harness.failure = null;
    await harness.tick();
    expect([harness.calls, harness.failed.length]).to.deep.equal([2, 1]);
  });

  it('that fails because the database is unavailable is tried again at the next tick', async () => {
    const harness = new PrunerHarness();
    harness.failure = 'unavailable';
    await harness.tick();
    harness.failure = null;
    await harness.tick();
    await harness.tick();
    expect([harness.calls, harness.failed.length]).to.deep.equal([2, 1]);
  });
});
