import amqp from 'amqplib';
import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { Fleet } from '../support/fleet/fleet.js';
import { faultsOf } from '../support/fleet/ledger.js';
import type { TestProcess } from '../support/fleet/processes.js';
import { uniqueNamespace } from '../support/services/services.js';
import { SteadyLoad } from './steady-load.js';

const within = 20_000;
const PARTITIONS = 2;

describe('A worker that is started and stopped', function () {
  this.timeout(90_000);
  let fleet: Fleet;
  let worker: TestProcess;

  before(async () => {
    fleet = await Fleet.create({ partitions: PARTITIONS, keepEvents: false });
    worker = await fleet.startWorker();
    await worker.ready();
    await fleet.connect();
  });
  after(() => fleet?.close());

  async function exists(queue: string): Promise<boolean> {
    const connection = await amqp.connect(fleet.amqpUrl);
    try {
      const channel = await connection.createChannel();
      channel.on('error', () => undefined); // it says that there is no such queue, as the call does
      return await channel.checkQueue(queue).then(
        () => true,
        () => false,
      );
    } finally {
      await connection.close();
    }
  }

  async function expectRefusedStart(env: Record<string, string>, line: string, undeclared: string): Promise<void> {
    const misled = await fleet.startWorker(env);
    expect(await misled.ended).to.deep.equal({ code: 1, signal: null });
    expect(misled.output.split('\n').filter((said) => said.includes(line))).to.have.length(1);
    expect(await exists(undeclared), `${undeclared} was declared`).to.equal(false);
    expect(await exists(`${fleet.namespace}.commands.p0`), 'the right ones are there').to.equal(true);
  }

  it('with another number of partitions on the same database reports it in one line, exits with 1, and declares nothing', () =>
    expectRefusedStart(
      { COMMAND_PARTITIONS: '3' },
      'COMMAND_PARTITIONS is 3, but this database was first started with 2',
      `${fleet.namespace}.commands.p2`,
    ));

  it('with another namespace reports it too', () => {
    const other = uniqueNamespace();
    return expectRefusedStart(
      { CHAT_NAMESPACE: other },
      `CHAT_NAMESPACE is ${other}, but this database was first started with ${fleet.namespace}`,
      `${other}.commands.p0`,
    );
  });

  it('by SIGTERM under load exits with 0 and loses nothing: the next one continues', async () => {
    const chats = await Promise.all(Array.from({ length: 8 }, () => fleet.createGroup(1)));
    const load = new SteadyLoad(fleet, 'load', chats);
    for (let restart = 1; restart <= 2; restart += 1) {
      const enough = load.sent + 150;
      await eventually(() => load.sent > enough, { within, what: 'load' });
      expect(await worker.stop()).to.deep.equal({ code: 0, signal: null });
      expect(await fleet.ownership(), 'it gave everything back').to.deep.equal(new Map([[null, PARTITIONS]]));
      worker = await fleet.startWorker();
      await worker.ready();
    }
    await load.stop();
    // A graceful shutdown loses no receipt: producers need not repeat commands.
    await fleet.allAnswered();
    const verdict = await fleet.ledger.close(fleet.databaseUrl);
    expect(faultsOf(verdict), JSON.stringify(verdict)).to.deep.equal([]);
    expect(verdict.receipted).to.equal(verdict.attempted);
  });
});
