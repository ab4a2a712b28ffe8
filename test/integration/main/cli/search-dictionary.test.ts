import { expect } from 'chai';
import { freshDatabase } from '../../../support/services/services.js';
import { withConnection } from '../../prisma/prisma-harness.js';
import { cli } from './run-cli.js';

describe('parley search-dictionary', () => {
  let url: string;
  before(async () => {
    url = await freshDatabase();
  });

  const dictionary = () =>
    withConnection(url, async (sql) => {
      const { rows } = await sql.query(`SELECT search_dictionary AS name, indexdef FROM store, pg_indexes
        WHERE indexname = 'messages_search_idx'`);
      return rows[0] as { name: string; indexdef: string };
    });

  /** That ANALYZE makes of the index, of a store with a few messages. */
  const statistics = () =>
    withConnection(url, async (sql) => {
      await sql.query(`INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, created_at)
        SELECT gen_random_uuid(), 1, gen_random_uuid(), 'default', 1, 'alice', 1, 'tea at five', now() FROM generate_series(1, 100)`);
      await sql.query('ANALYZE messages');
      const { rows } = await sql.query(`SELECT tablename FROM pg_stats WHERE tablename LIKE 'messages%' GROUP BY 1`);
      return rows.map(({ tablename }: { tablename: string }) => tablename);
    });

  it('has no statistics of the search index', async () => {
    expect(await statistics()).to.deep.equal(['messages']);
  });

  it('builds the index for another dictionary, and uses it for searches', async () => {
    const before = await dictionary();
    const { code, stdout } = await cli(['search-dictionary', 'german'], { DATABASE_URL: url });
    expect(stdout).to.deep.equal(['search uses german now']);
    expect(code).to.equal(0);
    expect(await dictionary()).to.deep.include({ name: 'german' });
    const { indexdef } = await dictionary();
    expect(indexdef).to.equal(before.indexdef.replace("'simple'::regconfig", "'german'::regconfig"));
    expect(await statistics()).to.deep.equal(['messages']);
  });

  it('refuses an unknown dictionary in one line that lists the known ones', async () => {
    const { code, stderr } = await cli(['search-dictionary', "klingon'; --"], { DATABASE_URL: url });
    expect(code).to.equal(1);
    expect(stderr).to.match(/^parley: the database has no text search configuration klingon'; --; it has .*simple/);
  });
});
