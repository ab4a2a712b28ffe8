import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { storedReceiptKey } from '../../../../src/adapters/stores/prisma/receipts/receipt-key.js';
import { toReceiptRow, toStoredReceipt } from '../../../../src/adapters/stores/prisma/receipts/receipt-rows.js';
import {
  type ReceiptRecord,
  receiptKey,
  type StoredReceipt,
} from '../../../../src/application/ports/store/command-store.js';
import { receipt as receiptSchema } from '../../../../src/contract/messages/receipts.js';
import { migrate } from '../../../../src/infrastructure/postgres/migrations.js';
import { aReceipt, aReceiptRecord, failsAs, Owner } from '../../../conformance/store/fixtures.js';
import { emptyDatabase, migrationsFolder, scratchFolder } from '../../../support/services/services.js';
import { openPrismaStore, type PrismaHarness, prismaStore, withConnection } from '../prisma-harness.js';
import { anyRecord } from './any-receipt.js';

const RUNS = 40;
const RECORDS_MAX = 30;
const PROPERTY_TIMEOUT_MS = 120_000;
const MIGRATION = '20261129150000_receipts';
/** Receipts of users with names of ten characters, in batches as of a busy worker. */
const SIZED = 20_000;
const SIZED_BATCH = 500;
const USERS = 2_000;
const BYTES_MAX = 200;

/** Of each command one: a batch stores no receipt twice. */
const records = fc.uniqueArray(anyRecord, { minLength: 1, maxLength: RECORDS_MAX, selector: receiptKey });

/** As it is sent and answered: the order of the fields counts too. */
function bytesOf({ contentHash, receipt }: StoredReceipt): string {
  return `${contentHash} ${JSON.stringify(receipt)}`;
}

