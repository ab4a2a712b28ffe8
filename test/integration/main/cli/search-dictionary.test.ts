import { expect } from 'chai';
import { Owner } from '../../../conformance/store/fixtures.js';
import { openPrismaStore, type PrismaHarness, withConnection } from '../../prisma/prisma-harness.js';
import { cli } from './run-cli.js';

describe('parley search-dictionary', () => {
  let store: PrismaHarness;
  before(async () => {
    store = await openPrismaStore();
    await Owner.of(store);
    await store.cursors.create('search', 'now', true);
  });
  after(() => store.close());

  const rows = <T>(query: string) => withConnection(store.url, async (sql) => (await sql.query(query)).rows as T[]);

  it('has no statistics of the search index', async () => {
    await rows(`INSERT INTO message_search (message_id, created_at, revision, chat_key, sender_key, words)
      SELECT gen_random_uuid(), now(), 1, 1, 1, 'tea at five' FROM generate_series(1, 100)`);
    await rows('ANALYZE message_search');
    const tables = await rows<{ tablename: string }>(
      `SELECT tablename FROM pg_stats WHERE tablename LIKE 'message%' GROUP BY 1`,
    );
    expect(tables).to.deep.equal([{ tablename: 'message_search' }]);
  });

  it('names a language, and sends the indexer back to the beginning under a higher epoch', async () => {
    await rows(`UPDATE event_cursors SET position = 7, epoch = 3, owner = 'somebody'`);
    const { code, stdout } = await cli(['search-dictionary', 'german'], { DATABASE_URL: store.url });
    expect(stdout).to.deep.equal(['search uses german_stem now; the indexer goes through all messages again']);
    expect(code).to.equal(0);
    expect(await rows('SELECT search_dictionary AS name FROM store')).to.deep.equal([{ name: 'german_stem' }]);
    const cursors = await rows('SELECT DISTINCT position, epoch, owner FROM event_cursors');
    expect(cursors).to.deep.equal([{ position: '0', epoch: '4', owner: null }]);
  });

  it('goes back to none', async () => {
    const { stdout } = await cli(['search-dictionary', 'none'], { DATABASE_URL: store.url });
    expect(stdout).to.deep.equal(['search uses none now; the indexer goes through all messages again']);
  });

  it('refuses an unknown dictionary in one line that lists the known ones', async () => {
    const { code, stderr } = await cli(['search-dictionary', "klingon'; --"], { DATABASE_URL: store.url });
    expect(code).to.equal(1);
    expect(stderr).to.match(/^parley: the database has no dictionary klingon'; --; it has none, .*english_stem/);
  });
});
