import { expect } from 'chai';
import { findRabbitmq, type RabbitmqNode, startRabbitmq } from '../../src/infrastructure/embedded/rabbitmq-node.js';
import { onChannel } from '../support/broker/broker-session.js';
import { eventually } from '../support/eventually.js';
import { Fleet } from '../support/fleet/fleet.js';
import { faultsOf } from '../support/fleet/ledger.js';
import type { TestProcess } from '../support/fleet/processes.js';
import { rabbitmq, scratchFolder } from '../support/services/services.js';
import { SteadyLoad } from './steady-load.js';

const within = 30_000;

describe('A worker whose broker is restarted under load', function () {
  this.timeout(120_000);
  let folder: string;
  let node: RabbitmqNode;
  let fleet: Fleet;
  let worker: TestProcess;

  before(async function () {
    await rabbitmq(); // installs the program where that is allowed
    if (findRabbitmq() === undefined) this.skip(); // TEST_AMQP_URL names a broker that is not ours to restart
    folder = scratchFolder('restarted-broker');
    node = await startRabbitmq({ folder, port: 0 });
    fleet = await Fleet.create({ partitions: 8, amqpUrl: node.url, keepEvents: false });
    worker = await fleet.startWorker();
    await worker.ready();
    await fleet.connect();
  });
  after(async () => {
    await fleet?.close();
    await node?.kill();
  });

  it('reconnects, restores the hash ring, and loses, doubles and reorders nothing', async () => {
    const chats = await Promise.all(Array.from({ length: 24 }, () => fleet.createGroup(1)));
    const load = new SteadyLoad(fleet, 'load', chats);
    await eventually(() => load.sent > 200, { within, what: 'load' });
    await node.stop();
    await eventually(async () => (await fetch(`${worker.opsUrl}/readyz`)).status === 503, {
      within,
      what: 'it says that it is not ready',
    });

    // Producers reconnect as fast as the workers: commands published before the lost ring is repaired may reach any
    // queue.
    node = await startRabbitmq({ folder, port: node.port });
    await worker.ready();
    // Khepri, RabbitMQ 4's metadata store, has kept the ring; after Mnesia it is repaired. At the first start it was
    // "new".
    await worker.line(/"ring":"(?:repaired|in order)"/);
    const sentBefore = load.sent;
    await eventually(() => load.sent > sentBefore + 200, { within, what: 'load after the restart' });
    await load.stop();
    await fleet.allAnsweredAfterAsking();
    const verdict = await fleet.ledger.close(fleet.databaseUrl);
    expect(faultsOf(verdict), JSON.stringify(verdict)).to.deep.equal([]);
    expect(verdict.receipted).to.equal(verdict.attempted);
    expect(await deadLetters(), 'nothing was misrouted').to.equal(0);
    expect(worker.running).to.equal(true);
  });

  async function deadLetters(): Promise<number> {
    const queue = `${fleet.namespace}.dead-letters`;
    return (await onChannel(node.url, (channel) => channel.checkQueue(queue))).messageCount;
  }
});