describe('A stored receipt', function () {
  this.timeout(PROPERTY_TIMEOUT_MS);
  let store: PrismaHarness;
  let owner: Owner;
  before(async () => {
    store = await openPrismaStore();
    owner = await Owner.of(store);
  });
  after(() => store?.close());

  const deleteAll = () => withConnection(store.url, (sql) => sql.query('TRUNCATE receipts'));

  it('is read byte by byte as it was written, by a batch and over REST, for every receipt of the contract', async () => {
    await fc.assert(
      fc.asyncProperty(records, async (written) => {
        for (const { receipt } of written) expect(receiptSchema.parse(receipt)).to.deep.equal(receipt);
        await owner.write(() => ({ receipts: written }));
        const { receipts } = await owner.read({ receipts: written });
        for (const record of written) {
          const byBatch = receipts.get(receiptKey(record));
          const byQuery = await store.queries.findReceipt(record);
          expect([byBatch, byQuery].map((found) => found && bytesOf(found))).to.deep.equal([
            bytesOf(record),
            bytesOf(record),
          ]);
        }
        await deleteAll();
      }),
      { numRuns: RUNS },
    );
  });

  it('has nothing beside its columns if a message was sent', () => {
    const record = aReceiptRecord();
    expect(toReceiptRow(record).rest).to.equal('');
    const rejected = aReceiptRecord(aReceipt({ status: 'rejected', sequence: null, messageId: null }));
    expect(toReceiptRow(rejected).rest).to.equal('{"status":"rejected"}');
  });

  it('takes at most 200 bytes with its index, if it is an ordinary one', async () => {
    const fresh = await openPrismaStore();
    try {
      const writer = await Owner.of(fresh);
      for (let written = 0; written < SIZED; written += SIZED_BATCH) {
        const receipts = Array.from({ length: SIZED_BATCH }, (_, index) => ({
          ...aReceiptRecord(),
          actorId: `user-${String((written + index) % USERS).padStart(5, '0')}`,
        }));
        await writer.write(() => ({ receipts }));
      }
      const [row] = await fresh.database.$queryRaw<{ bytes: number }[]>`
        SELECT pg_total_relation_size('receipts_0')::float8 / ${SIZED}::int4 AS bytes`;
      expect(row?.bytes).to.be.within(100, BYTES_MAX);
    } finally {
      await fresh.close();
    }
  });

  it('has a key that the database computes too, with the same first four bytes for an actor', async () => {
    const keys = fc.sample(anyRecord, 200);
    await withConnection(store.url, async (sql) => {
      const column = (name: 'tenantId' | 'actorId' | 'commandId') => keys.map((key) => key[name]);
      const { rows } = await sql.query<{ key: string }>(
        'SELECT receipt_key(t, a, c) AS key FROM unnest($1::text[], $2::text[], $3::text[]) AS k(t, a, c)',
        [column('tenantId'), column('actorId'), column('commandId')],
      );
      expect(rows.map(({ key }) => key)).to.deep.equal(keys.map(storedReceiptKey));
    });
    const keyOf = (tenantId: string, actorId: string, commandId: string) =>
      storedReceiptKey({ tenantId, actorId, commandId });
    expect(keyOf('t', 'alice', '1').slice(0, 8)).to.equal(keyOf('t', 'alice', '2').slice(0, 8));
    expect(keyOf('t', 'alice', '1').slice(8)).to.not.equal(keyOf('t', 'alice', '2').slice(8));
    // The parts of the key cannot be mistaken for each other.
    expect(keyOf('a', 'b', 'c').slice(8)).to.not.equal(keyOf('a', 'bc', '').slice(8));
    expect(keyOf('t', 'alice', '1').slice(0, 8)).to.not.equal(keyOf('u', 'alice', '1').slice(0, 8));
  });

  it('of an actor is found by a range of the key, without reading those of other actors', async () => {
    await deleteAll();
    const of = (actorId: string, count: number) =>
      Array.from({ length: count }, () => ({ ...aReceiptRecord(), actorId }));
    const own = of('erased', 5);
    const others = Array.from({ length: 40 }, (_, index) => of(`other-${index}`, 50)).flat();
    await owner.write(() => ({ receipts: [...own, ...others] }));
    await withConnection(store.url, async (sql) => {
      await sql.query('ANALYZE receipts_0');
      const prefix = storedReceiptKey(own[0] as ReceiptRecord).slice(0, 8);
      const range = [`${prefix}-0000-0000-0000-000000000000`, `${prefix}-ffff-ffff-ffff-ffffffffffff`];
      const select = `SELECT key FROM receipts WHERE key BETWEEN $1 AND $2 AND tenant_id = 'default' AND actor_id = 'erased'`;
      const { rows } = await sql.query<{ key: string }>(select, range);
      expect(rows.map(({ key }) => key).sort()).to.deep.equal(own.map(storedReceiptKey).sort());
      const { rows: plan } = await sql.query(`EXPLAIN ${select}`, range);
      expect(JSON.stringify(plan)).to.include('receipts_0_pkey');
    });
  });

  it('is refused if another command of the batch has the same key, so that the batch is split', async () => {
    await deleteAll();
    const record = aReceiptRecord();
    await failsAs(
      owner.write(() => ({ receipts: [record, aReceiptRecord(), record] })),
      'refused',
    );
    expect((await owner.read({ receipts: [record] })).receipts.size).to.equal(0);
  });

  it('of an earlier release answers as before', async () => {
    const folder = scratchFolder('before-receipts');
    const earlier = readdirSync(migrationsFolder).filter((name) => /^\d/.test(name) && name < MIGRATION);
    for (const name of earlier) cpSync(join(migrationsFolder, name), join(folder, name), { recursive: true });
    const url = await emptyDatabase();
    await migrate({ url, folder });
    const written = fc
      .sample(anyRecord, 300)
      .filter((record, index, all) => all.findIndex((other) => receiptKey(other) === receiptKey(record)) === index);
    await withConnection(url, async (sql) => {
      for (const { tenantId, actorId, commandId, contentHash, receipt, at } of written)
        await sql.query('INSERT INTO receipts VALUES ($1, $2, $3, $4, $5, $6)', [
          ...[tenantId, actorId, commandId],
          // Those of earlier releases had 32 bytes.
          ...[Buffer.from(`${contentHash}${'07'.repeat(16)}`, 'hex'), JSON.stringify(receipt), at],
        ]);
    });
    await migrate({ url, folder: migrationsFolder });
    const migrated = prismaStore(url);
    try {
      const { receipts } = await (await Owner.of(migrated)).read({ receipts: written });
      for (const record of written) {
        const found = receipts.get(receiptKey(record));
        expect(found && bytesOf(found)).to.equal(bytesOf(record));
      }
      // An ordinary one takes no more space than a new one.
      const isOrdinary = (record: ReceiptRecord) => toReceiptRow(record).rest === '';
      const { rows } = await withConnection(url, (sql) =>
        sql.query("SELECT count(*)::int4 AS ordinary FROM receipts WHERE rest = ''"),
      );
      expect(rows[0].ordinary).to.be.at.least(1).and.at.most(written.filter(isOrdinary).length);
    } finally {
      await migrated.close();
    }
  });

  it('is the usual one plus its rest, so a field that a later release adds is kept', () => {
    const record = aReceiptRecord();
    const row = { ...toReceiptRow(record), rest: '{"later":1}' };
    expect(toStoredReceipt(record, row).receipt).to.deep.equal({ ...record.receipt, later: 1 });
  });
});
