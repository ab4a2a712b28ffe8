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

  it('share transactions', async () => {
    harness = await WorkerHarness.open({ partitions: 4 });
    let mostTogether = 0;
    harness.store.before = async ({ leases }) => {
      mostTogether = Math.max(mostTogether, leases.length);
      for (let turn = 0; turn < TRANSACTION_TURNS; turn += 1) await nextTurn();
    };
    await harness.given(...chats());
    expect(mostTogether).to.be.greaterThan(2);
  });

  it('delay each other only briefly if the store does not answer one of them', async () => {
    harness = await WorkerHarness.open({ partitions: 4 });
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let stuck: number | null = null;
    harness.store.before = async ({ leases }) => {
      stuck ??= leases[0]?.partition ?? null;
      if (leases.some(({ partition }) => partition === stuck)) await answered;
    };
    harness.publish(...chats().slice(0, 1));
    await harness.until('a batch waits for the store', () => stuck !== null);
    harness.publish(...chats().slice(1));
    const isThrough = (partition: number) => (harness.world.partitions.get(partition)?.position ?? 0) > 0;
    await harness.until('two others at least are through', () => [0, 1, 2, 3].filter(isThrough).length >= 2);
    expect(isThrough(stuck ?? -1)).to.equal(false);
    answer();
    await harness.until('everything is answered', () => harness.receipts.length === CHATS);
  });
});
