/** Real workers, a real database and a real broker, with a reader of the live feed. */
import { expect } from 'chai';
import type { AmqpTransport } from '../../../src/adapters/transports/amqp/amqp-transport.js';
import type { LiveReaders } from '../../../src/application/ports/store/log/live-readers.js';
import type { LiveEvent } from '../../../src/application/ports/transport/live-feed.js';
import { LiveReader } from '../../conformance/transport/live-feed.js';
import { eventually } from '../../support/eventually.js';
import { Fleet } from '../../support/fleet/fleet.js';
import { amqpTransport } from '../amqp/amqp-harness.js';
import { prismaStore } from '../prisma/prisma-harness.js';

const TEST_TIMEOUT_MS = 120_000;
const WITHIN_MS = 30_000;
const MESSAGES = 200;

describe('The live feed of a running worker', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let fleet: Fleet;
  let transport: AmqpTransport;
  let readers: LiveReaders;
  let reader: LiveReader;
  let chat: { chatId: string; users: string[] };
  const closers: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    fleet = await Fleet.create({ partitions: 2 });
    closers.push(() => fleet.close());
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function start(env: Record<string, string>): Promise<void> {
    await (await fleet.startWorker(env)).ready();
    await fleet.connect();
    const store = prismaStore(fleet.databaseUrl);
    closers.push(() => store.close());
    readers = store.liveReaders;
    ({ transport } = await amqpTransport({ url: fleet.amqpUrl, namespace: fleet.namespace, state: null }));
    await transport.start();
    closers.push(() => transport.stop());
    reader = new LiveReader();
    await transport.live.subscribe(reader);
    chat = await fleet.createGroup(2);
  }

  let sends = 0;
  const send = (count = 1) => {
    const [actorId = ''] = chat.users;
    return Promise.all(
      Array.from({ length: count }, () => {
        sends += 1;
        const data = { body: `message ${sends}` };
        return fleet.producer.request({
          ...{ type: 'message.send', commandId: `send-${sends}`, actorId, chatId: chat.chatId, data },
        });
      }),
    );
  };
  const textOf = ({ body }: LiveEvent) => Buffer.from(body).toString();
  /** Dispatch has everything that is committed. */
  const allDispatched = () =>
    eventually(
      async () => {
        const [row] = await fleet.query<{ count: number }>('SELECT count(*)::int4 AS count FROM chat_events');
        return fleet.dispatch.bodies.length === row?.count;
      },
      { within: WITHIN_MS, what: 'all events at dispatch' },
    );

  it('has no copies before a reader registers, then the dispatched events with their positions in the log', async () => {
    await start({});
    await send(10);
    await allDispatched();
    expect(reader.events).to.have.length(0);

    await readers.heartbeat('gateway-1');
    const heartbeats = setInterval(() => void readers.heartbeat('gateway-1'), 500);
    try {
      const isCopied = async () => {
        await send();
        return reader.events.length > 0;
      };
      await eventually(isCopied, { within: WITHIN_MS, what: 'the first copy' });
      await allDispatched();
      const { bodies } = fleet.dispatch;
      const from = bodies.length;
      const copied = reader.events.length;
      await send(MESSAGES);
      await allDispatched();
      await eventually(() => reader.events.length === copied + MESSAGES, { within: WITHIN_MS, what: 'all copies' });
      const copies = reader.events.slice(copied);
      expect(copies.map(textOf)).to.deep.equal(bodies.slice(from).map(String));
      const logged = await fleet.query<{ partition: number; position: number }>(
        `SELECT partition, position::float8 AS position FROM chat_events WHERE chat_id = $1 AND type = 'message.created'
         ORDER BY sequence DESC LIMIT ${MESSAGES}`,
        [chat.chatId],
      );
      expect(copies.map(({ partition, position }) => ({ partition, position }))).to.deep.equal(logged.reverse());
    } finally {
      clearInterval(heartbeats);
    }
    // Without a heartbeat the worker stops on its own.
    const isSilent = async () => {
      const before = reader.events.length;
      await send();
      await allDispatched();
      return reader.events.length === before;
    };
    await eventually(isSilent, { within: WITHIN_MS, what: 'the end of the copies' });
  });

  it('has no copies with REALTIME=off', async () => {
    await start({ REALTIME: 'off' });
    await readers.heartbeat('gateway-1');
    // The worker reads the number of readers with each of its heartbeats.
    const seen = new Set<number>();
    const hasSeenReader = async () => {
      const [row] = await fleet.query<{ at: Date }>(
        'SELECT w.heartbeat_at AS at FROM workers w JOIN live_readers r ON w.heartbeat_at > r.heartbeat_at',
      );
      if (row !== undefined) seen.add(row.at.getTime());
      return seen.size >= 2;
    };
    await eventually(hasSeenReader, { within: WITHIN_MS, what: 'two heartbeats of the worker' });
    await send(10);
    await allDispatched();
    expect(reader.events).to.have.length(0);
  });
});
