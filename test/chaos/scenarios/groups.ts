/** Faults of one partition, or of the transaction, while several partitions commit together. */
import type { FleetHarness, FleetHarnessOptions } from '../fleet-harness.js';
import { poisonBuried } from './commands.js';
import { besides, GATHERING_MS, somebodyWaits, strike } from './database.js';
import { atCommit } from './kills.js';
import type { Scenario } from './scenario.js';

/** The least that is a group. */
const TOGETHER = 2;
/**
 * Commands of two partitions seldom arrive at the same moment. With four partitions a worker, some wait for the
 * transaction before, and then share one.
 */
export const FOR_GROUPS: FleetHarnessOptions = { partitions: 8, chats: 24 };
const LOST_REPLIES = 3;
const LOCKED_MS = 5_000;
/** A batch may happen to be alone, so the fault is repeated until one was not. */
const TRIES = 10;

interface Row {
  partition: number;
  epoch: number;
}

async function epochs({ fleet }: FleetHarness): Promise<Map<number, number>> {
  const rows = await fleet.query<Row>('SELECT partition, epoch::int AS epoch FROM partitions');
  return new Map(rows.map(({ partition, epoch }) => [partition, epoch]));
}

async function partitionsOfChats({ fleet }: FleetHarness): Promise<Map<string, number>> {
  const rows = await fleet.query<{ chatId: string; partition: number }>(
    'SELECT chat_id AS "chatId", partition FROM chats',
  );
  return new Map(rows.map(({ chatId, partition }) => [chatId, partition]));
}

export const groupReplyLost: Scenario = {
  name: 'group-commit-reply-lost',
  row: 'lost reply to COMMIT',
  what: `the reply to the COMMIT of several partitions is lost, ${LOST_REPLIES} times: all leases are acquired again`,
  async play(harness) {
    await strike(harness, 'lose the reply to COMMIT', LOST_REPLIES, TOGETHER);
    await harness.flows();
  },
};

export const groupLeaseTaken: Scenario = {
  name: 'group-lease-taken',
  row: 'take-over and shutdown within a batch, two owners, a frozen owner',
  what: "one partition's lease is taken while the batches of several partitions are in the database: only that one leaves",
  async play(harness) {
    const before = await epochs(harness);
    let taken = -1;
    await besides(harness, async (session) => {
      const { databaseWire } = harness;
      databaseWire.onStrike = async ({ partitions }) => {
        databaseWire.onStrike = undefined;
        taken = partitions.at(-1) ?? -1;
        await session.query('BEGIN');
        await session.query("UPDATE partitions SET epoch = epoch + 1, owner = 'a thief' WHERE partition = $1", [taken]);
      };
      await strike(harness, 'delay COMMIT', 1, TOGETHER);
      await somebodyWaits(session);
      await session.query('COMMIT');
    });
    await harness.flows();
    const changed = [...(await epochs(harness))].filter(([partition, epoch]) => epoch !== before.get(partition));
    if (changed.length !== 1 || changed[0]?.[0] !== taken)
      throw new Error(
        `partition ${taken} was taken; leases of ${changed.map(([partition]) => partition)} have changed`,
      );
  },
};

export const groupRowLocked: Scenario = {
  name: 'group-row-locked',
  row: 'database restarted, serialization failure, deadlock, exhausted connections, no response',
  what: `the row of one partition is locked for ${LOCKED_MS} ms: the chats of the others are answered meanwhile`,
  async play(harness) {
    const partitionOf = await partitionsOfChats(harness);
    const [locked] = partitionOf.values();
    const others = harness.chats.filter(({ chatId }) => partitionOf.get(chatId) !== locked);
    await besides(harness, async (session) => {
      await session.query('BEGIN');
      await session.query('SELECT FROM partitions WHERE partition = $1 FOR UPDATE', [locked]);
      await somebodyWaits(session);
      const until = Date.now() + LOCKED_MS;
      do await harness.flows(LOCKED_MS, others);
      while (Date.now() < until);
      await session.query('ROLLBACK');
    });
    await harness.flows();
  },
};

export const groupPoison: Scenario = {
  name: 'group-poison',
  row: 'poison command in a batch',
  what: 'a poison command comes in the batches of several partitions: they fail once, then its partition is alone with it',
  async play(harness, round) {
    const { databaseWire } = harness;
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const commandId = `group-poison-${round}-${attempt}`;
      const together: number[] = [];
      databaseWire.onCommit = ({ partitions, bytes }) => {
        if (bytes.includes(commandId)) together.push(partitions.length);
      };
      databaseWire.commitDelayMs = GATHERING_MS;
      await poisonBuried(harness, [{ number: attempt, commandId }]);
      Object.assign(databaseWire, { onCommit: undefined, commitDelayMs: 0 });
      const [first = 0, ...later] = together;
      if (later.some((count) => count > 1)) throw new Error(`partitions shared its attempts: ${together}`);
      if (first > 1) return harness.flows();
    }
    throw new Error(`no poison command was in a group, ${TRIES} times`);
  },
};

export const groupKilled: Scenario = {
  ...atCommit(
    'group-kill-committing',
    'killed when the COMMIT of several partitions has arrived and its reply has not',
    'lose the reply to COMMIT',
    TOGETHER,
  ),
  harness: FOR_GROUPS,
};

export const groups: Scenario[] = [
  {
    ...atCommit(
      'group-kill-written',
      'killed when everything of several partitions is written and COMMIT has not arrived',
      'lose COMMIT',
      TOGETHER,
    ),
    harness: FOR_GROUPS,
  },
  groupKilled,
  groupReplyLost,
  {
    name: 'group-commit-lost',
    row: 'lost reply to COMMIT',
    what: `the connection is cut before the COMMIT of several partitions, ${LOST_REPLIES} times`,
    async play(harness) {
      await strike(harness, 'lose COMMIT', LOST_REPLIES, TOGETHER);
      await harness.flows();
    },
  },
  groupRowLocked,
  groupPoison,
  groupLeaseTaken,
];
