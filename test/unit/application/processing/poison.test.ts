import { expect } from 'chai';
import { PolicyEnforcementPoint } from '../../../../src/application/policy/enforcement.js';
import { StoreError } from '../../../../src/application/ports/store/command-store.js';
import { CommandDecider } from '../../../../src/application/processing/execution/command-decider.js';
import type { BatchItem } from '../../../../src/application/snapshot/batch-item.js';
import { defaultPolicy } from '../../../support/policies/default-policy.js';
import { create, GROUP, send } from '../commands/drafts.js';
import { MAX_COMMAND_ATTEMPTS, range, WorkerHarness } from './worker-harness.js';

const BATCH = 256;

/** Fails, as a bug would, whenever the planted command is among those it is to decide. */
class StumblingDecider extends CommandDecider {
  override decide(...[items, snapshot, settings]: Parameters<CommandDecider['decide']>) {
    const isPlanted = ({ delivery }: BatchItem) => delivery.incoming.messageId === 'planted';
    if (items.some(isPlanted)) throw new TypeError('a bug');
    return super.decide(items, snapshot, settings);
  }
}

describe('A poisoned command', () => {
  let harness: WorkerHarness;
  afterEach(() => harness?.close());

  const plantedAt = (index: number) =>
    range(0, BATCH - 1).map((number) =>
      send('alice', GROUP, `text ${number}`, {}, { commandId: number === index ? 'planted' : `c${number}` }),
    );
  const others = (index: number) => range(0, BATCH - 1).filter((number) => number !== index);

  async function expectBuriedAlone(index: number): Promise<void> {
    await harness.given(create('alice', GROUP, []));
    const commands = plantedAt(index);
    harness.publish(...commands);
    await harness.until('the neighbours are answered', () => harness.receipts.length === BATCH);
    await harness.until('it is dead-lettered', () => harness.transport.keptDeadLetters().length === 1);

    expect(harness.store.tried[1], 'all of them came as one batch').to.have.length(BATCH);
    const alone = harness.store.tried.filter((ids) => ids.length === 1 && ids[0] === 'planted');
    expect(alone).to.have.length(MAX_COMMAND_ATTEMPTS);
    expect([...new Set(harness.store.counted)], 'nobody else was counted').to.deep.equal(['default alice planted']);

    const [deadLettered] = harness.transport.keptDeadLetters();
    expect(deadLettered?.headers['x-parley-reason']).to.equal('poison');
    expect(deadLettered?.messageId).to.equal('planted');
    expect(deadLettered?.body).to.deep.equal(Buffer.from(JSON.stringify(commands[index]?.body)));

    expect(harness.receipts.slice(1).map(({ commandId }) => commandId)).to.deep.equal(
      others(index).map((number) => `c${number}`),
    );
    expect(harness.receipts.every(({ status, replayed }) => status === 'accepted' && !replayed)).to.equal(true);
    expect(harness.bodies(GROUP)).to.deep.equal(others(index).map((number) => `text ${number}`));
    expect(harness.sequences(GROUP)).to.deep.equal(range(1, BATCH));
    expect(harness.world.attempts.size, 'nothing is kept of it').to.equal(0);

    await harness.given(send('alice', GROUP, 'and on'));
    await harness.published();
    expect(harness.events.map(({ id }) => id)).to.deep.equal(
      range(1, BATCH + 1).map((sequence) => `${GROUP}/${sequence}`),
    );
    expect(await harness.nothingLeft(), 'everything was acknowledged').to.equal(true);
  }

  for (const index of [0, 137, BATCH - 1])
    it(`that the store refuses is isolated among ${BATCH} (number ${index}), tried ${MAX_COMMAND_ATTEMPTS} times and dead-lettered`, async () => {
      harness = await WorkerHarness.open();
      harness.store.writing = ({ receipts }) => {
        if (receipts.some(({ commandId }) => commandId === 'planted')) throw new StoreError('refused', 'planted');
      };
      await expectBuriedAlone(index);
      expect(harness.troubles, 'that is no trouble of the store').to.deep.equal([]);
    });

  it('that triggers a bug in deciding is dead-lettered alone', async () => {
    const decider = new StumblingDecider(new PolicyEnforcementPoint(defaultPolicy()));
    harness = await WorkerHarness.open({ decider });
    await expectBuriedAlone(200);
    const [deadLettered] = harness.transport.keptDeadLetters();
    expect(deadLettered?.headers['x-parley-detail']).to.equal('fails alone: TypeError');
  });

  it('is dead-lettered with the class of its failure, never with its message, which may quote a text', async () => {
    harness = await WorkerHarness.open();
    await harness.given(create('alice', GROUP, []));
    harness.store.writing = ({ messages }) => {
      if (messages.length > 0) throw new StoreError('refused', 'the text hush-hush', { cause: new Error('hush-hush') });
    };
    harness.publish(send('alice', GROUP, 'hush-hush'));
    await harness.until('it is dead-lettered', () => harness.transport.keptDeadLetters().length === 1);
    const [deadLettered] = harness.transport.keptDeadLetters();
    expect(deadLettered?.headers['x-parley-detail']).to.equal('fails alone: StoreError');
  });
});

