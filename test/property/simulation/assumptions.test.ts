/**
 * The assumptions of the simulation about RabbitMQ and PostgreSQL, each tested on the real service. If one fails,
 * sim-broker.ts or sim-store.ts must change.
 *
 * The simulated broker is stricter in one point: it keeps the order of a whole connection, RabbitMQ that of a channel.
 * No order between two channels matters, because a partition's events use one channel.
 */
import { randomUUID } from 'node:crypto';
import { type Channel, type ChannelModel, type ConfirmChannel, type ConsumeMessage, connect } from 'amqplib';
import { expect } from 'chai';
import { names, topology } from '../../../src/contract/messages/topology.js';
import { aChatWithMessages, aReceiptRecord, failsAs, Owner } from '../../conformance/store/fixtures.js';
import { topologySettings } from '../../integration/amqp/amqp-harness.js';
import { CuttingProxy } from '../../integration/prisma/cutting-proxy.js';
import {
  lockWaiters,
  openPrismaStore,
  type PrismaHarness,
  prismaStore,
  WAITS_FOR_LOCKS,
  withConnection,
} from '../../integration/prisma/prisma-harness.js';
import { plantReceipts } from '../../integration/prisma/receipts/planted-receipts.js';
import { eventually } from '../../support/eventually.js';
import { rabbitmq, uniqueNamespace } from '../../support/services/services.js';

const within = 20_000;
/** The heartbeat, short for a test. The broker closes a connection after two missed ones. */
const HEARTBEAT_SECONDS = 1;
const SILENCE_LIMIT_MS = 500;
/** The number of each numbered message. */
const BODY_BYTES = 100;
/** Maximum length of the small queue. */
const FULL_AT = 200;
const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';

