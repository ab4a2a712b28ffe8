import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import {
  declareObjects,
  onChannel,
  TopologyFault,
} from '../../../src/adapters/transports/amqp/topology/declare-topology.js';
import { names, type Topology, topology } from '../../../src/contract/messages/topology.js';
import { command } from '../../conformance/transport/transport-conformance.js';
import { eventually } from '../../support/eventually.js';
import { rabbitmq, uniqueNamespace } from '../../support/services/services.js';
import { amqpTransport, declareAll, Outsider, topologySettings } from './amqp-harness.js';

/** The default delivery limit of RabbitMQ 4 for quorum queues. */
const BROKERS_OWN_LIMIT = 20;

const OTHERWISE = 'delete it once it is empty, or choose another CHAT_NAMESPACE, and start again';

describe("the broker's objects", () => {
  let outsider: Outsider;
  let namespace: string;
  const settings = () => topologySettings(namespace, 3);

  beforeEach(async () => {
    namespace = uniqueNamespace();
    outsider = await Outsider.connect((await rabbitmq()).url);
  });
  afterEach(() => outsider.close());

  const faultOf = (declared: Promise<unknown>) =>
    declared.then(
      () => expect.fail('was declared'),
      (error: unknown) => {
        expect(error).to.be.instanceOf(TopologyFault);
        return (error as Error).message;
      },
    );

  it('are declared if missing, and declaring them again changes nothing', async () => {
    await declareAll(outsider.model, settings());
    await outsider.publish(names.commands(namespace), 'some-chat', Buffer.from('x'), { mandatory: true });
    await declareAll(outsider.model, settings());
    const counts = await Promise.all(
      [0, 1, 2].map((partition) => outsider.channel.checkQueue(names.commandQueue(namespace, partition))),
    );
    expect(counts.reduce((sum, { messageCount }) => sum + messageCount, 0)).to.equal(1);
    await outsider.deleteObjects(settings());
  });

  it('that differ on the broker are reported with argument, actual and expected value', async () => {
    const args = { ...topology(settings()).queues[2]?.arguments, 'x-delivery-limit': 5 };
    await outsider.channel.assertQueue(names.commandQueue(namespace, 1), { durable: true, arguments: args });
    expect(await faultOf(declareAll(outsider.model, settings()))).to.equal(
      `queue ${namespace}.commands.p1: x-delivery-limit should be 1000000, but the broker has 5; ${OTHERWISE}`,
    );
    await outsider.deleteObjects(settings());
  });

  it('keep events and dead letters after any number of requeues', async () => {
    await declareAll(outsider.model, settings());
    const queues = [`${namespace}.dispatch`, names.deadLetters(namespace)];
    for (const queue of queues) await outsider.publish('', queue, Buffer.from('kept'), { persistent: true });
    for (let time = 0; time <= BROKERS_OWN_LIMIT; time += 1)
      await onChannel(outsider.model, async (channel) => {
        for (const queue of queues)
          await eventually(() => channel.get(queue), { within: 10_000, what: `the message of ${queue}, time ${time}` });
      });
    const left = await Promise.all(queues.map((queue) => outsider.take(queue, 1)));
    expect(left.flat()).to.have.length(2);
    await outsider.deleteObjects(settings());
  });

  it("dead-letter an expired command, with RabbitMQ's headers", async () => {
    await declareAll(outsider.model, settings());
    const { body, routingKey } = command('c1', randomUUID());
    const properties = { mandatory: true, persistent: true, messageId: 'c1', expiration: '1' };
    await outsider.publish(names.commands(namespace), routingKey, body, properties);
    const [expired] = await outsider.take(names.deadLetters(namespace), 1);
    expect(expired?.content).to.deep.equal(body);
    expect(expired?.properties).to.include({ messageId: 'c1', expiration: undefined });
    const [death, ...more] = expired?.properties.headers?.['x-death'] ?? [];
    expect(death).to.deep.include({ reason: 'expired', count: 1, 'original-expiration': '1' });
    expect(death?.queue).to.match(new RegExp(`^${namespace}\\.commands\\.p[012]$`));
    expect(more).to.deep.equal([]);
    await outsider.deleteObjects(settings());
  });

  it('a dispatch queue with another bound is reported with a remedy', async () => {
    const [queue = ''] = settings().dispatchQueues.map(({ name }) => name);
    const quorum = { 'x-queue-type': 'quorum', 'x-overflow': 'reject-publish' };
    const bound = { ...quorum, 'x-max-length-bytes': 1_048_576 };
    await outsider.channel.assertQueue(queue, { durable: true, arguments: bound });
    const deleting = `delete the queue once its consumers have emptied it (rabbitmqctl delete_queue ${queue}), and start again`;
    const { dispatchMaxBytes } = settings();
    expect(await faultOf(declareAll(outsider.model, settings()))).to.equal(
      `queue ${queue}: x-max-length-bytes should be ${dispatchMaxBytes}, but the broker has 1048576; DISPATCH_MAX_BYTES=1048576B leaves it as it is; to change it, ${deleting}`,
    );
    await outsider.channel.deleteQueue(queue);
    await outsider.channel.assertQueue(queue, { durable: true, arguments: quorum });
    expect(await faultOf(declareAll(outsider.model, settings()))).to.equal(
      `queue ${queue}: x-max-length-bytes should be ${dispatchMaxBytes}, but the broker has none; ${deleting}`,
    );
    await outsider.deleteObjects(settings());
  });

  it('an exchange of another type, or one that is not durable, is reported too', async () => {
    await outsider.channel.assertExchange(names.events(namespace), 'direct');
    expect(await faultOf(declareAll(outsider.model, settings()))).to.equal(
      `exchange ${namespace}.events: type should be topic, but the broker has direct; ${OTHERWISE}`,
    );
    await outsider.channel.deleteExchange(names.events(namespace));
    await outsider.channel.assertExchange(names.events(namespace), 'topic', { durable: false });
    expect(await faultOf(declareAll(outsider.model, settings()))).to.equal(
      `exchange ${namespace}.events: durable should be true, but the broker has false; ${OTHERWISE}`,
    );
    await outsider.deleteObjects(settings());
  });

  it('an unknown exchange type is an error that names the plugin', async () => {
    const declared = topology(settings());
    const exchanges = declared.exchanges.map((exchange) =>
      exchange.type === 'topic' ? { ...exchange, type: 'x-no-such-type' } : exchange,
    );
    const message = await faultOf(declareObjects(outsider.model, { ...declared, exchanges } as unknown as Topology));
    expect(message).to.equal(
      `exchange ${namespace}.commands: the broker knows no exchange type x-no-such-type; enable its plugin rabbitmq_consistent_hash_exchange`,
    );
    await outsider.close().catch(() => undefined); // up to RabbitMQ 3.x that ends the connection
    outsider = await Outsider.connect((await rabbitmq()).url);
  });

  it('that differ prevent the start of a transport', async () => {
    await outsider.channel.assertQueue(names.deadLetters(namespace), { durable: true });
    const { transport, topology: wanted } = await amqpTransport({ namespace, partitions: 3 });
    const message = await faultOf(transport.start());
    const wantedType = `queue ${namespace}.dead-letters: x-queue-type should be quorum`;
    // RabbitMQ 3.x does not report the default type of a queue.
    expect(message).to.be.oneOf(
      ['none', 'classic'].map((found) => `${wantedType}, but the broker has ${found}; ${OTHERWISE}`),
    );
    await transport.stop();
    await outsider.deleteObjects(wanted);
  });

  it('are not declared by a process that only publishes', async () => {
    const { transport } = await amqpTransport({ namespace, partitions: 3, state: null });
    await transport.start();
    expect(transport.health()).to.deep.equal({ ok: true, detail: 'connected' });
    const missing = await outsider.channel
      .checkExchange(names.commands(namespace))
      .catch((error: { code?: number }) => error.code);
    expect(missing).to.equal(404);
    const refused = await transport.source
      .subscribe(0, 1, { onDelivery: () => undefined, onLost: () => undefined })
      .catch((error: Error) => error.message);
    expect(refused).to.equal('this process does not consume');
    await transport.stop();
  });
});
