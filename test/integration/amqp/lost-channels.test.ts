import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MemoryTransportState } from '../../../src/adapters/stores/memory/memory-transport-state.js';
import type { AmqpTransport } from '../../../src/adapters/transports/amqp/amqp-transport.js';
import { CHANNEL_OPEN_TIMEOUT_MS } from '../../../src/adapters/transports/amqp/publish/lazy-channel.js';
import {
  CommandUnavailable,
  type Delivery,
  type OutgoingCommand,
  type OutgoingEvent,
} from '../../../src/application/ports/transport/transport.js';
import { names, type TopologySettings } from '../../../src/contract/messages/topology.js';
import { freePort } from '../../../src/infrastructure/free-port.js';
import { command, Taker } from '../../conformance/transport/transport-conformance.js';
import { Wire } from '../../support/broker/wire.js';
import { eventually } from '../../support/eventually.js';
import { rabbitmq } from '../../support/services/services.js';
import { amqpTransport, Outsider, repairsOf } from './amqp-harness.js';

const within = 15_000;

describe('the transport on RabbitMQ, when an object is lost', () => {
  let transport: AmqpTransport;
  let namespace: string;
  let topology: TopologySettings;
  let outsider: Outsider;
  let state: MemoryTransportState;

  beforeEach(async () => {
    state = new MemoryTransportState();
    const made = await amqpTransport({ partitions: 3, state });
    ({ transport, namespace, topology } = made);
    await transport.start();
    outsider = await Outsider.connect(made.url);
  });
  afterEach(async () => {
    await transport.stop();
    await outsider.deleteObjects(topology);
    await outsider.close();
  });

  it('a queue: its subscription is lost, the queue is declared again, and every chat keeps its partition', async () => {
    const chats = Array.from({ length: 60 }, () => randomUUID());
    const homes = async () => {
      const takers = Array.from({ length: 3 }, () => new Taker());
      const open = await Promise.all(
        takers.map((taker, partition) => transport.source.subscribe(partition, 200, taker)),
      );
      for (const chat of chats) {
        const { body, routingKey } = command('c', chat);
        await outsider.publish(names.commands(namespace), routingKey, body, { mandatory: true });
      }
      const commands = () => takers.map(({ deliveries }) => deliveries);
      await eventually(() => commands().flat().length === chats.length, { within, what: 'every command' });
      for (const [partition, { deliveries }] of takers.entries())
        open[partition]?.acknowledgeThrough(deliveries.at(-1)?.tag ?? 0);
      await Promise.all(open.map((subscription) => subscription.close()));
      return commands().map((of) => of.map(({ incoming }) => incoming.routingKey));
    };
    const before = await homes();

    const taker = new Taker();
    await transport.source.subscribe(1, 10, taker);
    await outsider.channel.deleteQueue(names.commandQueue(namespace, 1));
    await eventually(() => taker.losses.length > 0, { within, what: 'the loss of the subscription' });
    expect(taker.losses[0]?.message).to.contain(`cancelled the consumer of ${namespace}.commands.p1`);
    const refused = await transport.source
      .subscribe(1, 10, new Taker())
      .catch((error: { code?: number }) => error.code);
    expect(refused).to.equal(404);

    await eventually(() => transport.health().ok, { within, what: 'the repair' });
    expect(await repairsOf(state)).to.equal(1); // without it the queue, bound last, would have got another's chats
    expect(await homes()).to.deep.equal(before);
    expect(taker.losses).to.have.length(1);
  });

  it('the broker: when one connection reaches it again, all others reconnect without the rest of their pauses', async () => {
    const wire = new Wire(await freePort(), (await rabbitmq()).url);
    await wire.join();
    let drawn = 0;
    // One pause each, when the broker goes. Of the two that follow one is short, and the other would last for minutes.
    const random = () => {
      drawn += 1;
      return drawn === 3 ? 1_000 : 0.5;
    };
    const { transport: returning } = await amqpTransport({ url: wire.url, namespace, partitions: 3, state, random });
    await returning.start();
    await wire.cut();
    await eventually(() => drawn > 3, { within, what: 'one of the two waits' });
    await wire.join();
    await eventually(() => returning.health().ok, { within, what: 'the return of the transport' });
    await returning.stop();
    await wire.cut();
  });

  it("a channel, by our own error: its subscription is lost once, with the broker's reason", async () => {
    const taker = new Taker();
    await transport.source.subscribe(0, 10, taker);
    const other = new Taker(() => {
      throw new Error('a handler that breaks its promise');
    });
    await transport.source.subscribe(1, 10, other);
    for (let count = 0; count < 20; count += 1) {
      const { body, routingKey } = command('c', randomUUID());
      await outsider.publish(names.commands(namespace), routingKey, body);
    }
    await eventually(() => other.losses.length > 0, { within, what: 'the loss' });
    expect(other.losses.map(({ message }) => message)).to.deep.equal(['a handler that breaks its promise']);
    expect(other.deliveries).to.have.length(1);
    expect(taker.losses).to.deep.equal([]);
    const again = new Taker();
    await transport.source.subscribe(1, 100, again);
    await eventually(() => again.deliveries.length > 0, { within, what: 'what was given back' });
    expect(again.deliveries[0]?.deliveryCount).to.equal(1);
  });

  it('the exchange of events: each event in flight is reported as lost', async () => {
    await outsider.channel.deleteExchange(names.events(namespace));
    const channel = await transport.sink.openChannel();
    const outcomes: string[] = [];
    for (let sequence = 1; sequence <= 5; sequence += 1)
      channel.publish(event(sequence), (outcome) => outcomes.push(outcome));
    await eventually(() => outcomes.length === 5, { within, what: 'every outcome' });
    expect(outcomes).to.deep.equal(new Array(5).fill('lost'));
    channel.publish(event(6), (outcome) => outcomes.push(outcome));
    await eventually(() => outcomes.length === 6, { within, what: 'the outcome' });
    expect(outcomes[5]).to.equal('lost');
  });

  it('an event is published once, with the properties of the contract', async () => {
    const channel = await transport.sink.openChannel();
    await new Promise((resolve) => channel.publish({ ...event(1), traceparent: 'tp', tracestate: 'ts' }, resolve));
    const [message] = await outsider.take(`${namespace}.dispatch`, 1);
    expect(message?.fields.routingKey).to.equal('message.created.default.chat');
    expect(message?.properties).to.include({
      messageId: 'chat/1',
      type: 'message.created',
      contentType: 'application/cloudevents+json',
      deliveryMode: 2,
      timestamp: 1_795_205_700,
    });
    expect(message?.properties.headers).to.deep.equal({ 'chat-id': 'chat', traceparent: 'tp', tracestate: 'ts' });
  });

  it('an event that cannot be encoded is refused, without affecting others', async () => {
    const channel = await transport.sink.openChannel();
    const outcomes: string[] = [];
    channel.publish({ ...event(1), routingKey: 'k'.repeat(256) }, (outcome) => outcomes.push(`long ${outcome}`));
    channel.publish(event(2), (outcome) => outcomes.push(`good ${outcome}`));
    await eventually(() => outcomes.length === 2, { within, what: 'both outcomes' });
    expect(outcomes).to.have.members(['long refused', 'good confirmed']);
  });

  it('a failing outcome callback has no other effect', async () => {
    const channel = await transport.sink.openChannel();
    const outcomes: string[] = [];
    channel.publish(event(1), () => {
      throw new Error('broken taker');
    });
    channel.publish(event(2), (outcome) => outcomes.push(outcome));
    await eventually(() => outcomes.length === 1, { within, what: 'the next outcome' });
    expect(outcomes).to.deep.equal(['confirmed']);
    expect(transport.health().ok).to.equal(true);
  });

  it('the binding of the exchange for producers: a command without a queue is refused, and so is one that cannot be sent', async () => {
    const closed = (request: Promise<unknown>) =>
      request.then(
        () => expect.fail('was let in'),
        (error: unknown) => {
          expect(error).to.be.instanceOf(CommandUnavailable);
          return (error as Error).message;
        },
      );
    expect(await closed(transport.gateway.request(outgoing('k'.repeat(256)), 1_000))).to.contain('cannot be encoded');
    await outsider.channel.unbindExchange(names.commandsByChat(namespace), names.commands(namespace), '#');
    expect(await closed(transport.gateway.request(outgoing('chat'), 1_000))).to.contain('reached no queue');
    await outsider.channel.deleteExchange(names.commands(namespace));
    expect(await closed(transport.gateway.request(outgoing('chat'), 1_000))).to.contain('lost');
  });

  it('the dead-letter queue: dead-lettering fails, so the command stays in its queue', async () => {
    const taker = new Taker();
    await Promise.all([0, 1, 2].map((partition) => transport.source.subscribe(partition, 10, taker)));
    await outsider.publish(names.commands(namespace), 'chat', Buffer.from('{}'), { mandatory: true });
    await eventually(() => taker.deliveries.length === 1, { within, what: 'the command' });
    const [delivery] = taker.deliveries;
    if (delivery === undefined) throw new Error('unreachable');
    await outsider.channel.deleteQueue(names.deadLetters(namespace));
    const failed = await transport.deadLetters
      .deadLetter(delivery, 'poison', 'x')
      .catch((error: Error) => error.message);
    expect(failed).to.equal(`publishing to queue ${namespace}.dead-letters: returned`);
    const copied = await transport.deadLetters
      .deadLetter({ ...delivery }, 'poison', 'x')
      .catch((error: Error) => error.name);
    expect(copied).to.equal('TypeError');
  });

  it('the answers of the broker: dead-lettering fails within its time limit', async () => {
    const wire = new Wire(await freePort(), (await rabbitmq()).url);
    await wire.join();
    const { transport: mute } = await amqpTransport({ url: wire.url, namespace, partitions: 3, state });
    await mute.start();
    const taker = new Taker();
    await Promise.all([0, 1, 2].map((partition) => mute.source.subscribe(partition, 10, taker)));
    await outsider.publish(names.commands(namespace), 'chat', Buffer.from('{}'), { mandatory: true });
    await eventually(() => taker.deliveries.length === 1, { within, what: 'the command' });
    wire.muffle();
    const began = performance.now();
    const failed = await mute.deadLetters
      .deadLetter(taker.deliveries[0] as Delivery, 'poison', 'x')
      .then(() => 'put away')
      .catch((error: Error) => error.name);
    expect(failed).to.equal('ChannelNotOpened');
    expect(performance.now() - began).to.be.below(2 * CHANNEL_OPEN_TIMEOUT_MS);
    await wire.cut();
    await mute.stop();
  });

  it('waiting commands are counted by partition', async () => {
    for (let count = 0; count < 30; count += 1)
      await outsider.publish(names.commands(namespace), randomUUID(), Buffer.from('{}'), { mandatory: true });
    const total = () => [...transport.queueDepths().values()].reduce((sum, depth) => sum + depth, 0);
    await eventually(() => total() === 30, { within, what: 'the count' });
    expect([...transport.queueDepths().keys()]).to.deep.equal([0, 1, 2]);
  });
});

function outgoing(routingKey: string): OutgoingCommand {
  const body = Buffer.from('{}');
  return { type: 't', commandId: 'c', routingKey, body, authorization: null, traceparent: null, tracestate: null };
}

function event(sequence: number): OutgoingEvent {
  const trace = { traceparent: null, tracestate: null, timestamp: 1_795_205_700 };
  const about = { id: `chat/${sequence}`, type: 'message.created', routingKey: 'message.created.default.chat' };
  return { ...about, ...trace, partitionKey: 'chat', body: Buffer.from(`{"n":${sequence}}`) };
}
