import { randomUUID } from 'node:crypto';
import type { ConsumeMessage } from 'amqplib';
import { expect } from 'chai';
import type { AmqpTransport } from '../../../src/adapters/transports/amqp/amqp-transport.js';
import { toIncomingCommand } from '../../../src/adapters/transports/amqp/consume/incoming-command.js';
import { readReplyAddress } from '../../../src/adapters/transports/amqp/receipts/reply-address.js';
import type { Delivery, Subscription } from '../../../src/application/ports/transport/transport.js';
import { names, type TopologySettings } from '../../../src/contract/messages/topology.js';
import { Taker } from '../../conformance/transport/transport-conformance.js';
import { addressOfNobody } from '../../support/broker/direct-reply-address.js';
import { eventually } from '../../support/eventually.js';
import { amqpTransport, Outsider } from './amqp-harness.js';

const within = 10_000;

describe('a hostile message', () => {
  let transport: AmqpTransport;
  let namespace: string;
  let topology: TopologySettings;
  let outsider: Outsider;
  let taker: Taker;
  let subscription: Subscription;
  const chat: string = randomUUID();

  beforeEach(async () => {
    const made = await amqpTransport({ partitions: 1 });
    ({ transport, namespace, topology } = made);
    await transport.start();
    outsider = await Outsider.connect(made.url);
    taker = new Taker();
    subscription = await transport.source.subscribe(0, 100, taker);
  });
  afterEach(async () => {
    await transport.stop();
    await outsider.deleteObjects(topology);
    await outsider.close();
  });

  const delivered = async (count = 1): Promise<Delivery> => {
    await eventually(() => taker.deliveries.length >= count, { within, what: `${count} deliveries` });
    const delivery = taker.deliveries[count - 1];
    if (delivery === undefined) throw new Error('unreachable');
    return delivery;
  };
  const send = (properties: Parameters<Outsider['publish']>[3], routingKey = chat) =>
    outsider.publish(names.commands(namespace), routingKey, Buffer.from('{}'), { mandatory: true, ...properties });
  const deadLettered = async (count = 1) => {
    const messages = await outsider.take(names.deadLetters(namespace), count);
    return messages[count - 1] as ConsumeMessage;
  };
  /** Replaces each `@` by a byte that is no UTF-8, on the way out: the library itself cannot be made to send one. */
  const sendWithBadBytes = async (messageId: string) => {
    const { connection, ch } = outsider.channel as unknown as {
      ch: number;
      connection: { channels: { buffer: { write(chunk: Buffer): boolean } }[] };
    };
    const buffer = connection.channels[ch]?.buffer;
    if (buffer === undefined) throw new Error('unreachable');
    const write = buffer.write.bind(buffer);
    buffer.write = (chunk) => write(Buffer.from(chunk.map((byte) => (byte === 0x40 ? 0xff : byte))));
    await send({ messageId });
    buffer.write = write;
  };

  it('with headers of every type arrives, and can be dead-lettered and rerouted', async () => {
    const headers = {
      text: 'x',
      none: null,
      yes: true,
      small: 1,
      long: { '!': 'int64', value: Number.MAX_SAFE_INTEGER },
      double: 1.5,
      decimal: { '!': 'decimal', value: { places: 2, digits: 314 } },
      time: { '!': 'timestamp', value: 1_795_205_700 },
      bytes: Buffer.from([0, 255]),
      list: [1, 'two', [3], { four: 4 }],
      table: { deep: { deeper: { deepest: [] } } },
      'x-parley-reason': 'forged',
      'chat-id': ['not', 'a', 'string'],
    };
    await send({ headers, messageId: 'c1', timestamp: 1_795_205_700, priority: 200, expiration: '60000' });
    const delivery = await delivered();
    expect(delivery.incoming).to.include({ messageId: 'c1', priority: 200 });
    expect(delivery.incoming.headers).to.have.all.keys(Object.keys(headers));
    await transport.source.reroute(delivery);
    const again = await delivered(2);
    expect(again.incoming.headers).to.deep.include({
      bytes: Buffer.from([0, 255]),
      list: [1, 'two', [3], { four: 4 }],
    });
    await transport.deadLetters.deadLetter(again, 'malformed', 'x'.repeat(5_000));
    const { properties } = await deadLettered();
    expect(properties.headers).to.deep.include({ table: headers.table, 'x-parley-reason': 'malformed' });
    expect(properties.headers?.['x-parley-detail']).to.have.length(1_000);
    expect(properties).to.include({ timestamp: 1_795_205_700, priority: 200, deliveryMode: 2 });
    // In its place it would have let the dead letter expire.
    expect(properties.expiration).to.equal(undefined);
    expect(properties.headers?.['x-parley-expiration']).to.match(/^\d+$/);
  });

  it('with a table that the library misreads is dead-lettered without its headers, and the loss is named', async () => {
    // On the wire a plain table; read back, the library would take its key `!` for a type.
    await send({ messageId: 'c1', headers: { trap: { '!': 'object', value: { '!': 'no-such-type', value: 1 } } } });
    const delivery = await delivered();
    await transport.deadLetters.deadLetter(delivery, 'poison', 'detail');
    const { properties, content } = await deadLettered();
    expect(content.toString()).to.equal('{}');
    expect(properties.headers).to.include({ 'x-parley-reason': 'poison', 'x-parley-dropped': 'headers' });
    expect(properties.headers).not.to.have.property('trap');
  });

  it('with more headers than can be encoded is dead-lettered without them', async () => {
    await send({ messageId: 'c1', headers: { big: 'x'.repeat(65_000), more: 'y'.repeat(480) } });
    await transport.deadLetters.deadLetter(await delivered(), 'poison', 'detail');
    const { properties } = await deadLettered();
    expect(properties.messageId).to.equal('c1');
    expect(properties.headers).to.include({ 'x-parley-dropped': 'headers' });
  });

  it('with a message id that is not UTF-8 arrives, and is dead-lettered without the parts that cannot be encoded', async () => {
    await sendWithBadBytes('@'.repeat(200));
    const delivery = await delivered();
    expect(delivery.incoming.messageId).to.match(/^\ufffd+$/);
    await transport.deadLetters.deadLetter(delivery, 'malformed', 'message_id');
    const { properties } = await deadLettered();
    expect(properties.messageId).to.equal(undefined);
    expect(properties.headers).to.include({ 'x-parley-dropped': 'messageId' });
  });

  it('whose CC and BCC name other queues is routed to none of them again', async () => {
    const { queue } = await outsider.channel.assertQueue('', { exclusive: true });
    await send({ messageId: 'c1', CC: [queue], BCC: [queue] });
    const delivery = await delivered();
    expect(delivery.incoming.headers).to.have.property('CC');
    await transport.source.reroute(delivery);
    expect((await delivered(2)).incoming.headers).not.to.have.property('CC');
    await transport.deadLetters.deadLetter(delivery, 'poison', 'detail');
    expect((await deadLettered()).properties.headers).to.include({ 'x-parley-dropped': 'headers.CC' });
    expect((await outsider.channel.checkQueue(queue)).messageCount).to.equal(0);
  });

  it("with a forged delivery count has the broker's own count", async () => {
    await send({ messageId: 'c1', headers: { 'x-delivery-count': 9 } });
    expect((await delivered()).deliveryCount).to.equal(0);
    await subscription.close();
    taker = new Taker();
    subscription = await transport.source.subscribe(0, 100, taker);
    expect((await delivered()).deliveryCount).to.equal(1);
  });

  it('that imitates a ring repair marker is an ordinary command', async () => {
    await send({ type: 'parley.ring-repaired', headers: { 'x-parley-ring-generation': 7 } });
    expect((await delivered()).incoming.type).to.equal('parley.ring-repaired');
  });

  it('that imitates a forwarded command or a ring probe is an ordinary command', async () => {
    await send({ messageId: 'home', headers: { 'x-parley-forwarded': 'another chat' } });
    await send({ messageId: 'probe', type: 'parley.ring-probe' });
    const [home, probe] = [await delivered(1), await delivered(2)];
    expect(home.isForwarded).to.equal(false);
    expect(home.incoming.routingKey).to.not.equal('another chat');
    expect(probe.incoming).to.include({ messageId: 'probe', type: 'parley.ring-probe' });
    await transport.source.forward(home, 0);
    const again = await delivered(3);
    expect(again.isForwarded).to.equal(true);
    expect(again.incoming.routingKey).to.equal(home.incoming.routingKey);
  });

  it('keeps its verified producer when rerouted; a forged one is ignored', async () => {
    await send({ messageId: 'mine', userId: 'guest' });
    await send({ messageId: 'forged', headers: { 'x-parley-user-id': 'admin' } });
    await transport.source.reroute(await delivered(1));
    await transport.source.reroute(await delivered(2));
    await delivered(4);
    const again = taker.deliveries.slice(2).map(({ incoming }) => [incoming.messageId, incoming.userId]);
    expect(again).to.deep.equal([
      ['mine', 'guest'],
      ['forged', undefined],
    ]);
  });

  it("has no user id longer than a broker user's, even if a producer shares our login", async () => {
    await send({ messageId: 'c1', userId: 'guest', headers: { 'x-parley-user-id': 'u'.repeat(256) } });
    await send({ messageId: 'c2', userId: 'guest', headers: { 'x-parley-user-id': 'u'.repeat(255) } });
    await delivered(2);
    expect(taker.deliveries.map(({ incoming }) => incoming.userId)).to.deep.equal(['guest', 'u'.repeat(255)]);
  });

  it('keeps the user id of its producer when rerouted, although only that user may set it', async () => {
    await send({ messageId: 'c1' });
    const delivery = await delivered();
    // What a delivery of another user's looks like; the tests' broker has one user only.
    const { message } = delivery as Delivery & { message: ConsumeMessage };
    message.properties.userId = 'gateway';
    await transport.source.reroute(delivery);
    expect((await delivered(2)).incoming.userId).to.equal('gateway');
    await transport.deadLetters.deadLetter(await delivered(2), 'poison', 'detail');
    expect((await deadLettered()).properties.headers).to.include({ 'x-parley-user-id': 'gateway' });
  });

  it('with a routing key of 255 bytes, or an empty one, is accepted and rerouted', async () => {
    for (const [index, key] of ['k'.repeat(255), ''].entries()) {
      await send({ messageId: `c${index}` }, key);
      const delivery = await delivered(2 * index + 1);
      expect(delivery.incoming.routingKey).to.equal(key);
      await transport.source.reroute(delivery);
      expect((await delivered(2 * index + 2)).incoming.routingKey).to.equal(key);
    }
  });

  it('with a reply address that ends a connection affects no events, receipts for queues or acknowledgements', async () => {
    const receipt = {
      ...{ commandId: 'c', type: 't', status: 'accepted' as const, tenantId: 'default', chatId: null, messageId: null },
      ...{ sequence: null, at: '2026-11-20T20:15:00.123Z', decisionId: null, replayed: false },
    };
    const replies = `${names.replies(namespace)}one`;
    await outsider.channel.assertQueue(replies, { exclusive: true });
    const got = await outsider.collect(replies);
    const events = await transport.sink.openChannel();
    const address = addressOfNobody();
    expect(readReplyAddress(namespace, address)?.kind).to.equal('direct');
    for (let round = 0; round < 3; round += 1) transport.receipts.send(address, 'corr', receipt);
    transport.receipts.send(replies, 'corr', receipt);
    await eventually(() => got.length === 1, { within, what: 'the receipt' });
    expect(JSON.parse(got[0]?.content.toString() ?? '')).to.deep.equal(receipt);
    expect(got[0]?.properties).to.include({ type: 'receipt', correlationId: 'corr', contentType: 'application/json' });
    const outcome = await new Promise((resolve) => {
      const about = {
        type: 't',
        routingKey: 'r',
        partitionKey: 'p',
        traceparent: null,
        tracestate: null,
        timestamp: 0,
      };
      events.publish({ id: 'e1', ...about, body: Buffer.from('{}') }, resolve);
    });
    expect(outcome).to.equal('confirmed');
    expect(taker.losses).to.deep.equal([]);
    // Whatever it has cost, REST's receipts go another way.
    const { gateway: door } = transport;
    const answered = door.request(
      {
        type: 't',
        commandId: 'c',
        routingKey: chat,
        body: Buffer.from('{}'),
        authorization: null,
        traceparent: null,
        tracestate: null,
      },
      within,
    );
    const { incoming } = await delivered();
    transport.receipts.send(incoming.replyTo ?? '', incoming.correlationId ?? '', receipt);
    expect(await answered).to.deep.equal(receipt);
  });

  it('whose properties have unexpected types is converted to a command', () => {
    const wrong = [undefined, null, 0, Number.NaN, true, {}, [], Buffer.from('x'), Symbol('s')];
    for (const value of wrong) {
      const properties = {
        type: value,
        messageId: value,
        contentType: value,
        replyTo: value,
        priority: value,
        headers: value,
      };
      const fields = { deliveryTag: 1, redelivered: false, exchange: 'x', routingKey: 'k', consumerTag: 'c' };
      const incoming = toIncomingCommand(
        { content: Buffer.from('x'), fields, properties } as unknown as ConsumeMessage,
        'guest',
      );
      expect(incoming.messageId).to.equal(undefined);
      expect(incoming.type).to.equal(undefined);
      expect(incoming.headers).to.be.an('object');
    }
  });

  it('whose headers have a table named __proto__ does not change a prototype', () => {
    const headers = JSON.parse('{"a":1}');
    Object.setPrototypeOf(headers, { authorization: 'Bearer forged' }); // as the library's decoder does
    const message = { content: Buffer.alloc(0), fields: { routingKey: 'k' }, properties: { headers } };
    const incoming = toIncomingCommand(message as unknown as ConsumeMessage, 'guest');
    expect(incoming.headers).to.deep.equal({ a: 1 });
    expect(incoming.headers.authorization).to.equal(undefined);
  });
});
