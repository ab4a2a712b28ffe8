import { expect } from 'chai';
import type { AmqpTransport } from '../../../src/adapters/transports/amqp/amqp-transport.js';
import { names } from '../../../src/contract/messages/topology.js';
import { freePort } from '../../../src/infrastructure/free-port.js';
import { batch, LiveReader } from '../../conformance/transport/live-feed.js';
import { Wire } from '../../support/broker/wire.js';
import { eventually } from '../../support/eventually.js';
import { rabbitmq } from '../../support/services/services.js';
import { amqpTransport, Outsider } from './amqp-harness.js';

const within = 20_000;
const MIB = 1024 * 1024;

describe('The live feed on RabbitMQ', () => {
  let wire: Wire;
  let transport: AmqpTransport;
  let outsider: Outsider;
  let made: Awaited<ReturnType<typeof amqpTransport>>;

  beforeEach(async () => {
    const { url } = await rabbitmq();
    wire = new Wire(await freePort(), url);
    await wire.join();
    made = await amqpTransport({ url: wire.url });
    ({ transport } = made);
    await transport.start();
    outsider = await Outsider.connect(url);
  });
  afterEach(async () => {
    await wire.cut();
    await transport.stop();
    await outsider.deleteObjects(made.topology);
    await outsider.close();
  });

  /** Publishes until the reader gets copies. Each copy has a new position. */
  async function served(reader: LiveReader): Promise<void> {
    const before = reader.events.length;
    let position = (reader.events.at(-1)?.position ?? 0) + 1;
    const isServed = () => {
      transport.live.publish(batch(0, position, 1));
      position += 1;
      return reader.events.length > before;
    };
    await eventually(isServed, { within, what: 'a copy' });
  }

  it('reports a cut connection to the reader, and serves a new subscription on the next one', async () => {
    const reader = new LiveReader();
    await transport.live.subscribe(reader);
    await served(reader);
    await wire.cut();
    await eventually(() => reader.losses.length === 1, { within, what: 'the loss' });
    await wire.join();
    await eventually(() => transport.health().ok, { within, what: 'the next connection' });
    const next = new LiveReader();
    await transport.live.subscribe(next);
    await served(next);
    expect(reader.losses).to.have.length(1);
  });

  it('drops copies while the connection accepts none, in bounded memory', async () => {
    const reader = new LiveReader();
    await transport.live.subscribe(reader);
    await served(reader);
    wire.freeze();
    const { sent, dropped } = transport.live.counters;
    // More than the sockets and the wire between them can hold.
    const batches = 128;
    for (let index = 0; index < batches; index += 1) {
      transport.live.publish(batch(1, index * 8 + 1, 8, MIB / 8));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { counters } = transport.live;
    expect(counters.sent - sent + counters.dropped - dropped).to.equal(batches * 8);
    expect(counters.sent - sent).to.be.below(batches * 4);
  });

  it('drops copies without a connection', async () => {
    await wire.cut();
    await eventually(() => !transport.health().ok, { within, what: 'the loss of the connection' });
    const { dropped } = transport.live.counters;
    transport.live.publish(batch(0, 1, 3));
    expect(transport.live.counters.dropped).to.equal(dropped + 3);
  });

  it('opens its channel again after the broker has closed it', async () => {
    const reader = new LiveReader();
    await transport.live.subscribe(reader);
    await served(reader);
    await outsider.channel.deleteExchange(names.live(made.namespace));
    const isClosed = () => {
      transport.live.publish(batch(0, 1, 1));
      return made.log.lines.some((line) => line.includes('live feed channel closed'));
    };
    await eventually(isClosed, { within, what: 'the end of the channel' });
    await outsider.channel.assertExchange(names.live(made.namespace), 'topic');
    const next = new LiveReader();
    await transport.live.subscribe(next);
    await served(next);
  });

  it('gives a reader transient messages in an exclusive queue, and ignores messages of other programs', async () => {
    const reader = new LiveReader();
    const subscription = await transport.live.subscribe(reader);
    await served(reader);
    const count = reader.events.length;
    await outsider.publish(names.live(made.namespace), 'p0', Buffer.from('no copy\n'), { headers: { partition: 'x' } });
    await outsider.publish(names.live(made.namespace), 'p0', Buffer.from('no copy'));
    await served(reader);
    expect(reader.events.length).to.be.above(count);
    for (const { body } of reader.events) expect(Buffer.from(body).toString()).to.contain('"position"');

    const { queue } = await outsider.channel.assertQueue('', { exclusive: true });
    await outsider.channel.bindQueue(queue, names.live(made.namespace), 'p7');
    const copies = await outsider.collect(queue);
    transport.live.publish(batch(7, 1, 3));
    await eventually(() => copies.length === 1, { within, what: 'the copy by its routing key' });
    expect(copies[0]?.properties).to.include({ deliveryMode: undefined, contentType: 'application/x-ndjson' });
    expect(copies[0]?.properties.headers).to.deep.equal({ partition: 7, position: 1 });
    await subscription.close();
  });
});
