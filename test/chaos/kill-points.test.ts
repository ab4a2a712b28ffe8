import { expect } from 'chai';
import { Fleet } from '../support/fleet/fleet.js';
import { faultsOf, type Verdict } from '../support/fleet/ledger.js';

/**
 * Each of the three points is visited this often; every visit ends a worker process with SIGKILL. `npm run proof --
 * kills` makes it thirty.
 */
const KILLS = Number(process.env.PARLEY_KILLS ?? '1');
const BURST = 16;
/** A worker that joins gets its share, and a batch of it, well before. */
const PAUSED_WITHIN_MS = 60_000;

/** The proof takes long: it says how far it is, and what came of it. */
function say(line: string): void {
  if (process.env.PARLEY_KILLS !== undefined) console.log(`    ${line}`);
}

/**
 * A steady worker stands by. Again and again another one joins, is assigned its share, stops dead at the step in one of
 * its first batches, and is killed; the steady one takes over what it held.
 */
async function killRepeatedly(step: string): Promise<Verdict> {
  const fleet = await Fleet.create({ partitions: 2, keepEvents: false });
  try {
    const steady = await fleet.startWorker();
    await steady.ready();
    await fleet.connect();
    const chats = await fleet.createGroupsEverywhere(4, 1);
    let sent = 0;
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const victim = await fleet.startPausingWorker(step, 1 + (kill % 4));
      let isPaused = false;
      const paused = victim.line(/^paused at/, PAUSED_WITHIN_MS).then(() => {
        isPaused = true;
      });
      while (!isPaused) {
        await Promise.all(
          Array.from({ length: BURST }, () => {
            sent += 1;
            const { chatId, users } = chats[sent % chats.length] ?? { chatId: '', users: [] };
            const data = { body: `message ${sent}` };
            return fleet.producer.publish({
              type: 'message.send',
              commandId: `m${sent}`,
              actorId: users[sent % 2] ?? '',
              chatId,
              data,
            });
          }),
        );
        await Promise.race([paused, fleet.allAnswered(1_000).catch(() => undefined)]);
      }
      await victim.kill();
      await fleet.allAnsweredAfterAsking();
      say(`${step}: kill ${kill} of ${KILLS}, ${sent} messages sent, all answered`);
    }
    return await fleet.ledger.close(fleet.databaseUrl);
  } finally {
    await fleet.close();
  }
}

describe('A worker killed with SIGKILL', function () {
  this.timeout(60_000 + KILLS * 60_000);

  it(`before the commit, after the commit, and before the acknowledgement, ${KILLS} times each, loses, doubles and reorders nothing`, async () => {
    const steps = ['decided', 'committed', 'acknowledging'];
    const verdicts = await Promise.all(steps.map(killRepeatedly));
    verdicts.forEach((verdict, index) => {
      const counts = Object.entries(verdict).map(([name, count]) => `${name} ${count}`);
      const ledger = faultsOf(verdict).length === 0 ? 'the ledger is closed' : 'the ledger is NOT closed';
      say(`${steps[index]}: killed ${KILLS} times, ${ledger}: ${counts.join(', ')}`);
    });
    verdicts.forEach((verdict, index) => {
      expect(faultsOf(verdict), `${steps[index]}: ${JSON.stringify(verdict)}`).to.deep.equal([]);
      expect(verdict.attempted).to.be.greaterThan(KILLS * 10);
      expect(verdict.receipted).to.equal(verdict.attempted);
    });
  });
});
