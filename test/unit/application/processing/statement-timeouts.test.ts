/** A statement times out because it is too costly, or because the database is slow. A probe distinguishes both. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { StoreError } from '../../../../src/application/ports/store/command-store.js';
import { PROBE_ANSWERS_WITHIN_MS } from '../../../../src/application/processing/execution/probe-watch.js';
import { create, GROUP, send } from '../commands/drafts.js';
import { MAX_COMMAND_ATTEMPTS, range, WorkerHarness } from './worker-harness.js';

const COMMANDS = 40;
/** Number of commands that fit into one statement before it times out. */
const FIT = 12;
const timedOut = () => new StoreError('timed_out', 'it took too long (57014)');

let harness: WorkerHarness;
beforeEach(async () => {
  // Of each pause before another try hardly anything: there are many of them.
  harness = await WorkerHarness.open({ random: () => 0.01 });
  await harness.given(create('alice', GROUP, []));
});
afterEach(() => harness?.close());

const drafts = (count = COMMANDS) =>
  range(1, count).map((number) => send('alice', GROUP, `text ${number}`, {}, { commandId: `c${number}` }));
const sizes = () => harness.store.tried.slice(1).map((ids) => ids.length);

describe('A batch whose statement times out', () => {
  it('is split after the second time if the database answers, and is answered completely', async () => {
    harness.store.writing = ({ messages }) => {
      if (messages.length > FIT) throw timedOut();
    };
    await harness.given(...drafts());
    expect(sizes()).to.deep.equal([COMMANDS, COMMANDS, 20, 10, 10, 20, 10, 10]);
    expect(harness.bodies(GROUP)).to.deep.equal(range(1, COMMANDS).map((number) => `text ${number}`));
    expect(harness.transport.keptDeadLetters()).to.deep.equal([]);
    expect(harness.store.counted).to.deep.equal([]);
    expect(harness.troubles.at(-1), 'the store is well').to.equal(false);
  });

  it('is retried once unchanged before it is split', async () => {
    let tries = 0;
    harness.store.before = () => {
      tries += 1;
      if (tries === 1) throw timedOut();
    };
    await harness.given(...drafts());
    expect(sizes()).to.deep.equal([COMMANDS, COMMANDS]);
    expect(harness.store.probes).to.equal(0);
  });

  it('because of one command has that command dead-lettered after its tries, and its neighbours answered', async () => {
    harness.store.writing = ({ receipts }) => {
      if (receipts.some(({ commandId }) => commandId === 'c17')) throw timedOut();
    };
    harness.publish(...drafts());
    await harness.until('the neighbours are answered', () => harness.receipts.length === COMMANDS);
    await harness.until('it is dead-lettered', () => harness.transport.keptDeadLetters().length === 1);
    const [deadLettered] = harness.transport.keptDeadLetters();
    expect(deadLettered?.messageId).to.equal('c17');
    expect(deadLettered?.headers['x-parley-reason']).to.equal('poison');
    expect(deadLettered?.headers['x-parley-detail']).to.equal('fails alone: TooMuchWork');
    expect(harness.store.tried.filter((ids) => ids.length === 1 && ids[0] === 'c17')).to.have.length(
      MAX_COMMAND_ATTEMPTS,
    );
    expect([...new Set(harness.store.counted)]).to.deep.equal(['default alice c17']);
    expect(harness.world.attempts.size, 'nothing is kept of it').to.equal(0);
    await harness.given(send('alice', GROUP, 'and on'));
    expect(await harness.nothingLeft()).to.equal(true);
  });

  const probes: [string, () => void | Promise<void>][] = [
    [
      'fails',
      () => {
        throw new StoreError('unavailable', 'away');
      },
    ],
    [
      'times out as well',
      () => {
        throw timedOut();
      },
    ],
    ['is slow', () => sleep(PROBE_ANSWERS_WITHIN_MS + 100)],
  ];
  for (const [what, probing] of probes)
    it(`waits in its place while a probe ${what}, because the database is slow`, async function () {
      this.timeout(20_000);
      let isSlow = true;
      harness.store.before = () => {
        if (isSlow) throw timedOut();
      };
      harness.store.probing = probing;
      harness.publish(...drafts());
      await harness.until('it was tried several times', () => sizes().length >= 5);
      expect(new Set(sizes())).to.deep.equal(new Set([COMMANDS]));
      expect(harness.troubles.at(-1), 'the store is in trouble').to.equal(true);
      isSlow = false;
      await harness.until('all are answered', () => harness.receipts.length === COMMANDS + 1);
      expect(harness.store.counted).to.deep.equal([]);
      expect(harness.transport.keptDeadLetters()).to.deep.equal([]);
    });

  it('with one command is not counted if the database is slow at each of its tries', async () => {
    let tries = 0;
    harness.store.before = ({ keys }) => {
      if (keys.receipts.some(({ commandId }) => commandId === 'c1')) {
        tries += 1;
        if (tries <= 4 * MAX_COMMAND_ATTEMPTS) throw timedOut();
      }
    };
    // Fast at first, so that it is split and tried alone; then slow.
    harness.store.probing = () => {
      if (tries > 3) throw timedOut();
    };
    harness.publish(...drafts(2));
    await harness.until('both are answered', () => harness.receipts.length === 3);
    expect(tries).to.be.greaterThan(4 * MAX_COMMAND_ATTEMPTS);
    expect(harness.transport.keptDeadLetters()).to.deep.equal([]);
    expect(harness.world.attempts.size).to.equal(0);
  });
});

describe('A batch that meets only contention', () => {
  it('reports since when, until it commits', async () => {
    let isHeld = true;
    harness.store.before = () => {
      if (isHeld) throw new StoreError('contention', 'another transaction was in the way');
    };
    const status = () => harness.worker.status.partitions[0];
    const began = Date.now();
    harness.publish(...drafts(5));
    await harness.until('it is tried again and again', () => sizes().length >= 4);
    const since = status()?.contendedSince;
    expect(since?.getTime()).to.be.within(began, Date.now());
    expect(harness.troubles, 'that is no trouble of the store').to.deep.equal([]);
    isHeld = false;
    await harness.until('all are answered', () => harness.receipts.length === 6);
    await harness.until('it is over', () => status()?.contendedSince === null);
  });
});
