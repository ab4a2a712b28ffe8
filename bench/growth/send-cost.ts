/** The cost of storing a message in a large store and in a small one: real workers on two stores, in turns. */
import { cpuSeconds } from '../measuring/cpu-time.js';
import { showProgress } from '../running/progress.js';
import { ChatTraffic, ledgerFaults, type TrafficCommand } from './chat-traffic.js';
import { LoadedChats, type LoadSize } from './loading/loaded-chats.js';
import { Random } from './loading/random.js';
import { Texts } from './loading/texts.js';
import { type Stand, withSql } from './stand.js';

const IN_FLIGHT = 1_000;
const MICROSECONDS = 1_000_000;
/** Size of the warm-up, as a share of a round. */
const WARM_UP_SHARE = 0.5;

export interface SendRound {
  /** Microseconds of processor time per command, and commands per second. */
  postgres: number;
  worker: number;
  perSecond: number;
  /** Bytes of write-ahead log per command. */
  wal: number;
  faults: string[];
}

export interface SendFigures {
  /** Of each store, in the given order. */
  stores: SendRound[][];
}

interface Sender {
  database: string;
  url: string;
  pid: number;
  traffic: ChatTraffic;
  sends: (count: number, prefix: string) => Iterable<TrafficCommand>;
  stop(): Promise<void>;
}

export async function measureSends(
  stand: Stand,
  stores: readonly { database: string; size: LoadSize }[],
  { rounds, sends }: { rounds: number; sends: number },
  stopping: AbortSignal,
): Promise<SendFigures> {
  const senders: Sender[] = [];
  try {
    for (const { database, size } of stores) {
      const worker = await stand.startWorker(database);
      const url = stand.databaseUrl(database);
      const traffic = await ChatTraffic.connect(stand.amqpUrl, database, stopping);
      const stop = async () => {
        await traffic.close();
        await worker.stop();
      };
      senders.push({ database, url, pid: worker.pid, traffic, sends: sendsTo(new LoadedChats(size), size), stop });
    }
    for (const sender of senders) {
      await round(stand, sender, Math.ceil(sends * WARM_UP_SHARE), 'warm-up-');
      // Dead rows of the placement and of the warm-up must not count.
      await withSql(sender.url, (sql) => sql.query('VACUUM (ANALYZE)'));
    }
    await withSql(senders[0]?.url ?? '', (sql) => sql.query('CHECKPOINT'));
    const figures: SendFigures = { stores: senders.map(() => []) };
    const progress = showProgress('sending, rounds', rounds);
    for (let n = 0; n < rounds; n += 1) {
      const turns = [...senders.entries()];
      for (const [store, sender] of n % 2 === 0 ? turns : turns.reverse())
        figures.stores[store]?.push(await round(stand, sender, sends, `round-${n}-`));
      progress.at(n + 1);
    }
    progress.end();
    return figures;
  } finally {
    for (const { stop } of senders) await stop();
  }
}

async function round(stand: Stand, sender: Sender, count: number, prefix: string): Promise<SendRound> {
  const cpu = () => ({ postgres: cpuSeconds([stand.postgresPid]), worker: cpuSeconds([sender.pid]) });
  const receiptsBefore = await countReceipts(sender.url);
  const walBefore = await walPosition(sender.url);
  const before = cpu();
  const began = performance.now();
  const ledger = await sender.traffic.run(sender.sends(count, prefix), { inFlight: IN_FLIGHT });
  const seconds = (performance.now() - began) / 1_000;
  const after = cpu();
  const walAfter = await walPosition(sender.url);
  const stored = (await countReceipts(sender.url)) - receiptsBefore;
  return {
    postgres: ((after.postgres - before.postgres) / count) * MICROSECONDS,
    worker: ((after.worker - before.worker) / count) * MICROSECONDS,
    perSecond: count / seconds,
    wal: (walAfter - walBefore) / count,
    faults: ledgerFaults(ledger, stored),
  };
}

async function countReceipts(url: string): Promise<number> {
  return withSql(
    url,
    async (sql) => (await sql.query('SELECT count(*)::int AS receipts FROM receipts')).rows[0].receipts,
  );
}

/** Of the whole server, which has no other clients. */
export async function walPosition(url: string): Promise<number> {
  return withSql(url, async (sql) => {
    const { rows } = await sql.query(`SELECT (pg_current_wal_lsn() - '0/0')::float8 AS bytes`);
    return rows[0].bytes as number;
  });
}

/** Messages of members to the chats of the store, with the traffic of each chat. */
export function sendsTo(chats: LoadedChats, { bodyBytes, seed }: Pick<LoadSize, 'bodyBytes' | 'seed'>) {
  const random = new Random(seed + 2);
  const texts = new Texts(random, bodyBytes);
  return function* (count: number, prefix: string): Generator<TrafficCommand> {
    for (let n = 0; n < count; n += 1) {
      const chat = chats.pick();
      const actorId = chats.user(chat, random.below(chats.sizes[chat] ?? 1));
      // As long as a UUID, since it is stored.
      const commandId = `${prefix}${random.uuid()}`.slice(0, 36);
      yield { type: 'message.send', commandId, chatId: chats.ids[chat] ?? '', actorId, data: { body: texts.next() } };
    }
  };
}
