import { expect } from 'chai';
import { onThisMachine } from '../support/busy-machine.js';
import { eventually } from '../support/eventually.js';
import { Fleet } from '../support/fleet/fleet.js';
import { faultsOf } from '../support/fleet/ledger.js';
import type { TestProcess } from '../support/fleet/processes.js';
import { SteadyLoad } from './steady-load.js';

const PARTITIONS = 8;
const SERVED_WITHIN_MS = 5_000;
const FROZEN_REPLACED_WITHIN_MS = 30_000;
/** Pause between two rounds of the load, which lasts a minute and must keep the workers busy without overload. */
const LOAD_PAUSE_MS = 250;

describe('The ownership of partitions', function () {
  this.timeout(180_000);
  let fleet: Fleet;
  let chats: { chatId: string; users: string[] }[];
  let load: SteadyLoad;

  before(async () => {
    fleet = await Fleet.create({ partitions: PARTITIONS, keepEvents: false });
    const first = await fleet.startWorker();
    await first.ready();
    await fleet.connect();
    chats = await Promise.all(Array.from({ length: 40 }, () => fleet.createGroup(1)));
    load = new SteadyLoad(fleet, 'load', chats, LOAD_PAUSE_MS);
  });

  after(async () => {
    await load?.stop();
    await fleet?.close();
  });

  /** Checks that within five seconds every partition has a live owner, and no owner has more than its share. */
  async function fairlySpread(workers: number): Promise<void> {
    await eventually(
      async () => {
        const ownership = await fleet.ownership();
        const shares = [...ownership.values()];
        return (
          !ownership.has(null) &&
          ownership.size === workers &&
          Math.max(...shares) - Math.min(...shares) <= 1 &&
          (await everyPartitionAnswers())
        );
      },
      {
        within: onThisMachine(SERVED_WITHIN_MS),
        what: `${workers} workers serve ${PARTITIONS} partitions in fair shares`,
      },
    );
  }

  let asked = 0;
  async function everyPartitionAnswers(): Promise<boolean> {
    asked += 1;
    const round = asked;
    const answers = await Promise.allSettled(
      chats.map(({ chatId, users }) =>
        fleet.producer.request(
          { type: 'message.send', commandId: `ask${round}`, actorId: users[0] ?? '', chatId, data: { body: 'there?' } },
          2_000,
        ),
      ),
    );
    return answers.every(({ status }) => status === 'fulfilled');
  }

  let second: TestProcess;
  let others: TestProcess[];

  it('is fair within 5 s after a second worker starts', async () => {
    second = await fleet.startWorker();
    await second.ready();
    await fairlySpread(2);
  });

  it('is fair after a third and a fourth worker start', async () => {
    others = [await fleet.startWorker(), await fleet.startWorker()];
    await Promise.all(others.map((worker) => worker.ready()));
    await fairlySpread(4);
  });

  it('is fair after one worker is stopped', async () => {
    const [third] = others;
    expect((await third?.stop())?.code).to.equal(0);
    await fairlySpread(3);
  });

  it('is fair after one worker is killed', async () => {
    await others[1]?.kill();
    await fairlySpread(2);
  });

  it('moves from an owner frozen with SIGSTOP within 30 s, and the owner does no harm when it resumes', async () => {
    second.pause();
    const replaced = eventually(everyPartitionAnswers, {
      within: onThisMachine(FROZEN_REPLACED_WITHIN_MS),
      what: 'the frozen owner is replaced',
    });
    await replaced.finally(() => second.resume());
    await fairlySpread(2);
  });

  it('belongs to the last worker after all others end', async () => {
    await second.stop();
    await fairlySpread(1);
  });

  it('loses, doubles and reorders nothing through all of it', async () => {
    await load.stop();
    await fleet.allAnsweredAfterAsking();
    const verdict = await fleet.ledger.close(fleet.databaseUrl);
    expect(faultsOf(verdict), JSON.stringify(verdict)).to.deep.equal([]);
  });
});
