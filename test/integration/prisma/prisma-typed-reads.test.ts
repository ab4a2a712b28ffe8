/** Reads that the typed client does and that no conformance test asks for: operators' and a process's at its start. */
import { expect } from 'chai';
import { PrismaStoreAudit } from '../../../src/adapters/stores/prisma/audit/prisma-store-audit.js';
import { PrismaLogReader } from '../../../src/adapters/stores/prisma/log/prisma-log-reader.js';
import { PrismaChatPartitions } from '../../../src/adapters/stores/prisma/prisma-chat-partitions.js';
import { openDatabase } from '../../../src/adapters/stores/prisma/prisma-database.js';
import { PrismaStoreIdentity } from '../../../src/adapters/stores/prisma/prisma-store-identity.js';
import { PrismaChatQueries } from '../../../src/adapters/stores/prisma/queries/prisma-chat-queries.js';
import { SlowQuery } from '../../../src/application/ports/queries/slow-query.js';
import { smallestIdAt } from '../../../src/application/ports/store/decision-log.js';
import { failsAs } from '../../conformance/store/fixtures.js';
import { openPrismaStore, type PrismaHarness, withConnection } from './prisma-harness.js';
import { plantReceipts } from './receipts/planted-receipts.js';
import { sentDuring } from './sent-statements.js';
import { StatementWatch } from './statement-watch.js';

const PAGE = 50;
/** Rows that a page may read: its own, and one beyond. */
const PAGE_READS_MAX = PAGE + 1;
const ROWS = 5_000;
/** Each chat's id is its number. */
const chatId = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const [IMPORTED, HOMELESS] = [chatId(ROWS - 1), chatId(ROWS)];
const NO_CHAT = chatId(ROWS + 1);
const START = Date.UTC(2026, 10, 20);

const LOAD = `
  INSERT INTO partitions (partition, position, published_through, log_floor, log_pruned)
  VALUES (0, ${ROWS}, ${ROWS}, 7, 3), (1, 0, 0, 0, 0);
  INSERT INTO chats (chat_id, tenant_id, partition, kind, metadata, created_by, created_at, last_sequence, last_ordinal,
    member_count, owner_count, last_activity_at)
  SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'default',
    CASE n WHEN ${ROWS - 1} THEN -1 WHEN ${ROWS} THEN NULL ELSE n % 2 END, 'group', '{}', 'alice', now(), n, 0, 1, 1, now()
  FROM generate_series(1, ${ROWS}) n;
  INSERT INTO chat_events (partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at)
  SELECT 0, n, 'command.rejected', 'default', NULL, NULL, 'alice', n::text, now()
  FROM generate_series(1, ${ROWS}) n WHERE n NOT BETWEEN 4 AND 6;
  INSERT INTO decisions (decision_id, at, tenant_id, actor_id, action, effect, policy_version, attributes, attributes_digest)
  SELECT (substr(lpad(to_hex(${START} + n), 12, '0'), 1, 8) || '-' || substr(lpad(to_hex(${START} + n), 12, '0'), 9)
    || '-7000-8000-000000000000')::uuid, now(), 'default', 'alice', 'chat.view', 'deny', 'v', '{}', ''
  FROM generate_series(1, ${ROWS}) n;
  ${plantReceipts(`SELECT n::text FROM generate_series(1, ${ROWS}) n`)};
  UPDATE receipts SET slot = abs(hashtext(key::text)) % 4;
  INSERT INTO users (tenant_id, user_id, display_name, kind, metadata, revision, created_at, updated_at)
  SELECT 'default', 'user-' || n, 'N', 'human', '{}', 1, now(), now() FROM generate_series(1, ${ROWS}) n;
  INSERT INTO parked_events (name, partition, position, sequence, code, parked_at, retry_requested)
  SELECT 'search', n % 2, n, 0, 'too-long', '2026-11-20T20:15:00.123Z', n % 3 = 0 FROM generate_series(1, ${ROWS}) n;
  ANALYZE;`;

