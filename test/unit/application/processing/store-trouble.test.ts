import { expect } from 'chai';
import { StoreError } from '../../../../src/application/ports/store/command-store.js';
import { Taker } from '../../../conformance/transport/transport-conformance.js';
import { create, GROUP, send } from '../commands/drafts.js';
import { range, WorkerHarness } from './worker-harness.js';

let harness: WorkerHarness;
beforeEach(async () => {
  harness = await WorkerHarness.open();
  await harness.given(create('alice', GROUP, ['bob']));
});
afterEach(() => harness?.close());

const texts = (from: number, through: number) =>
  range(from, through).map((number) => send('alice', GROUP, `text ${number}`, {}, { commandId: `c${number}` }));
const bodies = (from: number, through: number) => range(from, through).map((number) => `text ${number}`);
const ids = (through: number) => range(1, through).map((sequence) => `${GROUP}/${sequence}`);

/** Throws `error()` the next `times` times. */
function times(count: number, error: () => Error): () => void {
  let left = count;
  return () => {
    if (left <= 0) return;
    left -= 1;
    throw error();
  };
}

async function expectOneEffectEach(commands: number): Promise<void> {
  await harness.published();
  expect(harness.bodies(GROUP)).to.deep.equal(bodies(1, commands));
  expect(harness.sequences(GROUP)).to.deep.equal(range(1, commands + 1));
  expect(harness.firstCopies).to.deep.equal(ids(commands + 1));
  expect(
    harness.receipts.slice(1).map(({ commandId, sequence, status }) => [commandId, sequence, status]),
  ).to.deep.equal(range(1, commands).map((number) => [`c${number}`, number + 1, 'accepted']));
}

describe('A COMMIT with an unknown outcome', () => {
  const unknown = () => new StoreError('unknown', 'the reply to COMMIT did not come');

  it('has one effect if it was committed: the stored receipts are sent, and the events are published in order', async () => {
    const { epoch } = harness.worker.status.partitions[0] ?? {};
    harness.store.after = times(1, unknown);
    const receipts = await harness.answers(...texts(1, 20));
    expect(receipts.every(({ replayed }) => replayed)).to.equal(true);
    await harness.given(...texts(21, 25));
    await expectOneEffectEach(25);
    expect(harness.worker.status.partitions[0]?.epoch, 'it took over from itself').to.equal((epoch ?? 0) + 1);
  });

  it('has one effect if it was not committed: the batch runs again', async () => {
    harness.store.before = times(1, unknown);
    const receipts = await harness.answers(...texts(1, 20));
    expect(receipts.some(({ replayed }) => replayed)).to.equal(false);
    await expectOneEffectEach(20);
  });

  it('has one effect if it happens several times, with other batches in between', async () => {
    let transactions = 0;
    const fail = (due: number) => () => {
      transactions += 1;
      if (transactions % 3 === due) throw unknown();
    };
    harness.store.before = fail(1);
    harness.store.after = fail(2);
    for (const number of range(0, 9)) await harness.answers(...texts(number * 10 + 1, number * 10 + 10));
    await expectOneEffectEach(100);
  });

  it('retries a failed take-over', async () => {
    harness.store.after = times(1, unknown);
    const takeOver = harness.registry.acquire.bind(harness.registry);
    const fail = times(2, () => new StoreError('unavailable', 'away'));
    harness.registry.acquire = async (...args) => {
      fail();
      return takeOver(...args);
    };
    await harness.answers(...texts(1, 20));
    await expectOneEffectEach(20);
  });
});

