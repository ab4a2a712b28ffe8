/** Parley with a reader of its live feed, which only counts what it gets. */
import { randomUUID } from 'node:crypto';
import amqp from 'amqplib';
import { openDatabase } from '../../src/adapters/stores/prisma/prisma-database.js';
import { PrismaLiveReaders } from '../../src/adapters/stores/prisma/prisma-live-readers.js';
import { LIVE_READER_HEARTBEAT_MS } from '../../src/application/ports/store/log/live-readers.js';
import { liveQueue, names } from '../../src/contract/messages/topology.js';
import { type BenchOptions, LIVE_TITLE } from '../options.js';
import type { PrivateServices } from '../running/private-services.js';
import { type ParleySubject, startParley } from './parley.js';

const LIVE_NAMESPACE = 'live';

/** The subject measures no copies. If the reader got none, `stop` rejects: the lane would show nothing. */
export async function startParleyWithReader(
  services: PrivateServices,
  options: BenchOptions,
  template: string,
): Promise<ParleySubject> {
  const parley = await startParley(services, options, { title: LIVE_TITLE, namespace: LIVE_NAMESPACE, template });
  const readers = openReaders(parley.databaseUrl);
  const connection = await amqp.connect(services.amqpUrl);
  connection.on('error', (error: Error) => console.error(`connection lost: ${error.message}`));
  const channel = await connection.createChannel();
  const { name, arguments: limits } = liveQueue(LIVE_NAMESPACE, randomUUID());
  await channel.assertQueue(name, { exclusive: true, autoDelete: true, durable: false, arguments: limits });
  await channel.bindQueue(name, names.live(LIVE_NAMESPACE), '#');
  let messages = 0;
  let bytes = 0;
  await channel.consume(
    name,
    (message) => {
      messages += 1;
      bytes += message?.content.length ?? 0;
    },
    { noAck: true },
  );
  await readers.beat();
  const timer = setInterval(() => void readers.beat(), LIVE_READER_HEARTBEAT_MS);
  return {
    ...parley,
    get pids() {
      return parley.pids;
    },
    stop: async () => {
      clearInterval(timer);
      await connection.close();
      await readers.close();
      await parley.stop();
      console.error(`the live reader got ${messages} messages with ${bytes} bytes`);
      if (messages === 0) throw new Error('the live reader got no copies');
    },
  };
}

function openReaders(url: string) {
  const database = openDatabase({ url, poolSize: 1 });
  const readers = new PrismaLiveReaders(database);
  const id = randomUUID();
  return {
    beat: () =>
      readers.heartbeat(id).catch((error: Error) => console.error(`no heartbeat of the live reader: ${error.message}`)),
    close: () => database.$disconnect(),
  };
}
