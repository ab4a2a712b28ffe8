import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MemoryTransportState } from '../../../src/adapters/stores/memory/memory-transport-state.js';
import type { AmqpTransport } from '../../../src/adapters/transports/amqp/amqp-transport.js';
import { isRingMarked, ringSeenBy } from '../../../src/adapters/transports/amqp/topology/hash-ring.js';
import type { OutgoingEvent, PublishOutcome } from '../../../src/application/ports/transport/transport.js';
import { names } from '../../../src/contract/messages/topology.js';
import { findRabbitmq, type RabbitmqNode, startRabbitmq } from '../../../src/infrastructure/embedded/rabbitmq-node.js';
import { command, Taker } from '../../conformance/transport/transport-conformance.js';
import { eventually } from '../../support/eventually.js';
import { rabbitmq, scratchFolder, uniqueNamespace } from '../../support/services/services.js';
import { amqpTransport, Outsider, repairsOf } from './amqp-harness.js';

const PARTITIONS = 8;
const within = 30_000;

describe('a full restart of RabbitMQ', function () {
  this.timeout(120_000);
  let folder: string;
  let node: RabbitmqNode;
  let running: AmqpTransport[] = [];

  before(async function () {
    await rabbitmq(); // installs the program where that is allowed
    if (findRabbitmq() === undefined) this.skip(); // TEST_AMQP_URL names a broker that is not ours to restart
    folder = scratchFolder('restarted-rabbitmq');
    node = await startRabbitmq({ folder, port: 0 });
  });
  after(() => node?.kill());
  afterEach(async () => {
    await Promise.all(running.map((transport) => transport.stop()));
    running = [];
  });

  // In good order: a node of 3.10 that is killed within half a second of a queue's declaration never serves that queue
  // again.
  /**
   * Returns how many ring repairs that calls for: the metadata store Khepri keeps the ring, and with it the sign;
   * Mnesia loses both.
   */
  const restart = async (namespace: string) => {
    await node.stop();
    node = await startRabbitmq({ folder, port: node.port });
    const outsider = await Outsider.connect(node.url);
    const isInOrder = await isRingMarked(outsider.model, namespace);
    await outsider.close();
    return isInOrder ? 0 : 1;
  };
  const start = async (settings: Parameters<typeof amqpTransport>[0]) => {
    const made = await amqpTransport({ url: node.url, partitions: PARTITIONS, ...settings });
    running.push(made.transport);
    await made.transport.start();
    return made;
  };

  /** Publishes one command for each chat, and returns its partition. */
  const homesOf = async (transport: AmqpTransport, namespace: string, chats: readonly string[]) => {
    const takers = Array.from({ length: PARTITIONS }, () => new Taker());
    const subscriptions = await Promise.all(
      takers.map((taker, partition) => transport.source.subscribe(partition, 500, taker)),
    );
    const outsider = await Outsider.connect(node.url);
    for (const chat of chats) {
      const { body, routingKey } = command('c', chat);
      await outsider.publish(names.commands(namespace), routingKey, body, { mandatory: true });
    }
    const all = () => takers.flatMap(({ deliveries }) => deliveries);
    await eventually(() => all().length >= chats.length, { within, what: 'every command' });
    const homes = new Map<string, number>();
    for (const [partition, { deliveries }] of takers.entries())
      for (const { incoming } of deliveries) homes.set(incoming.routingKey, partition);
    for (const [partition, { deliveries }] of takers.entries())
      subscriptions[partition]?.acknowledgeThrough(deliveries.at(-1)?.tag ?? 0);
    await Promise.all(subscriptions.map((subscription) => subscription.close()));
    await outsider.close();
    return { homes, misplaced: all().filter(({ mayBeMisplaced }) => mayBeMisplaced) };
  };

  it('keeps every chat at its partition: if the ring was lost, one of several workers repairs it and marks every queue', async () => {
    const namespace = uniqueNamespace();
    const state = new MemoryTransportState();
    const chats = Array.from({ length: 200 }, () => randomUUID());
    const { transport } = await start({ namespace, state });
    expect(await repairsOf(state)).to.equal(0); // all new: in order as it was made
    const before = await homesOf(transport, namespace, chats);
    expect(before.misplaced).to.deep.equal([]);
    expect(new Set(before.homes.values()).size).to.equal(PARTITIONS);
    await transport.stop();
    running = [];

    const repairs = await restart(namespace);
    const [one, two] = await Promise.all([start({ namespace, state }), start({ namespace, state })]);
    expect(await repairsOf(state)).to.equal(repairs);
    expect([one, two].map(({ transport: { counters } }) => counters.routingRepairs).sort()).to.deep.equal([0, repairs]);
    const after = await homesOf(one.transport, namespace, chats);
    expect(after.homes).to.deep.equal(before.homes);
    // No command was published before the repair was done, so each marker is the first in its queue.
    expect(after.misplaced).to.deep.equal([]);
    expect(await state.read(Array.from({ length: PARTITIONS }, (_, partition) => ringSeenBy(partition)))).to.deep.equal(
      Array.from({ length: PARTITIONS }, () => repairs),
    );

    const { transport: late } = await start({ namespace, state });
    expect(await repairsOf(state)).to.equal(repairs);
    expect((await homesOf(late, namespace, chats)).homes).to.deep.equal(before.homes);
  });

  it('is survived: subscriptions and events in flight are reported lost, and everything works again', async () => {
    const { transport, namespace, log } = await start({ partitions: 2 });
    let ready = 0;
    transport.onReady(() => {
      ready += 1;
    });
    const taker = new Taker();
    const subscription = await transport.source.subscribe(0, 10, taker);
    const channel = await transport.sink.openChannel();
    const confirmed = await outcomeOf((settled) => channel.publish(event('e1'), settled));
    expect(confirmed).to.equal('confirmed');

    await node.stop();
    await eventually(() => taker.losses.length > 0, { within, what: 'the loss of the subscription' });
    expect(transport.health().ok).to.equal(false);
    expect(await outcomeOf((settled) => channel.publish(event('e2'), settled))).to.equal('lost');
    await channel.writable();
    const refused = await transport.source.subscribe(0, 10, new Taker()).catch((error: Error) => error.name);
    expect(refused).to.equal('ConnectionAway');
    const request = { type: 'message.send', commandId: 'c1', routingKey: 'key', body: Buffer.from('{}') };
    const closed = await transport.gateway
      .request({ ...request, authorization: null, traceparent: null, tracestate: null }, 100)
      .catch((error: Error) => error.name);
    expect(closed).to.equal('CommandUnavailable');
    subscription.acknowledgeThrough(1); // does nothing, harms nothing
    await subscription.close();

    node = await startRabbitmq({ folder, port: node.port });
    await eventually(() => ready === 1 && transport.health().ok, { within, what: 'the return of the transport' });
    expect(taker.losses).to.have.length(1);
    expect(transport.counters.subscriptionsLost).to.equal(1);
    const outsider = await Outsider.connect(node.url);
    const again = new Taker();
    await transport.source.subscribe(0, 10, again);
    const { body } = command('c2', randomUUID());
    await outsider.publish('', names.commandQueue(namespace, 0), body);
    await eventually(() => again.deliveries.length > 0, { within, what: 'a command' });
    expect(again.deliveries).to.have.length(1);
    const renewed = await transport.sink.openChannel();
    // A queue that has just come up refuses for a moment, until it has a leader.
    const isConfirmed = async () =>
      (await outcomeOf((settled) => renewed.publish(event('e3'), settled))) === 'confirmed';
    await eventually(isConfirmed, { within, what: 'a confirm' });
    const kept = await outsider.take(`${namespace}.dispatch`, 2);
    expect(kept.map(({ properties }) => properties.messageId)).to.deep.equal(['e1', 'e3']);
    await outsider.close();
    expect(log.lines.join()).not.to.contain('guest:guest');
  });
});

function outcomeOf(publish: (settled: (outcome: PublishOutcome) => void) => void): Promise<PublishOutcome> {
  return new Promise((resolve) => publish(resolve));
}

function event(id: string): OutgoingEvent {
  const trace = { traceparent: null, tracestate: null, timestamp: 1_795_205_700 };
  return {
    id,
    type: 'message.created',
    routingKey: 'message.created.default.c',
    partitionKey: 'c',
    ...trace,
    body: Buffer.from('{}'),
  };
}
