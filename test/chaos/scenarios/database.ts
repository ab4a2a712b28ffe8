import pg from 'pg';
import type { Fault } from '../../integration/prisma/cutting-proxy.js';
import { eventually } from '../../support/eventually.js';
import { type FleetHarness, lasting, WITHIN_MS } from '../fleet-harness.js';
import type { Scenario } from './scenario.js';

const LOST_REPLIES = 3;
const LOCKED_MS = 5_000;
const TERMINATED_FOR_MS = 2_000;
const USED_UP_MS = 4_000;
const CONNECTIONS_MAX = 20;
const SILENT_MS = 3_000;

/** Another client's session on the same database. */
export async function besides<T>(harness: FleetHarness, work: (session: pg.Client) => Promise<T>): Promise<T> {
  const session = new pg.Client({ connectionString: harness.fleet.databaseUrl });
  session.on('error', () => undefined); // the pending statement fails with it too
  await session.connect();
  try {
    return await work(session);
  } finally {
    await session.end();
  }
}

/** Waits until a worker waits for a lock. */
export async function somebodyWaits(session: pg.Client): Promise<void> {
  await eventually(
    async () => {
      // Within a transaction the server would repeat its first snapshot.
      await session.query('SELECT pg_stat_clear_snapshot()');
      const { rowCount } = await session.query(
        `SELECT FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'parley' AND wait_event_type = 'Lock'`,
      );
      return rowCount;
    },
    { within: WITHIN_MS, what: 'a worker waits for a lock' },
  );
}

/** A COMMIT that arrives this much later lets the commands of other partitions come together, on a fast machine too. */
export const GATHERING_MS = 40;

/** @param partitionsMin the number of partitions in the batches that meet the fault, at least */
export async function strike(
  { databaseWire }: FleetHarness,
  fault: Fault,
  times: number,
  partitionsMin = 0,
): Promise<void> {
  const goal = databaseWire.struck + times;
  Object.assign(databaseWire, { fault, partitionsMin, commitDelayMs: partitionsMin > 1 ? GATHERING_MS : 0 });
  await eventually(() => databaseWire.struck >= goal, { within: WITHIN_MS, what: `${times} COMMITs meet the fault` });
  Object.assign(databaseWire, { fault: 'none', partitionsMin: 0, commitDelayMs: 0 });
}

