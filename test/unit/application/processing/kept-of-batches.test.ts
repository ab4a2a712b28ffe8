import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { GATHERED_COMMANDS } from '../../../../src/application/processing/execution/group-commit.js';
import { create, GROUP } from '../commands/drafts.js';
import { WorkerHarness } from './worker-harness.js';

const BATCHES = 10_000;
/**
 * What a signal leaves behind that was made for one batch out of two that runUntilDone on:
 * https://github.com/nodejs/node/issues/55351.
 */
const BYTES_OF_A_SIGNAL = 85;
const TIMEOUT_MS = 120_000;

describe('A finished batch', function () {
  this.timeout(TIMEOUT_MS);
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.open();
  });
  after(() => harness?.close());

  /** The same command again: it leaves nothing in the store. A batch of as many waits for no others. */
  async function serve(batches: number): Promise<void> {
    for (let n = 0; n < batches; n += 1) {
      for (let command = 0; command < GATHERED_COMMANDS; command += 1)
        harness.publish(create('alice', GROUP, [], {}, { commandId: 'the-same' }));
      while (harness.receipts.length < GATHERED_COMMANDS) await new Promise(setImmediate);
      for (const noted of [harness.receipts, harness.store.tried]) noted.length = 0;
    }
  }

  async function heapBytes(): Promise<number> {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    // Finalized objects are freed by the next collection.
    for (let n = 0; n < 3; n += 1) {
      collect();
      await new Promise(setImmediate);
    }
    return process.memoryUsage().heapUsed;
  }

  it('leaves nothing in the memory of its worker', async () => {
    await serve(BATCHES / 10);
    const before = await heapBytes();
    await serve(BATCHES);
    const leftByEach = ((await heapBytes()) - before) / BATCHES;
    expect(leftByEach).to.be.below(BYTES_OF_A_SIGNAL / 2);
  });
});
