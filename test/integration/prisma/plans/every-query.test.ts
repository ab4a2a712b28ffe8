/**
 * How PostgreSQL goes about every query where there is much: it must read about as many rows as it gives, whatever the
 * store holds, planned for the values at hand or once for all of them. `npm run proof -- explain` loads a million
 * messages and prints what each came to; `npm test` loads fewer.
 */
import { expect } from 'chai';
import pg from 'pg';
import { openPrismaStore, type PrismaHarness } from '../prisma-harness.js';
import { loadWorld, worldSize } from './loaded-world.js';
import { measure, TABLE_HEAD, tableRow } from './measure.js';
import { findPlaces, findSmallTables } from './places.js';
import { type Places, type Query, queries } from './queries.js';

const DEFAULT_MESSAGES = 50_000;
const messages = Number(process.env.PARLEY_EXPLAIN_MESSAGES ?? DEFAULT_MESSAGES);
const isProof = messages > DEFAULT_MESSAGES;
const LOAD_TIMEOUT_MS = 30 * 60_000;
const QUERY_TIMEOUT_MS = 5 * 60_000;
/** Each row looked at is found through a tree of some levels; so is each that is not there. */
const BUFFERS_PER_ROW = 5;

describe(`Every query, with ${messages} messages,`, () => {
  const size = worldSize(messages);
  const table = [...TABLE_HEAD];
  let store: PrismaHarness;
  let sql: pg.Client;
  let at: Places;
  let smallTables: string[];

  before(async function () {
    this.timeout(LOAD_TIMEOUT_MS);
    store = await openPrismaStore();
    await loadWorld(store.url, size, (line) => isProof && console.log(`    ${line}`));
    sql = new pg.Client({ connectionString: store.url });
    await sql.connect();
    at = await findPlaces(sql, size);
    smallTables = await findSmallTables(sql);
  });
  after(async () => {
    if (isProof) console.log(table.join('\n'));
    await sql?.end();
    await store?.close();
  });

  async function expectWithinBounds(query: Query): Promise<void> {
    const measured = await measure(sql, store.database, query, at);
    table.push(tableRow(query.name, measured));
    expect(measured.sent, 'statements').to.be.within(1, query.statements);
    for (const { statement, mode, plan, ...came } of measured.executions) {
      const about = `${mode}: ${statement}\n${JSON.stringify(plan, null, 1)}`;
      expect(
        came.scanned.filter((name) => !smallTables.includes(name)),
        `read from end to end, ${about}`,
      ).to.deep.equal([]);
      if (query.withoutBitmaps) expect(came.bitmaps, `read by a bitmap, ${about}`).to.deep.equal([]);
      expect(came.rowsRead, `rows read, ${about}`).to.be.at.most(query.rows);
      expect(came.rowsSorted, `rows sorted, ${about}`).to.be.at.most(query.sorted);
      expect(came.buffers, `buffers, ${about}`).to.be.at.most(query.buffers ?? query.rows * BUFFERS_PER_ROW);
    }
  }

  for (const query of queries(size))
    it(`reads only the needed rows for ${query.name}`, () => expectWithinBounds(query)).timeout(QUERY_TIMEOUT_MS);
});