describe('A store that does not answer', () => {
  const unavailable = () => new StoreError('unavailable', 'away');

  it('keeps the batch in its place, and is logged when it fails and when it recovers', async () => {
    let isAway = true;
    harness.store.before = () => {
      if (isAway) throw unavailable();
    };
    harness.publish(...texts(1, 5));
    await harness.until('the trouble is told', () => harness.troubles.length >= 3);
    expect(harness.troubles).not.to.include(false);
    harness.publish(...texts(6, 10));
    expect(harness.receipts).to.have.length(1);
    isAway = false;
    await harness.until('all are answered', () => harness.receipts.length === 11);
    await expectOneEffectEach(10);
    expect(harness.troubles.at(-1)).to.equal(false);
    expect(harness.reasonsBuried()).to.deep.equal([]);
    expect(harness.store.counted, 'nobody is suspected for it').to.deep.equal([]);
  });

  it('counts as recovered even if its first answer is a refusal', async () => {
    const [one, two] = [times(2, unavailable), times(1, () => new StoreError('refused', 'planted'))];
    harness.store.before = () => {
      one();
      two();
    };
    await harness.answers(...texts(1, 4));
    await expectOneEffectEach(4);
    expect(harness.troubles).to.deep.equal([true, true, false]);
  });

  it('is not reported after the subscription is lost', async () => {
    let isAway = true;
    harness.store.before = () => {
      if (isAway) throw unavailable();
    };
    harness.publish(...texts(1, 4));
    await harness.until('the trouble is told', () => harness.troubles.length >= 2);
    await harness.source.lose();
    isAway = false;
    await harness.until('all are answered', () => harness.receipts.length === 5);
    await expectOneEffectEach(4);
    expect(harness.troubles.at(-1)).to.equal(false);
  });

  it('does not prevent the worker from stopping, without losing anything', async function () {
    this.timeout(20_000);
    harness.store.before = () => {
      throw unavailable();
    };
    harness.publish(...texts(1, 5));
    await harness.until('the trouble is told', () => harness.troubles.length >= 1);
    await harness.worker.stop();
    const next = new Taker();
    await harness.transport.source.subscribe(0, 100, next);
    await harness.until('everything came back', () => next.ids.length === 5);
    expect(next.ids).to.deep.equal(range(1, 5).map((number) => `c${number}`));
  });
});

describe('Contention', () => {
  it('is retried until it ends, and no command is counted', async () => {
    harness.store.writing = times(5, () => new StoreError('contention', 'another revision'));
    await harness.answers(...texts(1, 10));
    await expectOneEffectEach(10);
    expect(harness.told.filter((word) => word === 'failed contention')).to.have.length(5);
    expect(harness.troubles).to.deep.equal([]);
    expect(harness.store.counted).to.deep.equal([]);
  });
});

describe('An owner whose partition is taken', () => {
  it('writes nothing, closes its channel, and its deliveries go to the next consumer, in order', async () => {
    const next = new Taker();
    const inLine = await harness.transport.source.subscribe(0, 100, next);
    harness.store.before = async () => {
      harness.store.before = () => undefined;
      await harness.registry.acquire(0, 'another worker');
    };
    harness.publish(...texts(1, 10));
    await harness.until('the next in line has them', () => next.ids.length === 10);
    expect(next.ids).to.deep.equal(range(1, 10).map((number) => `c${number}`));
    expect(next.counts).to.deep.equal(Array(10).fill(1));
    expect(harness.receipts).to.have.length(1);
    expect(harness.sequences(GROUP)).to.deep.equal([1]);
    expect(harness.troubles).to.deep.equal([]);

    // It gives them back untouched: our worker, in line again, gets them, raises the epoch and serves.
    await inLine.close();
    await harness.until('all are answered', () => harness.receipts.length === 11);
    await expectOneEffectEach(10);
  });

  it('notices without a command, acquires the lease again, and publishes unconfirmed events again', async () => {
    await harness.given(...texts(1, 4));
    await harness.published();
    await harness.registry.acquire(0, 'another worker');
    const savedThrough = harness.world.partitions.get(0)?.publishedThrough ?? 0;
    await harness.until('it has taken it back', () => (harness.worker.status.partitions[0]?.epoch ?? 0) > 2);
    await harness.until('the prefix is saved', () => harness.world.partitions.get(0)?.publishedThrough === 5);
    expect(harness.events.map(({ id }) => id)).to.deep.equal([...ids(5), ...ids(5).slice(savedThrough)]);
  });
});
