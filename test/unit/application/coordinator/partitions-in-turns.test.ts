import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { create } from '../commands/drafts.js';
import { WorkerHarness } from '../processing/worker-harness.js';

/** Enough chats for more than one of four partitions. */
const CHATS = 24;
/** Turns of the event loop that a transaction takes here: enough for another one to begin. */
const TRANSACTION_TURNS = 5;

describe("A worker's partitions", () => {
  let harness: WorkerHarness;
  afterEach(() => harness?.close());

  const chats = () => Array.from({ length: CHATS }, () => create('alice', randomUUID(), []));

  /** The maximum number of concurrent transactions. */
  async function mostAtATime(concurrentBatches: number): Promise<number> {
    harness = await WorkerHarness.open({ partitions: 4, concurrentBatches });
    let underWay = 0;
    let most = 0;
    const partitions = new Set<number>();
    harness.store.before = async ({ partition }) => {
      partitions.add(partition);
      underWay += 1;
      most = Math.max(most, underWay);
      for (let turn = 0; turn < TRANSACTION_TURNS; turn += 1) await nextTurn();
      underWay -= 1;
    };
    await harness.given(...chats());
    expect(partitions.size).to.be.greaterThan(2);
    await harness.close();
    return most;
  }

  it('have at most the configured number of concurrent batches', async () => {
    expect(await mostAtATime(1)).to.equal(1);
    expect(await mostAtATime(2)).to.equal(2);
  });

  it('delay each other only briefly if the store does not answer one of them', async () => {
    harness = await WorkerHarness.open({ partitions: 4, concurrentBatches: 1 });
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let stuck: number | null = null;
    harness.store.before = async ({ partition }) => {
      stuck ??= partition;
      if (partition === stuck) await answered;
    };
    harness.publish(...chats());
    const isThrough = (partition: number) => (harness.world.partitions.get(partition)?.position ?? 0) > 0;
    await harness.until('two others at least are through', () => [0, 1, 2, 3].filter(isThrough).length >= 2);
    expect(isThrough(stuck ?? -1)).to.equal(false);
    answer();
    await harness.until('everything is answered', () => harness.receipts.length === CHATS);
  });
});
