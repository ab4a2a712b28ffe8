import { v4 } from 'uuid';
import { Producer } from '../../support/fleet/producer.js';
import type { Row } from '../faults/table.js';
import { type FleetHarness, lasting, WITHIN_MS } from '../fleet-harness.js';
import type { Scenario } from './scenario.js';

const HAND_OVERS = 3;
/** Each is a race between two chats. */
const RACES = 40;
const RACERS = 8;
/** In each of them a period of receipts ends. */
const WAVES = 3;
/** Longer than a command may be repeated here. */
const PERIODS_KEPT = '5 minutes';
/** A lost receipt is asked for again. */
const ASK_EVERY_MS = 3_000;
const ROW: Row = 'take-over and shutdown within a batch, two owners, a frozen owner';
export const HOUR_MS = 3_600_000;
/** Longer than a worker counts as alive, shorter than its connections do. */
const BRIEFLY_MS = 5_000;

async function ready(harness: FleetHarness): Promise<void> {
  await Promise.all(harness.workers.map((worker) => worker.ready()));
}

/** One of the steady workers, by its number. */
export async function frozenFor(harness: FleetHarness, number: number, forMs: number): Promise<void> {
  const frozen = harness.workers[number % harness.workers.length];
  frozen?.pause();
  try {
    await lasting(forMs);
  } finally {
    frozen?.resume();
  }
}

export const workers: Scenario[] = [
  {
    name: 'hand-over',
    row: ROW,
    what: `a second worker starts, and the first one is stopped with SIGTERM within its batches, ${HAND_OVERS} times`,
    async play(harness) {
      for (let handOver = 0; handOver < HAND_OVERS; handOver += 1) {
        const [first] = harness.workers;
        await harness.addWorker();
        await ready(harness);
        await harness.sends(100);
        if (first !== undefined) await harness.removeWorker(first);
        await harness.flows();
      }
    },
  },
  {
    name: 'frozen-owner',
    row: ROW,
    what: 'an owner is frozen with SIGSTOP until another worker serves its partitions, then resumed',
    harness: { workers: 2 },
    async play(harness, round) {
      const frozen = harness.workers[round % harness.workers.length];
      await harness.sends(50);
      frozen?.pause();
      try {
        await harness.flows();
      } finally {
        frozen?.resume();
      }
      await ready(harness);
      await harness.flows();
    },
  },
  {
    name: 'briefly-frozen-owner',
    row: ROW,
    what: `an owner is frozen for ${BRIEFLY_MS} ms: its lease ends, and its connections stay open`,
    harness: { workers: 2 },
    async play(harness, round) {
      await harness.sends(50);
      await frozenFor(harness, round, BRIEFLY_MS);
      await ready(harness);
      await harness.flows();
    },
  },
  {
    name: 'skewed-clocks',
    row: 'clocks skewed by an hour',
    what: 'workers with clocks an hour ahead and an hour behind share the partitions and take over from each other',
    async play(harness) {
      const [first] = harness.workers;
      await harness.addSkewedWorker(HOUR_MS);
      await harness.addSkewedWorker(-HOUR_MS);
      await ready(harness);
      if (first !== undefined) await harness.removeWorker(first);
      await harness.flows();
      const [ahead, behind] = harness.workers;
      ahead?.send('SIGKILL');
      await ahead?.ended;
      harness.workers.shift();
      await harness.flows();
      await harness.addSkewedWorker(HOUR_MS);
      await ready(harness);
      if (behind !== undefined) await harness.removeWorker(behind);
      await harness.flows();
      const [hours] = await harness.fleet.query<{ spread: number }>(
        `SELECT extract(epoch FROM max(at) - min(at)) / 3600 AS spread FROM chat_events`,
      );
      if (!(Number(hours?.spread) > 1.9)) throw new Error('the clocks were not skewed');
    },
  },
  {
    name: 'receipt-periods',
    row: 'clocks skewed by an hour',
    what: `${RACES} command ids at the same time in two partitions, whose workers have other clocks, while a period of receipts ends, ${WAVES} times`,
    async play(harness, round) {
      const { fleet } = harness;
      await harness.addSkewedWorker(HOUR_MS);
      await harness.addSkewedWorker(-HOUR_MS);
      await ready(harness);
      const connect = () => Producer.connect(fleet.amqpUrl, fleet.namespace, fleet.ledger);
      const producers = [await connect(), await connect()];
      try {
        const chats = await Promise.all(
          Array.from({ length: RACERS }, (_, racer) => chatsInTwoPartitions(harness, `racer-${round}-${racer}`)),
        );
        await fleet.query(`SELECT drop_receipts('${PERIODS_KEPT}')`);
        for (let wave = 0; wave < WAVES; wave += 1) {
          const races = Array.from({ length: RACES }, async (_, race) => {
            const { actorId, chatIds } = chats[race % RACERS] ?? { actorId: '', chatIds: [] };
            const commandId = `race-${round}-${wave}-${race}`;
            const answers = await Promise.all(
              producers.map((producer, index) => {
                const command = { type: 'message.send', commandId, actorId, chatId: chatIds[index] ?? '' };
                return producer.request({ ...command, data: { body: 'first' } }, WITHIN_MS, ASK_EVERY_MS);
              }),
            );
            const outcomes = answers.map(({ status, reason }) => reason?.code ?? status).sort();
            if (outcomes.join() !== 'accepted,conflict') throw new Error(`${commandId} in two chats: ${outcomes}`);
          });
          const begun = fleet.query(`SELECT begin_receipt_period('0')`);
          await Promise.all([...races, begun]);
        }
      } finally {
        await Promise.all(producers.map((producer) => producer.close()));
      }
      await harness.flows();
    },
  },
];

/** Two chats of the actor that belong to different partitions. */
async function chatsInTwoPartitions({ fleet }: FleetHarness, actorId: string) {
  const found = new Map<number, string>();
  while (found.size < 2) {
    const chatId = v4();
    const data = { kind: 'group', memberIds: [] };
    await fleet.producer.request({ type: 'chat.create', commandId: `create-${chatId}`, actorId, chatId, data });
    const [row] = await fleet.query<{ partition: number }>('SELECT partition FROM chats WHERE chat_id = $1', [chatId]);
    if (row !== undefined) found.set(row.partition, chatId);
  }
  return { actorId, chatIds: [...found.values()] };
}
