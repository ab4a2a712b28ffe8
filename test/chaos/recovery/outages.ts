/** The time until the first accepted command after an outage, and until the partitions of a lost worker are served. */
import { eventually } from '../../support/eventually.js';
import type { TestProcess } from '../../support/fleet/processes.js';
import { FleetHarness, lasting, WITHIN_MS } from '../fleet-harness.js';
import { type Measure, secondsOf, type Take } from './figure.js';

type Chat = FleetHarness['chats'][number];

/** Interval at which a producer retries. */
const ASK_EVERY_MS = 50;
/** After this time all processes have noticed the outage, and use the longest pauses. */
const OUTAGE_MS = 3_000;

/** Sends commands repeatedly, and resolves with the first accepted receipt. */
async function firstAccepted(harness: FleetHarness, chats: readonly Chat[]): Promise<void> {
  const deadline = Date.now() + WITHIN_MS;
  let isAccepted = false;
  for (let asked = 0; !isAccepted; asked += 1) {
    if (Date.now() > deadline) throw new Error(`nothing is accepted within ${WITHIN_MS} ms\n${harness.lastLogLines()}`);
    const chat = chats[asked % chats.length] as Chat;
    harness.accepts(chat, WITHIN_MS).then(
      (isSo) => {
        isAccepted ||= isSo;
      },
      () => undefined, // one that stays without a receipt is asked for again at the end, by the ledger
    );
    await lasting(ASK_EVERY_MS);
  }
}

async function onStage(
  options: Parameters<typeof FleetHarness.open>[0],
  use: (harness: FleetHarness) => Promise<void>,
): Promise<void> {
  const harness = await FleetHarness.open(options);
  try {
    await use(harness);
    const { faults } = await harness.settle();
    if (faults.length > 0) throw new Error(`the ledger does not close: ${faults.join('; ')}`);
  } finally {
    await harness.close();
  }
}

const BROKER: Measure = { name: 'broker', what: 'broker back → first accepted receipt', unit: 's', goal: 5 };

export async function brokerBack(runs: number, take: Take): Promise<void> {
  await onStage({ ownBroker: true, isLoaded: false }, async (harness) => {
    for (let run = 0; run < runs; run += 1) {
      await harness.stopBroker();
      await lasting(OUTAGE_MS);
      await harness.startBroker();
      take(BROKER, await secondsOf(() => firstAccepted(harness, harness.chats)));
    }
  });
}

const DATABASE: Measure = { name: 'database', what: 'database back → first accepted receipt', unit: 's', goal: 3 };

export async function databaseBack(runs: number, take: Take): Promise<void> {
  await onStage({ ownDatabase: { fsync: 'off' } }, async (harness) => {
    for (let run = 0; run < runs; run += 1) {
      await harness.stopDatabase();
      await lasting(OUTAGE_MS);
      await harness.startDatabase();
      take(DATABASE, await secondsOf(() => firstAccepted(harness, harness.chats)));
      await harness.flows();
    }
  });
}

/** One chat in each partition that the worker owns. */
async function chatsServedBy(harness: FleetHarness, { pid }: TestProcess): Promise<Chat[]> {
  const rows = await harness.fleet.query<{ chat_id: string }>(
    `SELECT DISTINCT ON (partition) chat_id FROM chats JOIN partitions USING (partition) WHERE owner LIKE $1`,
    [`%-${pid}-%`],
  );
  return rows.flatMap(({ chat_id }) => harness.chats.find(({ chatId }) => chatId === chat_id) ?? []);
}

async function fairlyOwned(harness: FleetHarness): Promise<void> {
  await eventually(
    async () => {
      const owned = await harness.fleet.ownership();
      return !owned.has(null) && owned.size === 2 && [...owned.values()].every((count) => count === 2);
    },
    { within: WITHIN_MS, what: 'two workers own two partitions each' },
  );
  await harness.flows();
}

async function untilServed(harness: FleetHarness, chats: readonly Chat[]): Promise<number> {
  if (chats.length === 0) throw new Error('the worker owned no partition with a chat');
  return secondsOf(() => Promise.all(chats.map((chat) => firstAccepted(harness, [chat]))));
}

const TWO_WORKERS = { workers: 2, partitions: 4, chats: 24 };

const KILLED: Measure = { name: 'killed', what: 'worker killed → all its partitions served', unit: 's', goal: 2 };

export async function killedWorker(runs: number, take: Take): Promise<void> {
  await onStage(TWO_WORKERS, async (harness) => {
    for (let run = 0; run < runs; run += 1) {
      await fairlyOwned(harness);
      const victim = harness.workers[0] as TestProcess;
      const chats = await chatsServedBy(harness, victim);
      harness.workers.shift();
      victim.send('SIGKILL');
      take(KILLED, await untilServed(harness, chats));
      await harness.addWorker();
    }
  });
}

const FROZEN: Measure = { name: 'frozen', what: 'worker frozen → all its partitions served', unit: 's', goal: 30 };

export async function frozenWorker(runs: number, take: Take): Promise<void> {
  await onStage(TWO_WORKERS, async (harness) => {
    for (let run = 0; run < runs; run += 1) {
      await fairlyOwned(harness);
      const frozen = harness.workers[run % 2] as TestProcess;
      const chats = await chatsServedBy(harness, frozen);
      frozen.pause();
      try {
        take(FROZEN, await untilServed(harness, chats));
      } finally {
        frozen.resume();
      }
    }
  });
}
