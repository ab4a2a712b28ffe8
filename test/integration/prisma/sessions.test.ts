/** The session settings of the store, whatever the defaults of the server and the database. */
import { expect } from 'chai';
import { openDatabase } from '../../../src/adapters/stores/prisma/prisma-database.js';
import { freshDatabase } from '../../support/services/services.js';
import { withConnection } from './prisma-harness.js';

/** Settings that must not depend on the server. The embedded one has no JIT, so that no other test would notice. */
const ANY = {
  jit: 'off',
  default_transaction_isolation: 'read committed',
  // Prisma drops the offset of a time that it reads, and writes none.
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
};
const OF_BATCHES = {
  ...ANY,
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_bitmapscan: 'off',
  plan_cache_mode: 'force_generic_plan',
};

describe('A session of the store', () => {
  let url: string;
  before(async () => {
    url = await freshDatabase();
    await withConnection(url, async (sql) => {
      for (const setting of [
        "jit TO 'on'",
        "default_transaction_isolation TO 'serializable'",
        "enable_seqscan TO 'on'",
        "timezone TO 'Asia/Kolkata'",
        "datestyle TO 'SQL, DMY'",
      ])
        await sql.query(`ALTER DATABASE "${sql.database}" SET ${setting}`);
    });
  });

  for (const [name, forBatches, expected] of [
    ['of queries', false, ANY],
    ['of batches', true, OF_BATCHES],
  ] as const)
    it(`${name} has its own settings, JIT off first`, async () => {
      const database = openDatabase({ url, poolSize: 2, forBatches });
      try {
        const rows = await database.$queryRaw<{ name: string; setting: string; source: string }[]>`
          SELECT name, setting, source FROM pg_settings WHERE name = ANY (${Object.keys(expected)}::text[])`;
        expect(Object.fromEntries(rows.map((row) => [row.name, row.setting]))).to.deep.equal(expected);
        expect(new Set(rows.map(({ source }) => source))).to.deep.equal(new Set(['client']));
      } finally {
        await database.$disconnect();
      }
    });

  it('keeps them beside the options of its URL, which may change all but the form of times', async () => {
    const options = '-c search_path=elsewhere -c jit=on -c TimeZone=Asia/Kolkata -c DateStyle=SQL';
    const database = openDatabase({ url: `${url}?${new URLSearchParams({ options })}`, poolSize: 2 });
    try {
      const rows = await database.$queryRaw<{ name: string; setting: string }[]>`
        SELECT name, setting FROM pg_settings WHERE name = ANY (${[...Object.keys(ANY), 'search_path']}::text[])`;
      expect(Object.fromEntries(rows.map((row) => [row.name, row.setting]))).to.deep.equal({
        ...ANY,
        jit: 'on',
        search_path: 'elsewhere',
      });
    } finally {
      await database.$disconnect();
    }
  });
});