describe('A command redelivered after crashes', () => {
  const KEY = '0 default alice suspect';
  let harness: WorkerHarness;
  beforeEach(async () => {
    harness = await WorkerHarness.open();
    await harness.given(create('alice', GROUP, []));
    harness.source.deliveryCountOf = ({ messageId }) => (messageId === 'suspect' ? 2 : undefined);
  });
  afterEach(() => harness?.close());

  const suspect = send('alice', GROUP, 'suspect', {}, { commandId: 'suspect' });
  const neighbours = [send('alice', GROUP, 'before'), send('alice', GROUP, 'after')] as const;

  it('is processed without other commands, in its place, and its record is deleted after success', async () => {
    harness.world.attempts.set(KEY, MAX_COMMAND_ATTEMPTS - 1);
    await harness.given(neighbours[0], suspect, neighbours[1]);
    expect(harness.bodies(GROUP)).to.deep.equal(['before', 'suspect', 'after']);
    expect(harness.store.tried.slice(1).map((ids) => ids.length)).to.deep.equal([1, 1, 1]);
    expect(harness.store.counted).to.deep.equal(['default alice suspect']);
    expect(harness.world.attempts.size).to.equal(0);
  });

  it('is dead-lettered without another try after its last attempt', async () => {
    harness.world.attempts.set(KEY, MAX_COMMAND_ATTEMPTS);
    harness.publish(neighbours[0], suspect, neighbours[1]);
    await harness.until('the neighbours are answered', () => harness.receipts.length === 3);
    expect(harness.reasonsBuried()).to.deep.equal(['poison']);
    const [deadLettered] = harness.transport.keptDeadLetters();
    expect(deadLettered?.headers['x-parley-detail']).to.equal('fails alone: crash');
    expect(harness.bodies(GROUP)).to.deep.equal(['before', 'after']);
    expect(harness.store.tried.flat()).not.to.include('suspect');
    expect(harness.world.attempts.size).to.equal(0);
  });

  for (const earlier of range(0, MAX_COMMAND_ATTEMPTS - 1))
    it(`is counted before each try, so that the count survives a crash (${earlier} tries so far)`, async () => {
      harness.world.attempts.set(KEY, earlier);
      let countAtTry: number | undefined;
      harness.store.before = () => {
        countAtTry ??= harness.world.attempts.get(KEY);
      };
      await harness.given(suspect);
      expect(countAtTry).to.equal(earlier + 1);
    });

  for (const earlier of range(0, MAX_COMMAND_ATTEMPTS - 1))
    it(`is not counted for store failures or a change of owner (${earlier} tries so far)`, async () => {
      harness.world.attempts.set(KEY, earlier);
      const troubles = ['owner', 'unknown', 'unavailable', 'contention'] as const;
      let tries = 0;
      harness.store.before = async () => {
        const trouble = troubles[tries % troubles.length];
        tries += 1;
        if (tries > 3 * MAX_COMMAND_ATTEMPTS || trouble === undefined) return;
        if (trouble === 'owner') await harness.registry.acquire(0, 'another worker');
        else throw new StoreError(trouble, 'away');
      };
      await harness.given(suspect);
      expect(tries).to.be.greaterThan(3 * MAX_COMMAND_ATTEMPTS);
      expect(harness.bodies(GROUP)).to.deep.equal(['suspect']);
      expect(harness.world.attempts.size).to.equal(0);
    });

  it('is not a suspect after the first redelivery, which a neighbour may have caused', async () => {
    harness.source.deliveryCountOf = () => 1;
    await harness.given(neighbours[0], suspect, neighbours[1]);
    expect(harness.store.noted).to.deep.equal([]);
    expect(harness.store.counted).to.deep.equal([]);
    expect(harness.store.tried.at(-1)).to.have.length(3);
  });
});

