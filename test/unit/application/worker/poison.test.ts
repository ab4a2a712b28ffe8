import { expect } from 'chai';
import { PolicyEnforcementPoint } from '../../../../src/application/policy/enforcement.js';
import { StoreError } from '../../../../src/application/ports/command-store.js';
import { CommandDecider } from '../../../../src/application/processing/command-decider.js';
import type { BatchItem } from '../../../../src/application/snapshot/batch-item.js';
import { defaultPolicy } from '../../../support/default-policy.js';
import { create, GROUP, send } from '../drafts.js';
import { Lab, MAX_COMMAND_ATTEMPTS, range } from './lab.js';

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
  let lab: Lab;
  afterEach(() => lab?.close());

  const plantedAt = (index: number) =>
    range(0, BATCH - 1).map((number) =>
      send('alice', GROUP, `text ${number}`, {}, { commandId: number === index ? 'planted' : `c${number}` }),
    );
  const others = (index: number) => range(0, BATCH - 1).filter((number) => number !== index);

  async function expectBuriedAlone(index: number): Promise<void> {
    await lab.given(create('alice', GROUP, []));
    const commands = plantedAt(index);
    lab.publish(...commands);
    await lab.until('the neighbours are answered', () => lab.receipts.length === BATCH);
    await lab.until('it is dead-lettered', () => lab.transport.keptDeadLetters().length === 1);

    expect(lab.store.tried[1], 'all of them came as one batch').to.have.length(BATCH);
    const alone = lab.store.tried.filter((ids) => ids.length === 1 && ids[0] === 'planted');
    expect(alone).to.have.length(MAX_COMMAND_ATTEMPTS);
    expect([...new Set(lab.store.counted)], 'nobody else was counted').to.deep.equal(['default alice planted']);

    const [buried] = lab.transport.keptDeadLetters();
    expect(buried?.headers['x-parley-reason']).to.equal('poison');
    expect(buried?.messageId).to.equal('planted');
    expect(buried?.body).to.deep.equal(Buffer.from(JSON.stringify(commands[index]?.body)));

    expect(lab.receipts.slice(1).map(({ commandId }) => commandId)).to.deep.equal(
      others(index).map((number) => `c${number}`),
    );
    expect(lab.receipts.every(({ status, replayed }) => status === 'accepted' && !replayed)).to.equal(true);
    expect(lab.bodies(GROUP)).to.deep.equal(others(index).map((number) => `text ${number}`));
    expect(lab.sequences(GROUP)).to.deep.equal(range(1, BATCH));
    expect(lab.world.attempts.size, 'nothing is kept of it').to.equal(0);

    await lab.given(send('alice', GROUP, 'and on'));
    await lab.published();
    expect(lab.events.map(({ id }) => id)).to.deep.equal(range(1, BATCH + 1).map((sequence) => `${GROUP}/${sequence}`));
    expect(await lab.nothingLeft(), 'everything was acknowledged').to.equal(true);
  }

  for (const index of [0, 137, BATCH - 1])
    it(`that the store refuses is found alone among ${BATCH} (number ${index}), tried ${MAX_COMMAND_ATTEMPTS} times and buried`, async () => {
      lab = await Lab.open();
      lab.store.writing = ({ receipts }) => {
        if (receipts.some(({ commandId }) => commandId === 'planted')) throw new StoreError('refused', 'planted');
      };
      await expectBuriedAlone(index);
      expect(lab.troubles, 'that is no trouble of the store').to.deep.equal([]);
    });

  it('that brings out a bug in deciding is buried alone as well', async () => {
    const decider = new StumblingDecider(new PolicyEnforcementPoint(defaultPolicy()));
    lab = await Lab.open({ decider });
    await expectBuriedAlone(200);
    const [buried] = lab.transport.keptDeadLetters();
    expect(buried?.headers['x-parley-detail']).to.equal('fails alone: TypeError');
  });

  it('is buried with the class of its failure, never with its words: they may quote a text', async () => {
    lab = await Lab.open();
    await lab.given(create('alice', GROUP, []));
    lab.store.writing = ({ messages }) => {
      if (messages.length > 0) throw new StoreError('refused', 'the text hush-hush', { cause: new Error('hush-hush') });
    };
    lab.publish(send('alice', GROUP, 'hush-hush'));
    await lab.until('it is dead-lettered', () => lab.transport.keptDeadLetters().length === 1);
    const [buried] = lab.transport.keptDeadLetters();
    expect(buried?.headers['x-parley-detail']).to.equal('fails alone: StoreError');
  });
});

