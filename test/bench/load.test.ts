import { expect } from 'chai';
import { loadStore } from '../../bench/growth/loading/load-store.js';
import { cli } from '../integration/main/cli/run-cli.js';
import { withConnection } from '../integration/prisma/prisma-harness.js';
import { emptyDatabase } from '../support/services/services.js';

const TEST_TIMEOUT_MS = 120_000;
/** Enough for chats of each size, and for one that is larger than a command can make it. */
const SIZE = {
  messages: 3_000,
  chats: 400,
  partitions: 8,
  bodyBytes: 200,
  seed: 7,
  until: new Date('2026-11-20T20:00:00Z'),
};
const TABLES = ['chats', 'members', 'messages', 'message_search', 'chat_events', 'receipts', 'partitions'];

async function sums(url: string): Promise<Record<string, string>> {
  return withConnection(url, async (sql) => {
    const found: Record<string, string> = {};
    for (const table of TABLES) {
      const { rows } = await sql.query(
        `SELECT count(*) || ' rows, ' || coalesce(sum(hashtextextended(t::text, 0)), 0) AS sum FROM ${table} t`,
      );
      found[table] = rows[0].sum;
    }
    return found;
  });
}

const indexes = (url: string) =>
  withConnection(url, async (sql) => {
    const { rows } = await sql.query(`SELECT concat_ws(' statistics ', indexdef, (
        SELECT string_agg(attstattarget::text, ',' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = format('%I', indexname)::regclass AND attstattarget >= 0)) AS index
      FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`);
    return rows.map(({ index }) => index as string);
  });

describe('A store that the bench fills', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let packed: string;
  let grown: string;
  before(async () => {
    [packed, grown] = [await emptyDatabase(), await emptyDatabase()];
    await loadStore(packed, { ...SIZE, keepIndexes: false });
    await loadStore(grown, { ...SIZE, keepIndexes: true });
  });

  it('passes parley verify', async () => {
    const { code, stdout } = await cli(['verify', '--json'], { DATABASE_URL: packed });
    const { rows, ...verdict } = JSON.parse(stdout.join(''));
    expect(verdict).to.deep.equal({ ok: true, counts: {}, faults: [] });
    expect(rows).to.be.at.least(2 * SIZE.messages);
    expect(code).to.equal(0);
  });

  it('has the requested messages, in chats of two to a thousand members, and receipts of the last days only', async () => {
    await withConnection(packed, async (sql) => {
      const { rows } = await sql.query(
        `SELECT (SELECT count(*)::int FROM messages) AS messages, (SELECT array_agg(DISTINCT octet_length(body)) FROM messages) AS bytes,
           (SELECT count(*)::int FROM chats) AS chats, (SELECT min(member_count) FROM chats) AS least,
           (SELECT max(member_count) FROM chats) AS most, (SELECT max(created_at) <= $1 FROM messages) AS past,
           (SELECT count(*) BETWEEN 1 AND 100 FROM receipts) AS receipts`,
        [SIZE.until],
      );
      expect(rows[0]).to.deep.equal({
        ...{ messages: SIZE.messages, bytes: [SIZE.bodyBytes], chats: SIZE.chats },
        ...{ least: 2, most: 1000, past: true, receipts: true },
      });
    });
  });

  it('is the same for the same seed, and has all indexes afterwards', async () => {
    expect(await sums(grown)).to.deep.equal(await sums(packed));
    const wanted = await indexes(packed);
    expect(wanted).to.include.members(await indexes(grown));
    expect(wanted.join('\n')).to.match(/message_search_words_idx.*USING gin.* statistics 0,0/);
  });

  it('is never written into a store with data', async () => {
    const error = await loadStore(packed, { ...SIZE, keepIndexes: false }).catch((reason: Error) => reason);
    expect(error).to.be.an('error').with.property('message', 'the database is not empty');
  });
});
