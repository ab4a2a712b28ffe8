/**
 * A command has one effect within the retention of receipts, also if it comes to two partitions while a new period of
 * the receipts begins.
 */
import { expect } from 'chai';
import pg from 'pg';
import { BATCH_LOCK_TIMEOUT_MS, openDatabase } from '../../../../src/adapters/stores/prisma/prisma-database.js';
import { type ReceiptRecord, StoreError } from '../../../../src/application/ports/store/command-store.js';
import {
  aReceipt,
  aReceiptRecord,
  failsAs,
  NAMESPACE,
  Owner,
  PARTITIONS,
} from '../../../conformance/store/fixtures.js';
import { Chance } from '../../../property/simulation/virtual-time.js';
import { eventually } from '../../../support/eventually.js';
import {
  lockWaiters,
  openPrismaStore,
  POOL_SIZE,
  type PrismaHarness,
  prismaStore,
  WAITS_FOR_LOCKS,
  withConnection,
} from '../prisma-harness.js';
import { BatchSteps, PERIOD_IS_NOT_COMPARED, type Plant } from './batch-steps.js';
import { plantReceipts } from './planted-receipts.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const RETENTION_MS = 3 * DAY_MS;
/** In each of them two workers race for a few commands. */
const SCHEDULES = 40;
const STEPS = 30;
const COMMANDS = 3;
const SCHEDULES_TIMEOUT_MS = 120_000;