describe('A command that came back after crashes', () => {
  const KEY = '0 default alice suspect';
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.open();
    await lab.given(create('alice', GROUP, []));
    lab.source.deliveryCountOf = ({ messageId }) => (messageId === 'suspect' ? 2 : undefined);
  });
  afterEach(() => lab?.close());

  const suspect = send('alice', GROUP, 'suspect', {}, { commandId: 'suspect' });
  const neighbours = [send('alice', GROUP, 'before'), send('alice', GROUP, 'after')] as const;

  it('is taken without those that did not, in its place, and forgotten once it has succeeded', async () => {
    lab.world.attempts.set(KEY, MAX_COMMAND_ATTEMPTS - 1);
    await lab.given(neighbours[0], suspect, neighbours[1]);
    expect(lab.bodies(GROUP)).to.deep.equal(['before', 'suspect', 'after']);
    expect(lab.store.tried.slice(1).map((ids) => ids.length)).to.deep.equal([1, 1, 1]);
    expect(lab.store.counted).to.deep.equal(['default alice suspect']);
    expect(lab.world.attempts.size).to.equal(0);
  });

  it('is buried without another try once its tries are used up', async () => {
    lab.world.attempts.set(KEY, MAX_COMMAND_ATTEMPTS);
    lab.publish(neighbours[0], suspect, neighbours[1]);
    await lab.until('the neighbours are answered', () => lab.receipts.length === 3);
    expect(lab.reasonsBuried()).to.deep.equal(['poison']);
    const [buried] = lab.transport.keptDeadLetters();
    expect(buried?.headers['x-parley-detail']).to.equal('fails alone: crash');
    expect(lab.bodies(GROUP)).to.deep.equal(['before', 'after']);
    expect(lab.store.tried.flat()).not.to.include('suspect');
    expect(lab.world.attempts.size).to.equal(0);
  });

  for (const earlier of range(0, MAX_COMMAND_ATTEMPTS - 1))
    it(`is counted before each try, so that the count outlives a crash (${earlier} tries so far)`, async () => {
      lab.world.attempts.set(KEY, earlier);
      let countAtTry: number | undefined;
      lab.store.before = () => {
        countAtTry ??= lab.world.attempts.get(KEY);
      };
      await lab.given(suspect);
      expect(countAtTry).to.equal(earlier + 1);
    });

  for (const earlier of range(0, MAX_COMMAND_ATTEMPTS - 1))
    it(`is not held to account for the trouble of the store, or for a change of owner (${earlier} tries so far)`, async () => {
      lab.world.attempts.set(KEY, earlier);
      const troubles = ['owner', 'unknown', 'unavailable', 'contention'] as const;
      let tries = 0;
      lab.store.before = async () => {
        const trouble = troubles[tries % troubles.length];
        tries += 1;
        if (tries > 3 * MAX_COMMAND_ATTEMPTS || trouble === undefined) return;
        if (trouble === 'owner') await lab.registry.takeOver(0, 'another worker');
        else throw new StoreError(trouble, 'away');
      };
      await lab.given(suspect);
      expect(tries).to.be.greaterThan(3 * MAX_COMMAND_ATTEMPTS);
      expect(lab.bodies(GROUP)).to.deep.equal(['suspect']);
      expect(lab.world.attempts.size).to.equal(0);
    });

  it('is no suspect after the first return: that may have been a neighbour', async () => {
    lab.source.deliveryCountOf = () => 1;
    await lab.given(neighbours[0], suspect, neighbours[1]);
    expect(lab.store.noted).to.deep.equal([]);
    expect(lab.store.counted).to.deep.equal([]);
    expect(lab.store.tried.at(-1)).to.have.length(3);
  });
});

