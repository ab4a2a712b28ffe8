import { randomUUID } from 'node:crypto';
import type { Channel } from 'amqplib';
import { expect } from 'chai';
import { MemoryTransportState } from '../../../src/adapters/stores/memory/memory-transport-state.js';
import {
  bindingDeclaration,
  declareInTurn,
  declareObjects,
  exchangeDeclaration,
  exists,
  hashBindings,
  hashExchangeOf,
  TopologyFault,
} from '../../../src/adapters/transports/amqp/topology/declare-topology.js';
import { ensureRing } from '../../../src/adapters/transports/amqp/topology/hash-ring.js';
import { partitionsOfKeys } from '../../../src/adapters/transports/amqp/topology/ring-probe.js';
import type { TransportState } from '../../../src/application/ports/store/transport-state.js';
import { names, type TopologySettings, topology } from '../../../src/contract/messages/topology.js';
import { AmqpConnection } from '../../../src/infrastructure/amqp/amqp-connection.js';
import { Taker } from '../../conformance/transport/transport-conformance.js';
import { collectedLog } from '../../support/collected-log.js';
import { eventually } from '../../support/eventually.js';
import { freshVhost, manage, rabbitmq, uniqueNamespace } from '../../support/services/services.js';
import { amqpTransport, Outsider, repairsOf, topologySettings } from './amqp-harness.js';

const PARTITIONS = 6;

/** The state of a process that got the lock and does nothing with it until `until` resolves. */
function stuckAt(until: Promise<void>): TransportState {
  return { exclusively: (work) => until.then(work), read: async () => [], raise: async () => undefined };
}