describe('The periods of receipts', () => {
  let store: PrismaHarness;
  /** A worker's connections. */
  let worker: PrismaHarness['database'];
  let operator: pg.Client;
  let first: Owner;
  let second: Owner;
  before(async () => {
    store = await openPrismaStore();
    worker = openDatabase({ url: store.url, poolSize: POOL_SIZE, forBatches: true });
    operator = new pg.Client({ connectionString: store.url });
    await operator.connect();
  });
  beforeEach(async () => {
    await query('DELETE FROM receipts; DELETE FROM receipt_periods; UPDATE partitions SET receipt_period = 0');
    first = await Owner.of(store, 0, 'first');
    second = await Owner.of(store, 1, 'second');
  });
  after(async () => {
    await operator?.end();
    await worker?.$disconnect();
    await store?.close();
  });

  const query = async <T extends object>(text: string, values: unknown[] = []) =>
    (await operator.query<T>(text, values)).rows;
  /** Begins a period, whatever its length was. False: the next table is in use. */
  const beginPeriod = async () => {
    const begin = () => query<{ begun: boolean }>(`SELECT begin_receipt_period('0') AS begun`);
    return (await begin())[0]?.begun === true;
  };
  const presentPeriods = async () =>
    (await query<{ period: number }>('SELECT DISTINCT receipt_period AS period FROM partitions')).map(
      ({ period }) => period,
    );
  const stored = async (...records: ReceiptRecord[]) => (await first.read({ receipts: records })).receipts.size;
  const tablesOf = (record: ReceiptRecord) =>
    query<{ slot: number }>('SELECT slot FROM receipts WHERE key = receipt_key($1, $2, $3) ORDER BY slot', [
      ...[record.tenantId, record.actorId, record.commandId],
    ]).then((rows) => rows.map(({ slot }) => slot));

  /** The same command comes to both partitions, and a period begins between what they read and what they write. */
  async function raceAtTheBeginning(plant?: Plant): Promise<{ record: ReceiptRecord; late: Promise<void> }> {
    const record = aReceiptRecord();
    const before = new BatchSteps(worker, first.ownership, record, plant);
    const after = new BatchSteps(worker, second.ownership, record, plant);
    expect(await before.read()).to.equal(false);
    expect(await beginPeriod()).to.equal(true);
    expect(await after.read()).to.equal(false);
    await after.write();
    return { record, late: before.write() };
  }

  it('refuse a batch that has read the earlier period, so that a command in two partitions has one effect', async () => {
    const { record, late } = await raceAtTheBeginning();
    await failsAs(late, 'contention');
    const again = new BatchSteps(worker, first.ownership, record);
    expect(await again.read(), 'decided again, it is a repeat').to.equal(true);
    expect(await tablesOf(record)).to.deep.equal([1]);
  });

  it('would let it have two effects if the period were not compared (planted bug)', async () => {
    const { record, late } = await raceAtTheBeginning(PERIOD_IS_NOT_COMPARED);
    await late;
    expect(await tablesOf(record)).to.deep.equal([0, 1]);
  });

  it('begin only after a batch that is being written, and the next batch finds its receipts', async () => {
    const waiting = prismaStore(store.url, WAITS_FOR_LOCKS);
    try {
      await withConnection(store.url, async (sql) => {
        const record = aReceiptRecord();
        // Another session holds the key, so the batch waits in the middle of its write, with its partition locked.
        await sql.query('BEGIN');
        await sql.query(plantReceipts('VALUES ($1)'), [record.commandId]);
        const owner = await Owner.of(waiting, 0, 'first');
        const write = owner.write(() => ({ receipts: [record] }));
        await lockWaiters(sql, 1);
        const late = new BatchSteps(worker, second.ownership, record);
        expect(await late.read()).to.equal(false);
        // The function would give up after 200 ms, so that batches do not wait for it.
        await sql.query('ALTER FUNCTION begin_receipt_period(interval) SET lock_timeout TO 60000');
        const begin = waiting.database.$queryRaw`SELECT begin_receipt_period('0')`.then(() => undefined);
        await lockWaiters(sql, 2);
        await sql.query('ROLLBACK');
        await write;
        await begin;
        expect(await presentPeriods()).to.deep.equal([1]);
        await failsAs(late.write(), 'contention');
        expect(await late.read()).to.equal(true);
        expect(await tablesOf(record)).to.deep.equal([0]);
      });
    } finally {
      await query('ALTER FUNCTION begin_receipt_period(interval) SET lock_timeout TO 200');
      await waiting.close();
    }
  });

  it('let two batches of the same period arbitrate by the key', async () => {
    const record = aReceiptRecord();
    const [one, other] = [first, second].map((owner) => new BatchSteps(worker, owner.ownership, record)) as [
      BatchSteps,
      BatchSteps,
    ];
    await beginPeriod();
    expect([await one.read(), await other.read()]).to.deep.equal([false, false]);
    await other.write();
    await failsAs(one.write(), 'contention');
    expect(await one.read()).to.equal(true);
  });

  /** Random steps of two workers, and periods that begin between any of them. Returns commands with two effects. */
  async function playSchedule(seed: number, plant?: Plant): Promise<number> {
    const chance = new Chance(seed, 'periods');
    await query('DELETE FROM receipts; DELETE FROM receipt_periods; UPDATE partitions SET receipt_period = 0');
    const records = Array.from({ length: COMMANDS }, () => aReceiptRecord());
    const effects = new Map<ReceiptRecord, number>();
    const batches = records.flatMap((record) =>
      [first, second].map((owner) => ({ record, steps: new BatchSteps(worker, owner.ownership, record, plant) })),
    );
    for (let step = 0; step < STEPS; step += 1) {
      if (chance.is(0.1)) {
        await beginPeriod();
        continue;
      }
      const { record, steps } = chance.pick(batches);
      if (!steps.hasRead) {
        if (await steps.read())
          batches.splice(
            batches.findIndex((batch) => batch.steps === steps),
            1,
          );
        if (batches.length === 0) break;
        continue;
      }
      const isWritten = await steps.write().then(
        () => true,
        (error: unknown) => {
          if (error instanceof StoreError && error.kind === 'contention') return false;
          throw error;
        },
      );
      if (isWritten) effects.set(record, (effects.get(record) ?? 0) + 1);
    }
    return [...effects.values()].filter((count) => count > 1).length;
  }

  it('never let a command have two effects, in any order of the steps; a planted bug does', async () => {
    let doubled = 0;
    let planted = 0;
    for (let seed = 1; seed <= SCHEDULES; seed += 1) {
      doubled += await playSchedule(seed);
      planted += await playSchedule(seed, PERIOD_IS_NOT_COMPARED);
    }
    expect(doubled).to.equal(0);
    expect(planted).to.be.at.least(1);
  }).timeout(SCHEDULES_TIMEOUT_MS);

  it('keep every receipt for the retention, and none for much longer', async () => {
    const days = 10;
    const written: ReceiptRecord[] = [];
    for (let day = 0; day < days; day += 1) {
      await store.commands.pruneReceipts(RETENTION_MS);
      const record = aReceiptRecord();
      written.push(record);
      await (day % 2 === 0 ? first : second).write(() => ({ receipts: [record] }));
      const found = (await first.read({ receipts: written })).receipts;
      const kept = written.filter((each) => found.has(`default alice ${each.commandId}`));
      // A period ends up to a day after the receipt.
      expect(kept, `day ${day}`).to.deep.equal(written.slice(-Math.min(written.length, 4)));
      for (const each of kept) expect((await store.queries.findReceipt(each))?.receipt).to.deep.equal(each.receipt);
      await query(`UPDATE receipt_periods SET began_at = began_at - interval '24 hours'`);
    }
    expect(await query('SELECT period FROM receipt_periods ORDER BY 1')).to.deep.equal(
      [6, 7, 8, 9].map((period) => ({ period })),
    );
    expect(await presentPeriods()).to.deep.equal([9]);
  });

  it('do not depend on the clocks of workers', async () => {
    const years = 365 * DAY_MS;
    const records = [-years, -HOUR_MS, HOUR_MS, years].map((skew) => {
      const at = new Date(Date.now() + skew);
      return aReceiptRecord(aReceipt({ at: at.toISOString() }), { at });
    });
    await first.write(() => ({ receipts: records }));
    for (let call = 0; call < 5; call += 1) await store.commands.pruneReceipts(RETENTION_MS);
    expect(await stored(...records)).to.equal(records.length);
    expect(await presentPeriods()).to.deep.equal([0]);
  });

  it('last longer while the next table is in use, instead of emptying it', async () => {
    const records = [aReceiptRecord(), aReceiptRecord(), aReceiptRecord(), aReceiptRecord()];
    for (const record of records) {
      await beginPeriod();
      await first.write(() => ({ receipts: [record] }));
    }
    expect(await presentPeriods()).to.deep.equal([3]);
    expect(await beginPeriod()).to.equal(false);
    expect(await stored(...records)).to.equal(records.length);
  });

  it('are turned by several workers at once, without an error and without losing a receipt', async () => {
    await store.commands.pruneReceipts(RETENTION_MS);
    const records = Array.from({ length: 40 }, () => aReceiptRecord());
    for (const [round, record] of records.entries()) {
      await query(`UPDATE receipt_periods SET began_at = began_at - interval '9 hours'`);
      const turns = [store, prismaStore(store.url), prismaStore(store.url)];
      await Promise.all([
        ...turns.map((each) => each.commands.pruneReceipts(RETENTION_MS)),
        writeAgain(round % 2 === 0 ? first : second, record),
      ]);
      await Promise.all(turns.slice(1).map((each) => each.close()));
      // After eight rounds a receipt is 72 hours old.
      const young = records.slice(Math.max(0, round - 7), round + 1);
      expect(await stored(...young)).to.equal(young.length);
      expect(await presentPeriods()).to.have.length(1);
    }
    expect((await presentPeriods())[0]).to.be.at.least(10);
  }).timeout(SCHEDULES_TIMEOUT_MS);

  /** As the worker does after contention. */
  async function writeAgain(owner: Owner, record: ReceiptRecord): Promise<void> {
    for (;;) {
      try {
        await owner.write(() => ({ receipts: [record] }));
        return;
      } catch (error) {
        if (!(error instanceof StoreError) || error.kind !== 'contention') throw error;
      }
    }
  }

  it('are not dropped while a statement reads the table, and batches go on behind the attempt', async () => {
    const waiting = prismaStore(store.url, WAITS_FOR_LOCKS);
    const record = aReceiptRecord();
    await first.write(() => ({ receipts: [record] }));
    await beginPeriod();
    await query(`UPDATE receipt_periods SET began_at = began_at - interval '100 hours'`);
    try {
      await withConnection(store.url, async (sql) => {
        // Such as a dump.
        await sql.query('BEGIN');
        await sql.query('SELECT FROM receipts LIMIT 1');
        // Long enough for a batch to queue behind it.
        await query(`ALTER FUNCTION drop_receipts(interval) SET lock_timeout TO '2s'`);
        const pruning = failsAs(waiting.commands.pruneReceipts(RETENTION_MS), 'contention');
        await lockWaiters(sql, 1);
        const owner = await Owner.of(waiting, 1, 'second');
        const reading = owner.read({ receipts: [record] });
        await lockWaiters(sql, 2);
        await pruning;
        expect((await reading).receipts.size).to.equal(1);
        await sql.query('COMMIT');
      });
      await store.commands.pruneReceipts(RETENTION_MS);
      expect(await stored(record)).to.equal(0);
    } finally {
      await query(`ALTER FUNCTION drop_receipts(interval) SET lock_timeout TO '100ms'`);
      await waiting.close();
    }
  });

  it('make batches wait for less than the time after which these would be decided again', async () => {
    const fresh = await openPrismaStore();
    const [row] = await fresh.database.$queryRaw<{ config: string[] }[]>`
      SELECT proconfig AS config FROM pg_proc WHERE proname = 'drop_receipts'`;
    await fresh.close();
    const timeout = row?.config.find((setting) => setting.startsWith('lock_timeout='));
    expect(Number(/=(\d+)ms$/.exec(timeout ?? '')?.[1])).to.be.within(1, BATCH_LOCK_TIMEOUT_MS / 2);
  });

  it('do not begin while a batch holds a partition for long, and change nothing then', async () => {
    await withConnection(store.url, async (sql) => {
      await sql.query('BEGIN');
      await sql.query('SELECT FROM partitions WHERE partition = 2 FOR UPDATE');
      const begin = query(`SELECT begin_receipt_period('0')`).then(
        () => null,
        (error: { code: string }) => error.code,
      );
      expect(await begin).to.equal('55P03');
      await sql.query('COMMIT');
    });
    expect(await presentPeriods()).to.deep.equal([0]);
  });

  it('never empty the table that a partition writes to, even if the store is inconsistent', async () => {
    const record = aReceiptRecord();
    await first.write(() => ({ receipts: [record] }));
    await query(`INSERT INTO receipt_periods VALUES (4, now() - interval '30 days'), (5, now() - interval '20 days')`);
    await store.commands.pruneReceipts(RETENTION_MS);
    expect(await stored(record)).to.equal(1);
  });

  it('say about how many receipts were dropped', async () => {
    const fresh = await openPrismaStore();
    try {
      await fresh.registry.settle({ namespace: NAMESPACE, partitions: PARTITIONS });
      // A session reports its rows when it ends.
      await withConnection(fresh.url, (sql) =>
        sql.query(plantReceipts('SELECT n::text FROM generate_series(1, 300) n')),
      );
      await withConnection(fresh.url, async (sql) => {
        await sql.query(`SELECT begin_receipt_period('0')`);
        await sql.query(`UPDATE receipt_periods SET began_at = began_at - interval '100 hours'`);
      });
      const reported = () =>
        withConnection(fresh.url, async (sql) => {
          const { rows } = await sql.query(`SELECT pg_stat_get_live_tuples('receipts_0'::regclass)::int4 AS rows`);
          return rows[0].rows === 300;
        });
      await eventually(reported, { within: 10_000, what: 'the rows are reported' });
      expect(await fresh.commands.pruneReceipts(RETENTION_MS)).to.equal(300);
      expect(await fresh.commands.pruneReceipts(RETENTION_MS)).to.equal(0);
    } finally {
      await fresh.close();
    }
  }).timeout(30_000);
});
