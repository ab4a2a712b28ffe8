import { expect } from 'chai';
import { Fleet } from '../support/fleet/fleet.js';
import { faultsOf, type Verdict } from '../support/fleet/ledger.js';

/** The number of kills at each of the three failpoints. `npm run proof -- kills` makes thirty. */
const KILLS = Number(process.env.PARLEY_KILLS ?? '1');
const BURST = 16;
/** A generous limit for a new worker to get its share and a batch. */
const PAUSED_WITHIN_MS = 60_000;

/** The proof is slow: it prints its progress and results. */
function say(line: string): void {
  if (process.env.PARLEY_KILLS !== undefined) console.log(`    ${line}`);
}

/**
 * A steady worker runs. Repeatedly another worker joins, gets its share, blocks at the failpoint in one of its first
 * batches, and is killed; the steady worker takes over its partitions.
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