describe('Several commands that came back after crashes', () => {
  const NAMES = range(0, 7).map((number) => `c${number}`);
  const drafts = NAMES.map((name) => send('alice', GROUP, name, {}, { commandId: name }));
  const keysOf = (names: readonly string[]) => names.map((name) => `0 default alice ${name}`);
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.open();
    await lab.given(create('alice', GROUP, []));
    lab.source.deliveryCountOf = () => 2;
  });
  afterEach(() => lab?.close());

  const tried = () => lab.store.tried.slice(1);

  it('are tried together, noted before they are, and forgotten once that has succeeded', async () => {
    let notedAtTry: [string, number][] = [];
    lab.store.before = () => {
      notedAtTry = [...lab.world.attempts];
    };
    await lab.given(...drafts);
    expect(tried()).to.deep.equal([NAMES]);
    expect(notedAtTry).to.deep.equal(keysOf(NAMES).map((key) => [key, 0]));
    expect(lab.store.counted).to.deep.equal([]);
    expect(lab.world.attempts.size).to.equal(0);
  });

  it('are tried together but for those that were in hand at a crash, and each in its place', async () => {
    for (const key of keysOf(['c2', 'c3', 'c6'])) lab.world.attempts.set(key, 0);
    await lab.given(...drafts);
    expect(tried()).to.deep.equal([['c0', 'c1'], ['c2'], ['c3'], ['c4', 'c5'], ['c6'], ['c7']]);
    expect(lab.bodies(GROUP)).to.deep.equal(NAMES);
    expect(lab.world.attempts.size).to.equal(0);
  });

  it('are answered although one of them comes twice', async () => {
    const [first, second] = drafts as [(typeof drafts)[number], (typeof drafts)[number]];
    lab.world.attempts.set(keysOf(['c1'])[0] ?? '', 1);
    await lab.given(first, second, second, first);
    expect(lab.receipts.slice(1).map(({ replayed }) => replayed)).to.deep.equal([false, false, true, true]);
    expect(lab.world.attempts.size).to.equal(0);
  });

  it('are split like any others where the store refuses one of them, and nobody else is counted', async () => {
    lab.store.writing = ({ receipts }) => {
      if (receipts.some(({ commandId }) => commandId === 'c5')) throw new StoreError('refused', 'planted');
    };
    lab.publish(...drafts);
    await lab.until('the neighbours are answered', () => lab.receipts.length === NAMES.length);
    expect(lab.reasonsBuried()).to.deep.equal(['poison']);
    expect([...new Set(lab.store.counted)]).to.deep.equal(['default alice c5']);
    expect(tried().filter((ids) => ids.length === 1 && ids[0] === 'c5')).to.have.length(MAX_COMMAND_ATTEMPTS);
    expect(lab.bodies(GROUP)).to.deep.equal(NAMES.filter((name) => name !== 'c5'));
    expect(lab.world.attempts.size).to.equal(0);
  });

  it('are not suspected any further for the trouble of the store, or for a change of owner', async () => {
    const troubles = ['owner', 'unknown', 'unavailable', 'contention'] as const;
    let tries = 0;
    lab.store.before = async () => {
      const trouble = troubles[tries];
      tries += 1;
      if (trouble === 'owner') await lab.registry.takeOver(0, 'another worker');
      else if (trouble !== undefined) throw new StoreError(trouble, 'away');
    };
    await lab.given(...drafts);
    expect(tried().every((ids) => ids.length === NAMES.length)).to.equal(true);
    expect(lab.bodies(GROUP)).to.deep.equal(NAMES);
    expect(lab.world.attempts.size).to.equal(0);
  });

  it('are remembered to be poison until all of them are through', async () => {
    for (const key of keysOf(['c1', 'c4'])) lab.world.attempts.set(key, MAX_COMMAND_ATTEMPTS);
    let knownAtLast: number | undefined;
    lab.store.before = ({ keys }) => {
      if (keys.receipts.some(({ commandId }) => commandId === 'c7')) knownAtLast = lab.world.attempts.size;
    };
    lab.publish(...drafts);
    await lab.until('the others are answered', () => lab.receipts.length === NAMES.length - 1);
    expect(lab.reasonsBuried()).to.deep.equal(['poison', 'poison']);
    // The last part of the batch, noted, besides.
    expect(knownAtLast).to.equal(2 + 3);
    expect(lab.world.attempts.size).to.equal(0);
  });
});
