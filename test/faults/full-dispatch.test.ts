import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { Fleet } from '../support/fleet.js';
import { faultsOf } from '../support/ledger.js';
import type { TestProcess } from '../support/processes.js';

const within = 20_000;
const MESSAGES = 400;

describe('A dispatch queue that is full because its consumer has stopped', function () {
  this.timeout(60_000);
  let fleet: Fleet;
  let worker: TestProcess;

  before(async () => {
    fleet = await Fleet.create({ partitions: 2, env: { DISPATCH_MAX_BYTES: '64KiB' } });
    worker = await fleet.startWorker();
    await worker.ready();
    await fleet.connect();
  });
  after(() => fleet?.close());

  it('makes events wait in the log, as /readyz says, and gets all of them in order afterwards', async () => {
    const chats = await Promise.all([fleet.createGroup(1), fleet.createGroup(1), fleet.createGroup(1)]);
    await fleet.dispatch.close();
    const filler = 'x'.repeat(300);
    await Promise.all(
      Array.from({ length: MESSAGES }, (_, index) => {
        const { chatId, users } = chats[index % chats.length] ?? { chatId: '', users: [] };
        const command = { type: 'message.send', commandId: `m${index}`, actorId: users[0] ?? '', chatId };
        return fleet.producer.publish({ ...command, data: { body: `${index} ${filler}` } });
      }),
    );
    // Commands are answered all the same: what is committed does not depend on who dispatches it.
    await fleet.allAnswered();
    const unready = await eventually(
      async () => {
        const response = await fetch(`${worker.opsUrl}/readyz`);
        const text = await response.text();
        return response.status === 503 && text.includes('refused') ? text : undefined;
      },
      { within, what: 'the worker says that events are refused' },
    );
    expect(unready).to.match(/partition \d: \d+ events refused/);
    const [waiting] = await fleet.query<{ events: number }>(
      `SELECT count(*)::int AS events FROM chat_events e JOIN partitions p USING (partition)
       WHERE e.position > p.published_through`,
    );
    // How many the queue takes beyond its bound before it says no is a matter of how busy the broker is.
    expect(waiting?.events).to.be.greaterThan(0);

    await fleet.producer.close();
    await fleet.connect();
    const verdict = await fleet.ledger.close(fleet.databaseUrl);
    expect(faultsOf(verdict), JSON.stringify(verdict)).to.deep.equal([]);
    expect(verdict.dispatched).to.equal(MESSAGES + chats.length);
    await worker.ready();
  });
});
