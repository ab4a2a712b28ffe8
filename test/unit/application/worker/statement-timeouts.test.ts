/** A statement that times out asks for too much, or the database is slow: a probe tells the two apart. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { StoreError } from '../../../../src/application/ports/command-store.js';
import { PROBE_ANSWERS_WITHIN_MS } from '../../../../src/application/processing/probe-watch.js';
import { create, GROUP, send } from '../drafts.js';
import { Lab, MAX_COMMAND_ATTEMPTS, range } from './lab.js';

const COMMANDS = 40;
/** So many commands fit into one statement before it times out. */
const FIT = 12;
const timedOut = () => new StoreError('timed_out', 'it took too long (57014)');

let lab: Lab;
beforeEach(async () => {
  // Of each pause before another try hardly anything: there are many of them.
  lab = await Lab.open({ random: () => 0.01 });
  await lab.given(create('alice', GROUP, []));
});
afterEach(() => lab?.close());

const drafts = (count = COMMANDS) =>
  range(1, count).map((number) => send('alice', GROUP, `text ${number}`, {}, { commandId: `c${number}` }));
const sizes = () => lab.store.tried.slice(1).map((ids) => ids.length);

describe('A batch whose statement times out', () => {
  it('is split after the second time, while the database answers, and all of it is answered', async () => {
    lab.store.writing = ({ messages }) => {
      if (messages.length > FIT) throw timedOut();
    };
    await lab.given(...drafts());
    expect(sizes()).to.deep.equal([COMMANDS, COMMANDS, 20, 10, 10, 20, 10, 10]);
    expect(lab.bodies(GROUP)).to.deep.equal(range(1, COMMANDS).map((number) => `text ${number}`));
    expect(lab.transport.keptDeadLetters()).to.deep.equal([]);
    expect(lab.store.counted).to.deep.equal([]);
    expect(lab.troubles.at(-1), 'the store is well').to.equal(false);
  });

  it('is tried once more as it is before it is asked who is at fault', async () => {
    let tries = 0;
    lab.store.before = () => {
      tries += 1;
      if (tries === 1) throw timedOut();
    };
    await lab.given(...drafts());
    expect(sizes()).to.deep.equal([COMMANDS, COMMANDS]);
    expect(lab.store.probes).to.equal(0);
  });

  it('for the sake of one command has that one put away alone after its tries, and its neighbours answered', async () => {
    lab.store.writing = ({ receipts }) => {
      if (receipts.some(({ commandId }) => commandId === 'c17')) throw timedOut();
    };
    lab.publish(...drafts());
    await lab.until('the neighbours are answered', () => lab.receipts.length === COMMANDS);
    await lab.until('it is dead-lettered', () => lab.transport.keptDeadLetters().length === 1);
    const [buried] = lab.transport.keptDeadLetters();
    expect(buried?.messageId).to.equal('c17');
    expect(buried?.headers['x-parley-reason']).to.equal('poison');
    expect(buried?.headers['x-parley-detail']).to.equal('fails alone: TooMuchWork');
    expect(lab.store.tried.filter((ids) => ids.length === 1 && ids[0] === 'c17')).to.have.length(MAX_COMMAND_ATTEMPTS);
    expect([...new Set(lab.store.counted)]).to.deep.equal(['default alice c17']);
    expect(lab.world.attempts.size, 'nothing is kept of it').to.equal(0);
    await lab.given(send('alice', GROUP, 'and on'));
    expect(await lab.nothingLeft()).to.equal(true);
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
    it(`waits in its place while a probe ${what}: the database is slow, and no command is to blame`, async function () {
      this.timeout(20_000);
      let isSlow = true;
      lab.store.before = () => {
        if (isSlow) throw timedOut();
      };
      lab.store.probing = probing;
      lab.publish(...drafts());
      await lab.until('it was tried several times', () => sizes().length >= 5);
      expect(new Set(sizes())).to.deep.equal(new Set([COMMANDS]));
      expect(lab.troubles.at(-1), 'the store is in trouble').to.equal(true);
      isSlow = false;
      await lab.until('all are answered', () => lab.receipts.length === COMMANDS + 1);
      expect(lab.store.counted).to.deep.equal([]);
      expect(lab.transport.keptDeadLetters()).to.deep.equal([]);
    });

  it('alone is not held to account for a database that is slow at each of its tries', async () => {
    let tries = 0;
    lab.store.before = ({ keys }) => {
      if (keys.receipts.some(({ commandId }) => commandId === 'c1')) {
        tries += 1;
        if (tries <= 4 * MAX_COMMAND_ATTEMPTS) throw timedOut();
      }
    };
    // Fast at first, so that it is split and tried alone; then slow.
    lab.store.probing = () => {
      if (tries > 3) throw timedOut();
    };
    lab.publish(...drafts(2));
    await lab.until('both are answered', () => lab.receipts.length === 3);
    expect(tries).to.be.greaterThan(4 * MAX_COMMAND_ATTEMPTS);
    expect(lab.transport.keptDeadLetters()).to.deep.equal([]);
    expect(lab.world.attempts.size).to.equal(0);
  });
});

describe('A batch that meets nothing but contention', () => {
  it('says since when, until it gets through', async () => {
    let isHeld = true;
    lab.store.before = () => {
      if (isHeld) throw new StoreError('contention', 'another transaction was in the way');
    };
    const status = () => lab.worker.status.partitions[0];
    const began = Date.now();
    lab.publish(...drafts(5));
    await lab.until('it is tried again and again', () => sizes().length >= 4);
    const since = status()?.contendedSince;
    expect(since?.getTime()).to.be.within(began, Date.now());
    expect(lab.troubles, 'that is no trouble of the store').to.deep.equal([]);
    isHeld = false;
    await lab.until('all are answered', () => lab.receipts.length === 6);
    await lab.until('it is over', () => status()?.contendedSince === null);
  });
});
