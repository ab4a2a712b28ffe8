import { expect } from 'chai';
import { v4 } from 'uuid';
import { onChannel } from '../../support/broker/broker-session.js';
import { eventually } from '../../support/eventually.js';
import { Dispatch } from '../../support/fleet/dispatch.js';
import { Fleet } from '../../support/fleet/fleet.js';
import { faultsOf } from '../../support/fleet/ledger.js';
import type { TestProcess } from '../../support/fleet/processes.js';
import { Producer } from '../../support/fleet/producer.js';
import { rabbitmqctl } from '../../support/services/rabbitmqctl.js';
import { brokerFolder, rabbitmq, uniqueNamespace } from '../../support/services/services.js';
import { SteadyLoad } from '../steady-load.js';

const within = 30_000;
const ROUNDS = 1;
/** A producer and a dispatch consumer. */
const OURS = 2;

/**
 * Closes connections in the broker. Workers name their connections, the tests do not. Returns the number of closed
 * connections.
 */
const harmOurs = (harm: string) => `
  IsOurs = fun(Connection) ->
    Properties = proplists:get_value(client_properties, rabbit_reader:info(Connection, [client_properties])),
    not lists:keymember(<<"connection_name">>, 1, Properties)
  end,
  Ours = [Connection || Connection <- rabbit_networking:connections(), catch IsOurs(Connection)],
  ${harm},
  length(Ours).`;

const CLOSE = `[rabbit_networking:close_connection(Connection, "planted") || Connection <- Ours]`;
/**
 * As RabbitMQ does by itself where a queue goes while it is in use: the connection is closed with 541, INTERNAL_ERROR.
 */
const CRASH = `
  [exit(Channel, planted) || Channel <- rabbit_channel:list(),
    lists:member(proplists:get_value(connection, rabbit_channel:info(Channel, [connection])), Ours)]`;

describe('The producer and the dispatch consumer of the tests', function () {
  this.timeout(120_000);
  let fleet: Fleet;
  let worker: TestProcess;

  before(async function () {
    if ((await rabbitmq()).node === undefined) this.skip(); // TEST_AMQP_URL names a broker that is not ours to harm
    fleet = await Fleet.create({ partitions: 2, keepEvents: false });
    worker = await fleet.startWorker();
    await worker.ready();
    await fleet.connect();
  });
  after(() => fleet?.close());

  for (const { name, what, harm } of [
    { name: 'closed', what: 'closes their connections', harm: CLOSE },
    { name: 'failed', what: 'fails on their channels', harm: CRASH },
  ])
    it(`reconnect if the broker ${what} during traffic, and the ledger closes`, async () => {
      const chats = await Promise.all(Array.from({ length: 8 }, () => fleet.createGroup(1)));
      const load = new SteadyLoad(fleet, name, chats);
      for (let round = 0; round < ROUNDS; round += 1) {
        const sent = load.sent;
        await eventually(() => load.sent > sent + 100, { within, what: 'load' });
        expect(Number(await rabbitmqctl(brokerFolder(), 'eval', harmOurs(harm)))).to.equal(OURS);
      }
      const sent = load.sent;
      await eventually(() => load.sent > sent + 100, { within, what: 'load after the last harm' });
      await load.stop();
      await fleet.allAnsweredAfterAsking();
      const verdict = await fleet.ledger.close(fleet.databaseUrl);
      expect(faultsOf(verdict), JSON.stringify(verdict)).to.deep.equal([]);
      expect(verdict.receipted).to.equal(verdict.attempted);
      expect(worker.output, 'nobody has harmed the worker').to.not.contain('broker connection lost');
    });

  it('see each refusal of the broker once, and continue', async () => {
    const nowhere = await Producer.connect(fleet.amqpUrl, uniqueNamespace());
    try {
      const command = { type: 'message.send', actorId: 'alice', chatId: v4(), data: { body: 'is anybody there?' } };
      for (const commandId of ['first', 'second']) {
        const refusal = await nowhere.request({ ...command, commandId }, within).catch((error: Error) => error.message);
        expect(refusal).to.match(/NOT_FOUND/);
      }
    } finally {
      await nowhere.close();
    }
  });

  it('get events again from a queue that was deleted and declared again', async () => {
    const queue = `${uniqueNamespace()}.events`;
    const declare = () => onChannel(fleet.amqpUrl, (channel) => channel.assertQueue(queue, { durable: true }));
    const publish = (id: string) =>
      onChannel(fleet.amqpUrl, async (channel) => {
        channel.sendToQueue(queue, Buffer.from(JSON.stringify({ id })));
        await channel.checkQueue(queue); // by when it has arrived
      });
    await declare();
    const dispatch = await Dispatch.connect(fleet.amqpUrl, queue);
    const has = (id: string) =>
      eventually(() => dispatch.events.some((event) => event.id === id), { within, what: `${id} is dispatched` });
    try {
      await publish('before');
      await has('before');
      await onChannel(fleet.amqpUrl, (channel) => channel.deleteQueue(queue));
      await declare();
      await publish('after');
      await has('after');
    } finally {
      await dispatch.close();
      await onChannel(fleet.amqpUrl, (channel) => channel.deleteQueue(queue));
    }
  });
});
