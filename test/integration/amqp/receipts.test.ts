import { randomUUID } from 'node:crypto';
import type { ConsumeMessage } from 'amqplib';
import { expect } from 'chai';
import type { AmqpTransport } from '../../../src/adapters/transports/amqp/amqp-transport.js';
import type { OutgoingCommand } from '../../../src/application/ports/transport/transport.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import { names, type TopologySettings } from '../../../src/contract/messages/topology.js';
import { freePort } from '../../../src/infrastructure/free-port.js';
import { Taker } from '../../conformance/transport/transport-conformance.js';
import { addressOfNobody, directReplyAddress } from '../../support/broker/direct-reply-address.js';
import { Wire } from '../../support/broker/wire.js';
import { eventually } from '../../support/eventually.js';
import { rabbitmq } from '../../support/services/services.js';
import { amqpTransport, Outsider } from './amqp-harness.js';

const within = 10_000;
const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';
/** Far below what a producer waits before it asks again, far above what a quiet broker needs. */
const DELAY_MAX_MS = 2_000;

describe('receipts on RabbitMQ', () => {
  let transport: AmqpTransport;
  let namespace: string;
  let topology: TopologySettings;
  let outsider: Outsider;
  let taker: Taker;
  let wire: Wire;
  let log: { lines: string[] };

  before(async function () {
    this.timeout(60_000);
    await rabbitmq(); // started here if this is the first test of a run
  });
  beforeEach(async () => {
    wire = new Wire(await freePort(), (await rabbitmq()).url);
    await wire.join();
    const made = await amqpTransport({ url: wire.url });
    ({ transport, namespace, topology, log } = made);
    await transport.start();
    outsider = await Outsider.connect((await rabbitmq()).url);
    taker = new Taker();
    await transport.source.subscribe(0, 100, taker);
  });
  afterEach(async () => {
    await transport.stop();
    await wire.cut();
    await outsider.deleteObjects(topology);
    await outsider.close();
  });

  /**
   * Publishes as a producer that uses direct reply-to, and gives the address that the broker writes into the command.
   */
  const directAddress = async (): Promise<{ address: string; got: ConsumeMessage[] }> => {
    const channel = await outsider.model.createChannel();
    const got: ConsumeMessage[] = [];
    await channel.consume(DIRECT_REPLY_TO, (message) => message !== null && got.push(message), { noAck: true });
    const { queue } = await outsider.channel.assertQueue('', { exclusive: true });
    channel.publish('', queue, Buffer.from('{}'), { replyTo: DIRECT_REPLY_TO });
    const [message] = await outsider.take(queue, 1);
    return { address: String(message?.properties.replyTo), got };
  };
  const lastCommand = async (count: number) => {
    await eventually(() => taker.deliveries.length >= count, { within, what: `command ${count}` });
    const { replyTo = '', correlationId = '' } = taker.deliveries[count - 1]?.incoming ?? {};
    return { replyTo, correlationId };
  };

  describe('for REST', () => {
    it('arrive in an exclusive, bounded queue with a random name', async () => {
      const answered = transport.gateway.request(outgoing('c1'), within);
      const { replyTo, correlationId } = await lastCommand(1);
      expect(replyTo).to.match(new RegExp(`^${namespace}\\.replies\\.rest-[0-9a-f]{8}-[0-9a-f-]{27}$`));
      const prying = await outsider.model.createChannel();
      prying.on('error', () => undefined);
      const refused = await prying.consume(replyTo, () => undefined).catch((error: { code?: number }) => error.code);
      expect(refused).to.be.oneOf([403, 405]); // access refused, resource locked
      transport.receipts.send(replyTo, correlationId, receiptOf('c1'));
      expect(await answered).to.deep.equal(receiptOf('c1'));
    });

    it('are returned only for the requested command', async () => {
      const answered = transport.gateway.request(outgoing('c1'), within);
      const { replyTo, correlationId } = await lastCommand(1);
      await outsider.publish('', replyTo, Buffer.from('no JSON'), { correlationId });
      transport.receipts.send(replyTo, correlationId, receiptOf('c2'));
      transport.receipts.send(replyTo, randomUUID(), receiptOf('c1'));
      transport.receipts.send(replyTo, correlationId, receiptOf('c1'));
      expect(await answered).to.deep.equal(receiptOf('c1'));
    });

    it('arrive in a new queue after a reconnection', async () => {
      const lost = transport.gateway.request(outgoing('c1'), 1_000);
      const before = await lastCommand(1);
      await wire.cut();
      await wire.join();
      // Its queue has gone with the connection: it is answered as if its time were over.
      expect(await lost).to.equal(null);
      await eventually(() => transport.health().ok, { within, what: 'the return of the transport' });
      taker = new Taker();
      await transport.source.subscribe(0, 100, taker);
      const answered = transport.gateway.request(outgoing('c2'), within);
      await eventually(() => taker.ids.includes('c2'), { within, what: 'the command' });
      const after = await lastCommand(taker.ids.indexOf('c2') + 1);
      expect(after.replyTo).to.not.equal(before.replyTo);
      transport.receipts.send(after.replyTo, after.correlationId, receiptOf('c2'));
      expect(await answered).to.deep.equal(receiptOf('c2'));
    });
  });

  it('for unusual queue names close no connection', async () => {
    const prefix = names.replies(namespace);
    const odd = [
      '\u0000',
      '\r\n',
      '\u{1f600}',
      '\ufffd',
      'x'.repeat(255 - prefix.length),
      '*',
      '#',
      '.',
      'rest-',
      'rest-\u0000',
    ];
    for (const name of odd) transport.receipts.send(`${prefix}${name}`, name.slice(0, 10), receiptOf('c'));
    const replies = `${prefix}gateway`;
    await outsider.channel.assertQueue(replies, { exclusive: true });
    const got = await outsider.collect(replies);
    transport.receipts.send(replies, 'last', receiptOf('c'));
    await eventually(() => got.length === 1, { within, what: 'the receipt behind them' });
    // Sent on the connection of the events, as receipts for REST are.
    const answered = transport.gateway.request(outgoing('c1'), within);
    const { replyTo, correlationId } = await lastCommand(1);
    transport.receipts.send(replyTo, correlationId, receiptOf('c1'));
    expect(await answered).to.deep.equal(receiptOf('c1'));
    expect(log.lines.filter((line) => line.includes('lost') || line.includes('closed'))).to.deep.equal([]);
    expect(transport.counters).to.include({ receiptsIgnored: 0, receiptsDropped: 0 });
  });

  it('for a burst of a new producer all arrive, in order, before its address is tested', async () => {
    const BURST = 5_000;
    const { address, got } = await directAddress();
    for (let n = 0; n < BURST; n += 1) transport.receipts.send(address, String(n), receiptOf('c'));
    await eventually(() => got.length + transport.counters.receiptsDropped >= BURST, { within, what: 'the burst' });
    expect(transport.counters.receiptsDropped).to.equal(0);
    expect(got.map(({ properties }) => properties.correlationId)).to.deep.equal(
      Array.from({ length: BURST }, (_, n) => String(n)),
    );
  });

  it('for a queue wait while disconnected, and are sent afterwards', async () => {
    const replies = `${names.replies(namespace)}gateway`;
    await outsider.channel.assertQueue(replies, { exclusive: true });
    const got = await outsider.collect(replies);
    transport.receipts.send(replies, 'first', receiptOf('c1'));
    await eventually(() => got.length === 1, { within, what: 'the first receipt' });
    await wire.cut();
    await eventually(() => !transport.health().ok, { within, what: 'the loss of the connections' });
    transport.receipts.send(replies, 'second', receiptOf('c2'));
    await wire.join();
    await eventually(() => got.length === 2, { within, what: 'the second receipt' });
    expect(got.map(({ properties }) => properties.correlationId)).to.deep.equal(['first', 'second']);
  });

  describe('by direct reply-to', () => {
    it('all arrive, although the first one tests the address', async () => {
      const { address, got } = await directAddress();
      for (let count = 1; count <= 200; count += 1) transport.receipts.send(address, `${count}`, receiptOf('c'));
      await eventually(() => got.length >= 200, { within, what: 'every receipt' });
      const expected = Array.from({ length: 200 }, (_, index) => `${index + 1}`);
      expect(got.map(({ properties }) => properties.correlationId)).to.have.members(expected);
      expect(got[0]?.properties).to.include({ type: 'receipt', contentType: 'application/json' });
      expect(got[0]?.properties.headers ?? {}).to.deep.equal({});
    });

    it('are not delayed by forged addresses of other nodes, nor by forged processes of the same node', async () => {
      const { address, got } = await directAddress();
      const node = nodeOf(address);
      const forged = [
        addressOfNobody,
        () => directReplyAddress({ node, id: 0xffffffff }),
        () => directReplyAddress({ node, serial: 0xffffffff }),
        () => directReplyAddress({ node, id: 0x7fff }),
      ];
      const delays: number[] = [];
      for (let round = 0; round < 20; round += 1) {
        for (const forge of forged) transport.receipts.send(forge(), 'forged', receiptOf('c'));
        const sentAt = Date.now();
        transport.receipts.send(address, `${round}`, receiptOf('c'));
        await eventually(() => got.length > round, { within, what: `receipt ${round}` });
        delays.push(Date.now() - sentAt);
      }
      // The first one may have to wait for the connection on which addresses are tried.
      expect(Math.max(...delays.slice(1)), delays.join(', ')).to.be.below(DELAY_MAX_MS);
    });

    it('are not sent any more to a node whose address closed the connection', async function () {
      const sendTo = (address: string) => transport.receipts.send(address, 'forged', receiptOf('c'));
      const node = nodeOf(addressOfNobody());
      sendTo(directReplyAddress({ node }));
      // A broker that takes such addresses, as RabbitMQ 4 does, proves the node instead.
      const { got, address } = await directAddress();
      sendTo(address);
      await eventually(() => got.length === 1, { within, what: 'a receipt behind the forged one' });
      if (transport.counters.receiptsIgnored === 0) this.skip();
      sendTo(directReplyAddress({ node, id: 8 }));
      expect(transport.counters.receiptsIgnored).to.equal(2);
    });

    it('are sent after a lost connection is restored', async () => {
      const { address, got } = await directAddress();
      transport.receipts.send(address, 'first', receiptOf('c'));
      transport.receipts.send(address, 'second', receiptOf('c'));
      await eventually(() => got.length === 2, { within, what: 'two receipts' });
      await wire.cut();
      await eventually(() => !transport.health().ok, { within, what: 'the loss of the connections' });
      transport.receipts.send(address, 'third', receiptOf('c'));
      await wire.join();
      await eventually(() => got.length === 3, { within, what: 'the third receipt' });
    });
  });
});

function nodeOf(address: string): string {
  const pid = Buffer.from(address.split('.')[3] ?? '', 'base64').toString('latin1');
  return /reply@\d+/.exec(pid)?.[0] ?? expect.fail(`no node in ${address}`);
}

function outgoing(commandId: string): OutgoingCommand {
  const trace = { authorization: null, traceparent: null, tracestate: null };
  return { type: 't', commandId, routingKey: 'chat', body: Buffer.from('{}'), ...trace };
}

function receiptOf(commandId: string): Receipt {
  return {
    ...{ commandId, type: 't', status: 'accepted', tenantId: 'default', chatId: null, messageId: null },
    ...{ sequence: null, at: '2026-11-20T20:15:00.123Z', decisionId: null, replayed: false },
  };
}