describe('the hash ring', () => {
  const chats = Array.from({ length: 120 }, () => randomUUID());
  let outsider: Outsider;
  let made: TopologySettings[] = [];

  beforeEach(async () => {
    outsider = await Outsider.connect((await rabbitmq()).url);
  });
  afterEach(async () => {
    for (const settings of made) await outsider.deleteObjects(settings);
    made = [];
    await outsider.close();
  });

  const namespaceToBe = () => {
    const namespace = uniqueNamespace();
    made.push(topologySettings(namespace, PARTITIONS));
    return namespace;
  };
  /** Publishes a command for each chat, and returns the chats of each partition. */
  const homesIn = async (namespace: string) => {
    for (const chat of chats)
      await outsider.publish(names.commands(namespace), chat, Buffer.from('{}'), { mandatory: true });
    const homes: string[][] = [];
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const queue = names.commandQueue(namespace, partition);
      const { messageCount } = await outsider.channel.checkQueue(queue);
      const messages = await outsider.take(queue, messageCount);
      homes.push(messages.filter(({ fields }) => fields.exchange !== '').map(({ fields }) => fields.routingKey));
    }
    expect(homes.flat()).to.have.length(chats.length);
    return homes;
  };

  it('is the same for one worker and for four that start together on an empty broker', async () => {
    const alone = namespaceToBe();
    const one = await amqpTransport({ namespace: alone, partitions: PARTITIONS });
    await one.transport.start();
    await one.transport.stop();
    const crowded = namespaceToBe();
    const state = new MemoryTransportState();
    const four = await Promise.all(
      [1, 2, 3, 4].map(() => amqpTransport({ namespace: crowded, partitions: PARTITIONS, state })),
    );
    await Promise.all(four.map(({ transport }) => transport.start()));
    await Promise.all(four.map(({ transport }) => transport.stop()));
    expect(await homesIn(crowded)).to.deep.equal(await homesIn(alone));
  });

  it('whose queues were bound in another order is repaired if its marker is missing', async () => {
    const orderly = namespaceToBe();
    const one = await amqpTransport({ namespace: orderly, partitions: PARTITIONS });
    await one.transport.start();
    await one.transport.stop();
    const shuffled = namespaceToBe();
    const state = new MemoryTransportState();
    const two = await amqpTransport({ namespace: shuffled, partitions: PARTITIONS, state });
    await two.transport.start();
    await two.transport.stop();
    for (const { destination, source, routingKey } of hashBindings(topology(two.topology)).reverse()) {
      await outsider.channel.unbindQueue(destination, source, routingKey);
      await outsider.channel.bindQueue(destination, source, routingKey);
    }
    await outsider.channel.deleteExchange(`${shuffled}.ring`);
    expect(await repairsOf(state)).to.equal(0);
    const three = await amqpTransport({ namespace: shuffled, partitions: PARTITIONS, state });
    await three.transport.start();
    await three.transport.stop();
    expect(await repairsOf(state)).to.equal(1);
    expect(await homesIn(shuffled)).to.deep.equal(await homesIn(orderly));
  });

  it('is repaired if a queue was deleted, declared again and bound last by another client', async () => {
    const orderly = namespaceToBe();
    const untouched = await amqpTransport({ namespace: orderly, partitions: PARTITIONS });
    await untouched.transport.start();
    await untouched.transport.stop();
    const namespace = namespaceToBe();
    const state = new MemoryTransportState();
    const one = await amqpTransport({ namespace, partitions: PARTITIONS, state });
    await one.transport.start();
    await one.transport.stop();
    const { queues } = topology(one.topology);
    const [first] = hashBindings(topology(one.topology));
    const deleted = queues.find(({ name }) => name === first?.destination);
    await outsider.channel.deleteQueue(deleted?.name ?? '');
    await outsider.channel.assertQueue(deleted?.name ?? '', { durable: true, arguments: deleted?.arguments });
    await outsider.channel.bindQueue(deleted?.name ?? '', first?.source ?? '', first?.routingKey ?? '');
    expect(await repairsOf(state)).to.equal(0);
    const two = await amqpTransport({ namespace, partitions: PARTITIONS, state });
    await two.transport.start();
    await two.transport.stop();
    expect(await repairsOf(state)).to.equal(1);
    expect(await homesIn(namespace)).to.deep.equal(await homesIn(orderly));
  });

  it('is not marked as in order if a queue was deleted and bound last during the repair', async () => {
    const orderly = namespaceToBe();
    const untouched = await amqpTransport({ namespace: orderly, partitions: PARTITIONS });
    await untouched.transport.start();
    await untouched.transport.stop();
    const namespace = namespaceToBe();
    const state = new MemoryTransportState();
    const one = await amqpTransport({ namespace, partitions: PARTITIONS, state });
    await one.transport.start();
    await one.transport.stop();
    const { queues } = topology(one.topology);
    const [first] = hashBindings(topology(one.topology));
    const queue = first?.destination ?? '';
    await outsider.channel.deleteExchange(`${namespace}.ring`);
    let isDeleted = false;
    // Markers are published once all queues are bound in order.
    const publish = async () => {
      if (isDeleted) return;
      isDeleted = true;
      await outsider.channel.deleteQueue(queue);
      const args = queues.find(({ name }) => name === queue)?.arguments;
      await outsider.channel.assertQueue(queue, { durable: true, arguments: args });
      await outsider.channel.bindQueue(queue, first?.source ?? '', first?.routingKey ?? '');
    };
    const context = { namespace, topology: topology(one.topology), state, publisher: { publish } };
    await ensureRing(outsider.model, context).catch(() => undefined);
    expect(isDeleted).to.equal(true);
    const two = await amqpTransport({ namespace, partitions: PARTITIONS, state });
    await two.transport.start();
    await two.transport.stop();
    expect(await homesIn(namespace)).to.deep.equal(await homesIn(orderly));
  });

  it('is not changed by a user without permission for its sentinels, who gets an error', async function () {
    const { node } = await rabbitmq();
    if (node === undefined) this.skip(); // users can be made only at a node of our own
    const { url, remove } = await freshVhost();
    const user = uniqueNamespace();
    try {
      const state = new MemoryTransportState();
      const one = await amqpTransport({ url, partitions: 2, state });
      await one.transport.start();
      await one.transport.stop();
      const own = await Outsider.connect(url);
      // As a release leaves it that puts none.
      for (const { destination } of hashBindings(topology(one.topology)))
        await own.channel.deleteExchange(`${destination}.ring`);
      await own.close();
      const rights = '^(?!.*\\.p\\d+\\.ring$).*$';
      await manage(node, 'PUT', `users/${user}`, { password: user, tags: '' });
      await manage(node, 'PUT', `permissions/${new URL(url).pathname.slice(1)}/${user}`, {
        ...{ configure: rights, write: '.*', read: '.*' },
      });
      const theirs = new URL(url);
      theirs.username = user;
      theirs.password = user;
      const two = await amqpTransport({ url: theirs.href, namespace: one.namespace, partitions: 2, state });
      const refused = await Promise.race([
        two.transport.start().catch((error: unknown) => error),
        eventually(async () => (await repairsOf(state)) > 0, { within: 5_000, what: 'a repair' }).then(
          () => 'repaired',
        ),
      ]).finally(() => two.transport.stop());
      expect(refused).to.be.instanceOf(TopologyFault);
      expect((refused as Error).message).to.equal(
        `exchange ${one.namespace}.commands.p0.ring: this user may not declare it`,
      );
      expect(await repairsOf(state)).to.equal(0);
    } finally {
      await manage(node, 'DELETE', `users/${user}`);
      await remove();
    }
  });

  it('is not marked as in order after an incomplete repair', async () => {
    const namespace = namespaceToBe();
    const broken = new MemoryTransportState();
    const one = await amqpTransport({ namespace, partitions: PARTITIONS, state: broken });
    await one.transport.start();
    await one.transport.stop();
    await outsider.channel.deleteExchange(`${namespace}.ring`);
    // As after a worker that crashed: the number is taken, and the repair is not done.
    const dying = stuckAt(new Promise(() => undefined));
    const two = await amqpTransport({ namespace, partitions: PARTITIONS, state: dying });
    const started = two.transport.start().then(() => 'started');
    const state = new MemoryTransportState();
    const three = await amqpTransport({ namespace, partitions: PARTITIONS, state });
    await three.transport.start();
    expect(await repairsOf(state)).to.equal(1);
    expect(three.transport.health().ok).to.equal(true);
    expect(two.transport.health().ok).to.equal(false);
    expect(await Promise.race([started, Promise.resolve('waiting')])).to.equal('waiting');
    await Promise.all([two.transport.stop(), three.transport.stop()]);
  });

  it('is the same after a worker died at any step of the first declaration', async () => {
    const orderly = namespaceToBe();
    const untouched = await amqpTransport({ namespace: orderly, partitions: PARTITIONS });
    await untouched.transport.start();
    await untouched.transport.stop();
    const homes = await homesIn(orderly);
    // The hash exchange exists, and the first queues are bound: none, some, or all without a marker.
    for (const bound of [0, 3, PARTITIONS]) {
      const namespace = namespaceToBe();
      const wanted = topology(topologySettings(namespace, PARTITIONS));
      await declareObjects(outsider.model, wanted);
      await declareInTurn(outsider.model, [
        exchangeDeclaration(hashExchangeOf(wanted)),
        ...hashBindings(wanted).slice(0, bound).map(bindingDeclaration),
      ]);
      const state = new MemoryTransportState();
      const four = await Promise.all(
        [1, 2, 3, 4].map(() => amqpTransport({ namespace, partitions: PARTITIONS, state })),
      );
      await Promise.all(four.map(({ transport }) => transport.start()));
      await Promise.all(four.map(({ transport }) => transport.stop()));
      expect(await homesIn(namespace), `${bound} bound`).to.deep.equal(homes);
      expect(await repairsOf(state)).to.equal(1);
    }
  });

  it('is bound only under the lock, and no command arrives before it is in order', async () => {
    const namespace = namespaceToBe();
    // As a worker that holds the lock and has not begun.
    let releaseLock: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      releaseLock = resolve;
    });
    const busy = stuckAt(held);
    const waiting = await amqpTransport({ namespace, partitions: PARTITIONS, state: busy });
    const started = waiting.transport.start().catch(() => undefined);
    const queue = names.commandQueue(namespace, PARTITIONS - 1);
    const isThere = (ask: (channel: Channel) => Promise<unknown>) => exists(outsider.model, ask);
    await eventually(() => isThere((channel) => channel.checkQueue(queue)), { within: 20_000, what: 'the queues' });
    expect(await isThere((channel) => channel.checkExchange(names.commandsByChat(namespace)))).to.equal(false);
    await waiting.transport.stop();
    releaseLock();
    await started;
  });

  it('is the same if a process that only publishes started first', async () => {
    const orderly = namespaceToBe();
    const untouched = await amqpTransport({ namespace: orderly, partitions: PARTITIONS });
    await untouched.transport.start();
    await untouched.transport.stop();
    const namespace = namespaceToBe();
    const knocking = await amqpTransport({ namespace, partitions: PARTITIONS, state: null });
    await knocking.transport.start();
    const state = new MemoryTransportState();
    const two = await Promise.all([1, 2].map(() => amqpTransport({ namespace, partitions: PARTITIONS, state })));
    await Promise.all(two.map(({ transport }) => transport.start()));
    await Promise.all([knocking, ...two].map(({ transport }) => transport.stop()));
    expect(await repairsOf(state)).to.equal(0);
    expect(await homesIn(namespace)).to.deep.equal(await homesIn(orderly));
  });

  it('is bound again if another client deleted and declared the hash exchange', async () => {
    const orderly = namespaceToBe();
    const untouched = await amqpTransport({ namespace: orderly, partitions: PARTITIONS });
    await untouched.transport.start();
    await untouched.transport.stop();
    const namespace = namespaceToBe();
    const one = await amqpTransport({ namespace, partitions: PARTITIONS });
    await one.transport.start();
    await one.transport.stop();
    const hash = names.commandsByChat(namespace);
    await outsider.channel.deleteExchange(hash);
    await outsider.channel.assertExchange(hash, 'x-consistent-hash', { durable: true });
    const two = await amqpTransport({ namespace, partitions: PARTITIONS });
    await two.transport.start();
    await two.transport.stop();
    expect(await homesIn(namespace)).to.deep.equal(await homesIn(orderly));
  });

  it('shows the partitions of keys with probes, which workers do not process as commands', async () => {
    const namespace = namespaceToBe();
    const { transport, topology: settings } = await amqpTransport({ namespace, partitions: PARTITIONS });
    await transport.start();
    const takers = Array.from({ length: PARTITIONS }, () => new Taker());
    const subscriptions = await Promise.all(
      takers.map((taker, partition) => transport.source.subscribe(partition, 500, taker)),
    );
    const { logger } = collectedLog();
    const connection = new AmqpConnection({ url: (await rabbitmq()).url, name: 'check', logger });
    await connection.start();
    const falls = await partitionsOfKeys(connection, namespace, chats);
    for (const chat of chats)
      await outsider.publish(names.commands(namespace), chat, Buffer.from('{}'), { mandatory: true });
    const all = () => takers.flatMap(({ deliveries }) => deliveries);
    await eventually(() => all().length >= chats.length, { within: 10_000, what: 'every command' });
    expect(all()).to.have.length(chats.length);
    for (const [partition, { deliveries }] of takers.entries())
      for (const { incoming } of deliveries) expect(falls.get(incoming.routingKey)).to.equal(partition);
    for (const [partition, { deliveries }] of takers.entries())
      subscriptions[partition]?.acknowledgeThrough(deliveries.at(-1)?.tag ?? 0);
    await Promise.all(subscriptions.map((subscription) => subscription.close()));
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const { messageCount } = await outsider.channel.checkQueue(names.commandQueue(namespace, partition));
      expect(messageCount).to.equal(0);
    }
    for (const { destination, source, routingKey } of hashBindings(topology(settings)))
      await outsider.channel.unbindQueue(destination, source, routingKey);
    expect([...(await partitionsOfKeys(connection, namespace, chats)).values()]).to.deep.equal(
      chats.map(() => 'nowhere'),
    );
    await connection.stop();
    await transport.stop();
  });
});