/** The server terminates the application's connections. */
async function terminate(session: pg.Client): Promise<void> {
  await session.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'parley'`,
  );
}

/** … again and again. */
export async function terminateFor(harness: FleetHarness, forMs: number): Promise<void> {
  await besides(harness, async (session) => {
    const until = Date.now() + forMs;
    do await terminate(session);
    while (Date.now() < until);
  });
}

export async function whileLocked(harness: FleetHarness, statement: string, forMs: number): Promise<void> {
  await besides(harness, async (session) => {
    await session.query('BEGIN');
    await session.query(statement);
    await somebodyWaits(session);
    await lasting(forMs);
    await session.query('ROLLBACK');
  });
  await harness.flows();
}

/** Stops all data in both directions and drops it. */
export async function silentFor(harness: FleetHarness, forMs: number): Promise<void> {
  harness.databaseWire.fault = 'fall silent';
  await lasting(forMs);
  harness.databaseWire.fault = 'none';
}

/** Raises an error of the server's with a SQLSTATE, for one in three batches, as long as it is there. */
export async function whileFailing(harness: FleetHarness, sqlState: string, failures: number): Promise<void> {
  await besides(harness, async (session) => {
    await session.query(`
      CREATE SEQUENCE failing;
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF nextval('failing') % 3 = 0 THEN RAISE EXCEPTION 'planted' USING ERRCODE = '${sqlState}'; END IF;
          RETURN NULL;
        END $$;
      CREATE TRIGGER failing AFTER INSERT ON messages FOR EACH STATEMENT EXECUTE FUNCTION fail()`);
    await eventually(
      async () => Number((await session.query('SELECT last_value FROM failing')).rows[0]?.last_value) >= 3 * failures,
      { within: WITHIN_MS, what: `${failures} batches fail` },
    );
    await session.query('DROP TRIGGER failing ON messages; DROP FUNCTION fail; DROP SEQUENCE failing');
  });
  await harness.flows();
}

export const commitReplyLost: Scenario = {
  name: 'commit-reply-lost',
  row: 'lost reply to COMMIT',
  what: `the connection passes COMMIT and is cut before the reply, ${LOST_REPLIES} times`,
  async play(harness) {
    await strike(harness, 'lose the reply to COMMIT', LOST_REPLIES);
    await harness.flows();
  },
};

export const deadlock: Scenario = {
  name: 'database-deadlock',
  row: 'database restarted, serialization failure, deadlock, exhausted connections, no response',
  what: 'a deadlock with a second session, in which the worker is the victim',
  async play(harness) {
    await besides(harness, async (session) => {
      // The worker looks first, so it is the one that is rolled back.
      await session.query(`SET deadlock_timeout = '60s'`);
      await session.query('BEGIN');
      // One chat and its partition: each transaction looks for a deadlock once, a second after its wait began.
      const chatId = harness.chats[0]?.chatId;
      await session.query('SELECT FROM chats WHERE chat_id = $1 FOR UPDATE', [chatId]);
      await somebodyWaits(session);
      await session.query(
        'SELECT FROM partitions WHERE partition = (SELECT partition FROM chats WHERE chat_id = $1) FOR UPDATE',
        [chatId],
      );
      await session.query('ROLLBACK');
    });
    await harness.flows();
  },
};

export const backendsTerminated: Scenario = {
  name: 'database-backends-terminated',
  row: 'database restarted, serialization failure, deadlock, exhausted connections, no response',
  what: `pg_terminate_backend for all connections of the workers, repeatedly for ${TERMINATED_FOR_MS} ms`,
  async play(harness) {
    await terminateFor(harness, TERMINATED_FOR_MS);
    await harness.flows();
  },
};

export const database: Scenario[] = [
  commitReplyLost,
  {
    name: 'commit-lost',
    row: 'lost reply to COMMIT',
    what: `the connection is cut before COMMIT, ${LOST_REPLIES} times`,
    async play(harness) {
      await strike(harness, 'lose COMMIT', LOST_REPLIES);
      await harness.flows();
    },
  },
  {
    name: 'commit-reply-swallowed',
    row: 'database restarted, serialization failure, deadlock, exhausted connections, no response',
    what: 'COMMIT is passed on and its reply never arrives: the promise does not settle',
    async play(harness) {
      await strike(harness, 'swallow the reply to COMMIT', 1);
      await harness.flows();
    },
  },
  {
    name: 'database-half-open',
    row: 'database restarted, serialization failure, deadlock, exhausted connections, no response',
    what: `no data passes in either direction for ${SILENT_MS} ms, and the data sent meanwhile is lost`,
    async play(harness) {
      await silentFor(harness, SILENT_MS);
      await harness.flows();
    },
  },
  {
    name: 'database-restart',
    row: 'database restarted, serialization failure, deadlock, exhausted connections, no response',
    what: 'the database is stopped with pg_ctl -m immediate, and started again',
    harness: { ownDatabase: { fsync: 'off' } },
    async play(harness) {
      await harness.stopDatabase();
      await harness.unready(harness.workers[0], /./);
      await harness.sends(50);
      await harness.startDatabase();
      await harness.flows();
    },
  },
  deadlock,
  {
    name: 'database-serialization-failure',
    row: 'database restarted, serialization failure, deadlock, exhausted connections, no response',
    what: 'SQLSTATE 40001 for every third batch, 5 of them',
    play: (harness) => whileFailing(harness, '40001', 5),
  },
  {
    name: 'database-row-locked',
    row: 'database restarted, serialization failure, deadlock, exhausted connections, no response',
    what: `the partitions' rows are locked for ${LOCKED_MS} ms`,
    play: (harness) => whileLocked(harness, 'SELECT FROM partitions FOR UPDATE', LOCKED_MS),
  },
  {
    name: 'database-table-locked',
    row: 'database restarted, serialization failure, deadlock, exhausted connections, no response',
    what: `LOCK TABLE messages for ${LOCKED_MS} ms`,
    play: (harness) => whileLocked(harness, 'LOCK TABLE messages IN ACCESS EXCLUSIVE MODE', LOCKED_MS),
  },
  backendsTerminated,
  {
    name: 'database-connections-used-up',
    row: 'database restarted, serialization failure, deadlock, exhausted connections, no response',
    what: `max_connections = ${CONNECTIONS_MAX}, and other clients hold all connections for ${USED_UP_MS} ms`,
    harness: { ownDatabase: { fsync: 'off', max_connections: String(CONNECTIONS_MAX) } },
    async play(harness) {
      const greedy: pg.Client[] = [];
      const open = async () => {
        const client = new pg.Client({ connectionString: harness.fleet.databaseUrl });
        client.on('error', () => undefined);
        await client.connect();
        greedy.push(client);
      };
      await open();
      const until = Date.now() + USED_UP_MS;
      while (Date.now() < until) {
        await terminate(greedy[0] as pg.Client);
        for (let isFree = true; isFree; )
          isFree = await open().then(
            () => true,
            () => false,
          );
      }
      await Promise.all(greedy.map((client) => client.end()));
      await harness.flows();
    },
  },
];