describe("The simulation's assumptions about RabbitMQ", () => {
  let url: string;
  let queue: string;
  let producer: ConfirmChannel;
  const connections: ChannelModel[] = [];

  async function client(at = url): Promise<ChannelModel> {
    const model = await connect(at);
    // Tests cut connections.
    model.on('error', () => undefined);
    connections.push(model);
    return model;
  }
  async function channelOf(model: ChannelModel): Promise<Channel> {
    const channel = await model.createChannel();
    channel.on('error', () => undefined);
    return channel;
  }
  /** A consumer on its own channel, and its deliveries. */
  async function consumer(model: ChannelModel, from = queue, prefetch = 100) {
    const channel = await channelOf(model);
    const got: ConsumeMessage[] = [];
    await channel.prefetch(prefetch);
    await channel.consume(from, (message) => void (message === null || got.push(message)));
    const numbers = () => got.map(({ content }) => Number(content));
    const has = (count: number) =>
      eventually(() => got.length >= count, { within, what: `${count} deliveries, not ${got.length}` });
    return { channel, got, numbers, has };
  }
  type Outcome = 'confirmed' | 'refused';
  const publish = (number: number, to = queue, channel = producer): Promise<Outcome> =>
    new Promise((resolve) => {
      channel.publish(
        '',
        to,
        Buffer.from(String(number).padStart(BODY_BYTES, '0')),
        { persistent: true },
        (error: unknown) => resolve(error === null ? 'confirmed' : 'refused'),
      );
    });
  const publishAll = (from: number, through: number) =>
    Promise.all(Array.from({ length: through - from + 1 }, (_, index) => publish(from + index)));
  const range = (from: number, through: number) =>
    Array.from({ length: through - from + 1 }, (_, index) => from + index);

  beforeEach(async () => {
    ({ url } = await rabbitmq());
    producer = await (await client()).createConfirmChannel();
    const settings = topologySettings(uniqueNamespace(), 1);
    queue = names.commandQueue(settings.namespace, 0);
    const declared = topology(settings).queues.find(({ name }) => name === queue);
    await producer.assertQueue(queue, { durable: true, arguments: declared?.arguments });
  });
  afterEach(async () => {
    await producer.deleteQueue(queue);
    await Promise.all(connections.splice(0).map((model) => model.close().catch(() => undefined)));
  });

  it('unacknowledged deliveries of a closed channel come again in order, before later ones, with a higher delivery count', async () => {
    await publishAll(1, 12);
    const first = await consumer(await client(), queue, 5);
    await first.has(5);
    await first.channel.close();
    const second = await consumer(await client());
    await second.has(12);
    expect(second.numbers()).to.deep.equal(range(1, 12));
    const counts = second.got.map(({ properties }) => properties.headers?.['x-delivery-count']);
    expect(counts.slice(0, 5)).to.deep.equal([1, 1, 1, 1, 1]);
    expect(second.got.map(({ fields }) => fields.redelivered)).to.deep.equal(range(1, 12).map((number) => number <= 5));
  });

  it('one consumer gets everything until it ends, then the next one does', async () => {
    const [a, b, c] = [await consumer(await client()), await consumer(await client()), await consumer(await client())];
    await publishAll(1, 6);
    await a.has(6);
    expect([b.got.length, c.got.length]).to.deep.equal([0, 0]);
    await a.channel.close();
    await publishAll(7, 9);
    await b.has(9);
    expect(b.numbers()).to.deep.equal(range(1, 9));
    expect(c.got).to.deep.equal([]);
  });

  it('at most the prefetch is unacknowledged, and an acknowledgement covers all before it', async () => {
    const { channel, got, has, numbers } = await consumer(await client(), queue, 3);
    await publishAll(1, 8);
    await has(3);
    // The broker has processed earlier frames by now.
    expect((await producer.checkQueue(queue)).messageCount).to.equal(5);
    expect(got).to.have.length(3);
    channel.ack(got[2] as ConsumeMessage, true);
    await has(6);
    await channel.close();
    const next = await consumer(await client());
    await next.has(5);
    expect(numbers()).to.deep.equal(range(1, 6));
    expect(next.numbers()).to.deep.equal(range(4, 8));
  });

  it('an acknowledgement before the close of the channel counts', async () => {
    await publishAll(1, 4);
    const { channel, got, has } = await consumer(await client());
    await has(4);
    channel.ack(got[2] as ConsumeMessage, true);
    await channel.close();
    const next = await consumer(await client());
    await next.has(1);
    expect(next.numbers()).to.deep.equal([4]);
  });

  it('an acknowledgement on a dead connection does not count, and the broker closes a silent connection', async () => {
    const proxy = await CuttingProxy.before(url);
    try {
      await publishAll(1, 3);
      const at = new URL(proxy.url);
      at.searchParams.set('heartbeat', String(HEARTBEAT_SECONDS));
      const frozen = await consumer(await client(at.href));
      await frozen.has(3);
      proxy.fault = 'fall silent';
      frozen.channel.ack(frozen.got[2] as ConsumeMessage, true);
      const next = await consumer(await client());
      await next.has(3);
      expect(next.numbers()).to.deep.equal([1, 2, 3]);
    } finally {
      await proxy.close();
    }
  });

  it('messages of one channel are in the queue in order, each with a confirm', async () => {
    const outcomes = await publishAll(1, 500);
    expect(new Set(outcomes)).to.deep.equal(new Set(['confirmed']));
    const { has, numbers } = await consumer(await client(), queue, 1_000);
    await has(500);
    expect(numbers()).to.deep.equal(range(1, 500));
  });

  it('a confirm arrives when a message is in all its queues', async () => {
    const other = `${queue}.other`;
    const exchange = `${queue}.fanout`;
    await producer.assertQueue(other, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await producer.assertExchange(exchange, 'fanout');
    for (const name of [queue, other]) await producer.bindQueue(name, exchange, '');
    producer.publish(exchange, '', Buffer.from('1'), { persistent: true });
    await producer.waitForConfirms();
    const reader = await channelOf(await client());
    for (const name of [queue, other]) {
      const { has } = await consumer(await client(), name);
      await has(1);
    }
    await reader.deleteExchange(exchange);
    await reader.deleteQueue(other);
  });

  for (const bound of [{ 'x-max-length': FULL_AT }, { 'x-max-length-bytes': FULL_AT * BODY_BYTES }])
    it(`a queue full by ${Object.keys(bound)} refuses, and accepts nothing from a publisher with a tenth of it in flight, without a consumer`, async () => {
      const limit = FULL_AT;
      const window = limit / 10;
      const full = `${queue}.full`;
      const args = { 'x-queue-type': 'quorum', ...bound, 'x-overflow': 'reject-publish' };
      await producer.assertQueue(full, { durable: true, arguments: args });
      try {
        /** In the order of publishing, with this many in flight. */
        const outcomes: Outcome[] = [];
        let next = 0;
        const one = async (): Promise<void> => {
          while (next < 3 * limit) {
            const number = next;
            next += 1;
            outcomes[number] = await publish(number, full);
          }
        };
        await Promise.all(Array.from({ length: window }, one));
        const refused = outcomes.indexOf('refused');
        expect(refused).to.be.within(limit, limit + window);
        expect(new Set(outcomes.slice(refused))).to.deep.equal(new Set(['refused']));
      } finally {
        await producer.deleteQueue(full);
      }
    });

  it('a message on a cut connection may or may not have arrived', async () => {
    for (const isCutBefore of [false, true]) {
      const proxy = await CuttingProxy.before(url);
      const channel = await (await client(proxy.url)).createConfirmChannel();
      channel.on('error', () => undefined);
      if (isCutBefore) proxy.fault = 'fall silent';
      else proxy.fault = 'lose the replies';
      const lost = publish(isCutBefore ? 2 : 1, queue, channel);
      if (!isCutBefore)
        await eventually(async () => (await producer.checkQueue(queue)).messageCount === 1, {
          within,
          what: 'arrival',
        });
      await proxy.close();
      expect(await lost).to.equal('refused');
    }
    await publish(3);
    const { has, numbers } = await consumer(await client());
    await has(2);
    expect(numbers()).to.deep.equal([1, 3]);
  });

  it('a receipt by direct reply-to is lost with its connection, without other effects', async () => {
    const asking = await client();
    const channel = await channelOf(asking);
    const receipts: string[] = [];
    await channel.consume(DIRECT_REPLY_TO, (message) => void receipts.push(String(message?.content)), { noAck: true });
    const ask = (text: string) => channel.sendToQueue(queue, Buffer.from(text), { replyTo: DIRECT_REPLY_TO });
    const worker = await consumer(await client());
    ask('1');
    ask('2');
    await worker.has(2);
    const [first, second] = worker.got.map(({ properties }) => String(properties.replyTo));
    worker.channel.sendToQueue(first ?? '', Buffer.from('of 1'));
    await eventually(() => receipts.length === 1, { within, what: 'a receipt' });
    await asking.close();
    worker.channel.sendToQueue(second ?? '', Buffer.from('of 2'));
    // The channel is still open.
    await worker.channel.checkQueue(queue);
    expect(receipts).to.deep.equal(['of 1']);
  });
});

describe("The simulation's assumptions about PostgreSQL", () => {
  let store: PrismaHarness;
  let owner: Owner;
  before(async () => {
    store = await openPrismaStore(WAITS_FOR_LOCKS);
  });
  beforeEach(async () => {
    owner = await Owner.of(store);
  });
  after(() => store.close());

  /** A chat with three events, and a function that tells whether it exists. */
  function aBatch() {
    let chatId: string = randomUUID();
    const batch = (at: number) => {
      const { chat, messages, events } = aChatWithMessages(at, 2);
      ({ chatId } = chat);
      return { chatsCreated: [chat], messages, events };
    };
    return { batch, isStored: async () => (await owner.read({ chats: [chatId] })).chats.size === 1 };
  }
  const positions = () =>
    withConnection(store.url, async (sql) => {
      const { rows } = await sql.query('SELECT position::float8 FROM chat_events WHERE partition = 0 ORDER BY 1');
      return rows.map(({ position }) => position as number);
    });
  /** A batch that waits for another session's lock until `meanwhile` has resolved. */
  async function underWay<T>(
    batch: (at: number) => object,
    meanwhile: (waiters: (count: number) => Promise<void>) => Promise<T>,
  ) {
    return withConnection(store.url, async (sql) => {
      const record = aReceiptRecord();
      await sql.query('BEGIN');
      await sql.query(plantReceipts('VALUES ($1)'), [record.commandId]);
      const written = owner.write((at) => ({ ...batch(at), receipts: [record] }));
      await lockWaiters(sql, 1);
      const during = await meanwhile((count) => lockWaiters(sql, count));
      await sql.query('ROLLBACK');
      await written;
      return during;
    });
  }

  it('a transaction under an old epoch writes nothing', async () => {
    const { batch, isStored } = aBatch();
    const successor = await Owner.of(store, 0, 'worker-2');
    const late = await owner.transact({}, (snapshot) => ({ writes: batch(snapshot.position), value: null }));
    expect(late).to.deep.equal({ outcome: 'fenced', partitions: [0] });
    owner = successor;
    expect(await isStored()).to.equal(false);
  });

  it("a take-over waits for the old owner's running transaction, and sees its writes", async () => {
    const { batch, isStored } = aBatch();
    const { position } = owner.ownership;
    let isTaken = false;
    const { taking } = await underWay(batch, async (waiters) => {
      const taking = store.registry.acquire(0, 'worker-2').finally(() => {
        isTaken = true;
      });
      await waiters(2);
      expect(isTaken).to.equal(false);
      return { taking };
    });
    const taken = await taking;
    expect(taken).to.include({ epoch: owner.ownership.epoch + 1, position: position + 3 });
    owner = await Owner.of(store);
    expect(await isStored()).to.equal(true);
  });

  it('a batch is written only if its partition is unchanged: the second of two is decided again', async () => {
    const [first, second] = [aBatch(), aBatch()];
    const { position } = owner.ownership;
    const { late } = await underWay(first.batch, async (waiters) => {
      const late = failsAs(owner.write(second.batch), 'contention');
      await waiters(2);
      return { late };
    });
    await late;
    expect([await first.isStored(), await second.isStored()]).to.deep.equal([true, false]);
    let decidedAt: number | null = null;
    await owner.write((at) => {
      decidedAt = at;
      return second.batch(at);
    });
    expect(decidedAt).to.equal(position + 3);
  });

  it('a batch whose partition is taken over after its snapshot was read is not written', async () => {
    const { batch, isStored } = aBatch();
    await withConnection(store.url, async (sql) => {
      await sql.query('BEGIN');
      await sql.query('UPDATE partitions SET epoch = epoch + 1 WHERE partition = 0');
      const late = failsAs(owner.write(batch), 'contention');
      await lockWaiters(sql, 1);
      await sql.query('COMMIT');
      await late;
    });
    owner = await Owner.of(store, 0, 'worker-2');
    expect(await isStored()).to.equal(false);
  });

  for (const [fault, isThere] of [
    ['lose the reply to COMMIT', true],
    ['lose COMMIT', false],
  ] as const)
    it(`a COMMIT without a reply may have taken effect: ${isThere ? 'here it has' : 'here it has not'}`, async () => {
      const { batch, isStored } = aBatch();
      const proxy = await CuttingProxy.before(store.url);
      const far = prismaStore(proxy.url, {}, SILENCE_LIMIT_MS);
      try {
        const through = await Owner.of(far);
        await through.write(() => ({}));
        proxy.fault = fault;
        await failsAs(through.write(batch), 'unknown');
      } finally {
        await far.close();
        await proxy.close();
      }
      owner = await Owner.of(store);
      expect(await isStored()).to.equal(isThere);
    });

  it('positions are contiguous, also after fenced-out, failed and lost batches', async () => {
    await owner.write(aBatch().batch);
    const thrown = owner.transact({}, () => {
      throw new Error('decided badly');
    });
    expect(await thrown.catch((error: Error) => error.message)).to.equal('decided badly');
    const twice = aReceiptRecord();
    await owner.write((at) => ({ ...aBatch().batch(at), receipts: [twice] }));
    const stale = owner;
    owner = await Owner.of(store);
    await stale.transact({}, (snapshot) => ({ writes: aBatch().batch(snapshot.position), value: null }));
    for (let more = 3; more > 0; more -= 1) await owner.write(aBatch().batch);
    const all = await positions();
    expect(all).to.deep.equal(all.map((_, index) => index + 1));
    expect((await store.registry.acquire(0, 'worker-1')).position).to.equal(all.length);
  });
});
