import { connect } from 'amqplib';
import { expect } from 'chai';
import { names } from '../../src/contract/messages/topology.js';
import { cli } from '../integration/main/cli/run-cli.js';
import { eventually } from '../support/eventually.js';
import { Fleet } from '../support/fleet/fleet.js';
import { faultsOf } from '../support/fleet/ledger.js';
import type { TestProcess } from '../support/fleet/processes.js';

const within = 20_000;
/** Several times the bytes that the worker has in flight before RabbitMQ 4 tells it that the queue is full. */
const MESSAGES = 1600;

describe('A dispatch queue that is full because its consumer stopped', function () {
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

  it('makes events wait in the log, which /readyz reports, and gets all of them in order afterwards', async () => {
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
    // Commands are answered anyway: a commit does not depend on dispatch.
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
    const { namespace } = fleet;
    const remedy = await eventually(
      async () => {
        const text = await (await fetch(`${worker.opsUrl}/readyz`)).text();
        return text.includes('is full') ? text : undefined;
      },
      { within, what: 'the worker names the queue' },
    );
    expect(remedy).to.match(
      new RegExp(`queue ${namespace}\\.dispatch is full: \\d+ events wait in it, and nobody consumes it`),
    );
    expect(remedy)
      .to.include(`parley topology --unbind ${namespace}.dispatch`)
      .and.to.include('DISPATCH_QUEUES')
      .and.to.include('DISPATCH_MAX_BYTES');
    await worker.line(new RegExp(`queue ${namespace}\\.dispatch is full.*events not taken`));
    const [waiting] = await fleet.query<{ events: number }>(
      `SELECT count(*)::int AS events FROM chat_events e JOIN partitions p USING (partition)
       WHERE e.position > p.published_through`,
    );
    // How many events the queue accepts beyond its limit depends on the load of the broker.
    expect(waiting?.events).to.be.greaterThan(0);

    await fleet.producer.close();
    await fleet.connect();
    const verdict = await fleet.ledger.close(fleet.databaseUrl);
    expect(faultsOf(verdict), JSON.stringify(verdict)).to.deep.equal([]);
    expect(verdict.dispatched).to.equal(MESSAGES + chats.length);
    await worker.ready();
  });

  it('delays nothing after it is unbound with the command that /readyz names', async () => {
    const { chatId, users } = await fleet.createGroup(1);
    await fleet.dispatch.close();
    const send = (index: number) => {
      const command = { type: 'message.send', commandId: `u${index}`, actorId: users[0] ?? '', chatId };
      return fleet.producer.publish({ ...command, data: { body: 'x'.repeat(1_000) } });
    };
    // Another queue is bound, because events also wait without any queue.
    const connection = await connect(fleet.amqpUrl);
    const channel = await connection.createChannel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, names.events(fleet.namespace), '#');
    try {
      await Promise.all(Array.from({ length: MESSAGES }, (_, index) => send(index)));
      await fleet.allAnswered();
      const isReady = async () => (await fetch(`${worker.opsUrl}/readyz`)).status === 200;
      await eventually(async () => !(await isReady()), { within, what: 'events are refused again' });
      const unbound = await cli(['topology', '--unbind', `${fleet.namespace}.dispatch`], fleet.env);
      expect(unbound, unbound.stderr.join('\n')).to.deep.include({ code: 0, stderr: [] });
      expect(unbound.stdout.join('\n')).to.include('the queue keeps its').and.to.include('DISPATCH_QUEUES');
      await eventually(isReady, { within, what: 'events go out without it' });
      await eventually(async () => (await channel.checkQueue(queue)).messageCount >= MESSAGES, {
        within,
        what: 'all events in the other queue',
      });
    } finally {
      await connection.close();
    }
  });
});