describe('Typed reads', () => {
  let store: PrismaHarness;
  let log: PrismaLogReader;
  let partitions: PrismaChatPartitions;
  let audit: PrismaStoreAudit;

  before(async () => {
    store = await openPrismaStore();
    await withConnection(store.url, (sql) => sql.query(LOAD));
    log = new PrismaLogReader(store.database);
    partitions = new PrismaChatPartitions(store.database);
    audit = new PrismaStoreAudit(store.database);
  });
  after(() => store?.close());

  it('find the end, the floor and the last event of a part of the log', async () => {
    expect(await log.endOf({ partition: 0 })).to.equal(ROWS);
    expect(await log.endOf({ partition: 9 })).to.equal(null);
    expect(await log.endOf({ chatId: chatId(12) })).to.equal(12);
    expect(await log.endOf({ chatId: HOMELESS })).to.equal(ROWS);
    expect(await log.endOf({ chatId: IMPORTED })).to.equal(null);
    expect(await log.endOf({ chatId: NO_CHAT })).to.equal(null);
    expect([await log.floorOf(0), await log.floorOf(9)]).to.deep.equal([7, 0]);
    expect(await log.lastOf(0, 6)).to.equal(3);
    expect(await log.lastOf(0, Number.MAX_SAFE_INTEGER)).to.equal(ROWS);
    expect(await log.lastOf(0, 0)).to.equal(0);
    expect(await log.lastOf(1, 9)).to.equal(0);
  });

  it('page through the chats that have a partition', async () => {
    const found = await partitions.page(chatId(ROWS - 4), PAGE);
    expect(found).to.deep.equal([
      { chatId: chatId(ROWS - 3), partition: 1 },
      { chatId: chatId(ROWS - 2), partition: 0 },
    ]);
    expect((await partitions.page(null, 2)).map((home) => home.chatId)).to.deep.equal([chatId(1), chatId(2)]);
    const sample = await partitions.sample(PAGE);
    expect(sample.length).to.be.within(1, PAGE);
    expect(sample.filter((home) => home.partition === null || home.partition < 0)).to.deep.equal([]);
  });

  it('identify the store', async () => {
    const identity = new PrismaStoreIdentity(store.database);
    const [row] = await withConnection(store.url, async (sql) => (await sql.query('SELECT * FROM store')).rows);
    expect(await store.log.storeId()).to.equal(row.store_id);
    expect(await identity.cursorSecret()).to.equal(row.cursor_secret);
    expect(await identity.renew())
      .to.equal(await store.log.storeId())
      .and.to.not.equal(row.store_id);
  });

  it('tell whether there is a chat, and how much of it', async () => {
    expect([await audit.hasChat(chatId(12)), await audit.hasChat(NO_CHAT)]).to.deep.equal([true, false]);
    expect([await audit.size(chatId(12)), await audit.size(NO_CHAT)]).to.deep.equal([12, 0]);
  });

  it('list parked events and those to be retried, with exact times in any time zone', async () => {
    const [first, second] = await store.cursors.parked('search', 2);
    const parked = { name: 'search', partition: 0, sequence: 0, code: 'too-long', attempts: 1 };
    const parkedAt = new Date('2026-11-20T20:15:00.123Z');
    expect(first).to.deep.equal({ ...parked, position: 2, parkedAt, isRetryRequested: false });
    expect(second).to.deep.equal({ ...parked, position: 4, parkedAt, isRetryRequested: false });
    expect(await store.cursors.retries({ name: 'search', partition: 0 }, 2)).to.deep.equal([
      { position: 6, sequence: 0 },
      { position: 12, sequence: 0 },
    ]);
  });

  it('are refused for an id that is no UUID, and do not repeat it', async () => {
    const error = await failsAs(store.decisions.find('nobody-may-read-this'), 'refused');
    expect(`${error.message} ${JSON.stringify(error.cause)}`).to.not.include('nobody-may-read-this');
  });

  it('time out as raw ones do', async () => {
    const database = openDatabase({ url: store.url, poolSize: 2, statementTimeoutMs: 100 });
    try {
      await withConnection(store.url, async (sql) => {
        await sql.query('BEGIN');
        await sql.query('LOCK TABLE users');
        const queries = new PrismaChatQueries(database);
        const caller = { tenantId: 'default', userId: 'user-1' };
        const typed = await failsAs(queries.findUser(caller), 'timed_out');
        const raw = await failsAs(queries.findUsers('default', ['user-1']), 'timed_out');
        // REST tells the caller to request less.
        expect([typed, raw]).to.satisfy((errors: Error[]) => errors.every((error) => error instanceof SlowQuery));
        expect(typed.message).to.equal(raw.message);
        await sql.query('ROLLBACK');
      });
    } finally {
      await database.$disconnect();
    }
  });

  it('name an unavailable database as raw ones do', async () => {
    const database = openDatabase({ url: 'postgresql://127.0.0.1:1/none', poolSize: 2 });
    const queries = new PrismaChatQueries(database);
    const typed = await failsAs(queries.findUser({ tenantId: 'default', userId: 'user-1' }), 'unavailable');
    const raw = await failsAs(queries.findUsers('default', ['user-1']), 'unavailable');
    expect(typed.message.replace('P1001', 'P2010')).to.equal(raw.message);
  });

  it('at the same moment are a statement each, with the same text', async () => {
    const ask = (n: number) => store.queries.findUser({ tenantId: 'default', userId: `user-${n}` });
    const sent = await sentDuring(() => Promise.all([ask(1), ask(2), ask(3)]));
    expect(sent.map(({ values }) => values[1])).to.have.members(['user-1', 'user-2', 'user-3']);
    expect(new Set(sent.map(({ text }) => text)).size).to.equal(1);
  });

  const asked: [string, number, () => Promise<unknown>][] = [
    ['a receipt', 1, () => store.queries.findReceipt({ tenantId: 'default', actorId: 'alice', commandId: '77' })],
    ['a profile', 1, () => store.queries.findUser({ tenantId: 'default', userId: 'user-77' })],
    ['a decision', 1, () => store.decisions.find(smallestIdAt(new Date(START + 77)))],
    ['the first decisions', PAGE_READS_MAX, () => store.decisions.page(new Date(START + 77), null, PAGE)],
    [
      'further decisions',
      PAGE_READS_MAX,
      () => store.decisions.page(new Date(START), smallestIdAt(new Date(START + 99)), PAGE),
    ],
    ['the last event', 1, () => log.lastOf(0, ROWS / 2)],
    ['the end of a chat', 1, () => log.endOf({ chatId: chatId(77) })],
    ['the partitions of chats', PAGE_READS_MAX, () => partitions.page(chatId(77), PAGE)],
    ['parked events', PAGE_READS_MAX, () => store.cursors.parked('search', PAGE)],
    // One of three.
    ['events to be retried', 3 * PAGE, () => store.cursors.retries({ name: 'search', partition: 0 }, PAGE)],
  ];
  for (const [what, most, ask] of asked)
    it(`read only the needed rows for ${what}`, () =>
      new StatementWatch(store.database).expectNoMoreRead(store.url, most, ask));
});