describe('Several commands redelivered after crashes', () => {
  const NAMES = range(0, 7).map((number) => `c${number}`);
  const drafts = NAMES.map((name) => send('alice', GROUP, name, {}, { commandId: name }));
  const keysOf = (names: readonly string[]) => names.map((name) => `0 default alice ${name}`);
  let harness: WorkerHarness;
  beforeEach(async () => {
    harness = await WorkerHarness.open();
    await harness.given(create('alice', GROUP, []));
    harness.source.deliveryCountOf = () => 2;
  });
  afterEach(() => harness?.close());

  const tried = () => harness.store.tried.slice(1);

  it('are recorded, tried together, and their records are deleted after success', async () => {
    let notedAtTry: [string, number][] = [];
    harness.store.before = () => {
      notedAtTry = [...harness.world.attempts];
    };
    await harness.given(...drafts);
    expect(tried()).to.deep.equal([NAMES]);
    expect(notedAtTry).to.deep.equal(keysOf(NAMES).map((key) => [key, 0]));
    expect(harness.store.counted).to.deep.equal([]);
    expect(harness.world.attempts.size).to.equal(0);
  });

  it('are tried together, except those recorded before a crash, each in its place', async () => {
    for (const key of keysOf(['c2', 'c3', 'c6'])) harness.world.attempts.set(key, 0);
    await harness.given(...drafts);
    expect(tried()).to.deep.equal([['c0', 'c1'], ['c2'], ['c3'], ['c4', 'c5'], ['c6'], ['c7']]);
    expect(harness.bodies(GROUP)).to.deep.equal(NAMES);
    expect(harness.world.attempts.size).to.equal(0);
  });

  it('are answered although one of them arrives twice', async () => {
    const [first, second] = drafts as [(typeof drafts)[number], (typeof drafts)[number]];
    harness.world.attempts.set(keysOf(['c1'])[0] ?? '', 1);
    await harness.given(first, second, second, first);
    expect(harness.receipts.slice(1).map(({ replayed }) => replayed)).to.deep.equal([false, false, true, true]);
    expect(harness.world.attempts.size).to.equal(0);
  });

  it('are split if the store refuses one of them, and no other is counted', async () => {
    harness.store.writing = ({ receipts }) => {
      if (receipts.some(({ commandId }) => commandId === 'c5')) throw new StoreError('refused', 'planted');
    };
    harness.publish(...drafts);
    await harness.until('the neighbours are answered', () => harness.receipts.length === NAMES.length);
    expect(harness.reasonsBuried()).to.deep.equal(['poison']);
    expect([...new Set(harness.store.counted)]).to.deep.equal(['default alice c5']);
    expect(tried().filter((ids) => ids.length === 1 && ids[0] === 'c5')).to.have.length(MAX_COMMAND_ATTEMPTS);
    expect(harness.bodies(GROUP)).to.deep.equal(NAMES.filter((name) => name !== 'c5'));
    expect(harness.world.attempts.size).to.equal(0);
  });

  it('are not counted for store failures or a change of owner', async () => {
    const troubles = ['owner', 'unknown', 'unavailable', 'contention'] as const;
    let tries = 0;
    harness.store.before = async () => {
      const trouble = troubles[tries];
      tries += 1;
      if (trouble === 'owner') await harness.registry.acquire(0, 'another worker');
      else if (trouble !== undefined) throw new StoreError(trouble, 'away');
    };
    await harness.given(...drafts);
    expect(tried().every((ids) => ids.length === NAMES.length)).to.equal(true);
    expect(harness.bodies(GROUP)).to.deep.equal(NAMES);
    expect(harness.world.attempts.size).to.equal(0);
  });

  it('keep the records of poison commands until the whole batch is finished', async () => {
    for (const key of keysOf(['c1', 'c4'])) harness.world.attempts.set(key, MAX_COMMAND_ATTEMPTS);
    let knownAtLast: number | undefined;
    harness.store.before = ({ keys }) => {
      if (keys.receipts.some(({ commandId }) => commandId === 'c7')) knownAtLast = harness.world.attempts.size;
    };
    harness.publish(...drafts);
    await harness.until('the others are answered', () => harness.receipts.length === NAMES.length - 1);
    expect(harness.reasonsBuried()).to.deep.equal(['poison', 'poison']);
    // The last part of the batch, noted, besides.
    expect(knownAtLast).to.equal(2 + 3);
    expect(harness.world.attempts.size).to.equal(0);
  });
});
