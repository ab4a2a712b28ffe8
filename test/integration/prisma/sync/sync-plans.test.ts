/** The plans of sync in a large store: no statement reads more rows than it names. */
import { expect } from 'chai';
import { PrismaSyncLog } from '../../../../src/adapters/stores/prisma/log/prisma-sync-log.js';
import type { ChatTraits } from '../../../../src/application/ports/queries/chat-queries.js';
import type { ChatStretch, Cut } from '../../../../src/application/ports/queries/sync-log.js';
import { openPrismaStore, type PrismaHarness, withConnection } from '../prisma-harness.js';
import { StatementWatch } from '../statement-watch.js';

/** `PARLEY_PLAN_MESSAGES`: how many there are. */
const MESSAGES = Number(process.env.PARLEY_PLAN_MESSAGES ?? 60_000);
const LOAD_TIMEOUT_MS = 600_000;
/** A third of the messages are in one chat, the others in chats of 32. */
const LONG_CHAT = Math.floor(MESSAGES / 3);
const CHATS = Math.floor(MESSAGES / 48);
const PARTITIONS = 8;
/** What a page looks at, at most, in this test. */
const EXAMINED = 500;
const PAGE = 50;
const LONG = 'f0000000-0000-4000-8000-0000000000b1';
/** In every chat, of which they owned each for a moment; and has left as many. */
const BOT = { tenantId: 'default', userId: 'bot' };
/** In every tenth, and has left none. */
const ALICE = { tenantId: 'default', userId: 'alice' };
const OWNED: ChatTraits[] = [{ kind: 'group', archived: false, role: 'owner' }];
const UNSEEN: ChatTraits[] = [{ kind: 'group', archived: true, role: 'admin' }];
const JOINED: ChatTraits[] = [{ kind: 'group', archived: false, role: 'member' }];
const START: ChatStretch['start'] = { chatId: '00000000-0000-0000-0000-000000000000', inclusive: true };

const LOAD = `
  INSERT INTO chats (chat_id, tenant_id, partition, kind, metadata, created_by, created_at, last_sequence, last_ordinal,
    member_count, owner_count, last_activity_at)
  SELECT CASE n WHEN 0 THEN '${LONG}' ELSE gen_random_uuid() END, 'default', n % ${PARTITIONS}, 'group', '{}', 'bot', now(),
    CASE n WHEN 0 THEN ${LONG_CHAT} ELSE 32 END, 1, 2, 1, now()
  FROM generate_series(0, ${CHATS}) n;
  INSERT INTO members (chat_id, user_id, tenant_id, role, joined_at, joined_sequence, read_sequence, read_ordinal)
  SELECT c.chat_id, u, 'default', 'member', now(), 1, 0, 0
  FROM (SELECT chat_id, row_number() OVER (ORDER BY chat_id DESC) AS n FROM chats) c
  CROSS JOIN LATERAL unnest(ARRAY['bot', CASE WHEN n % 10 = 1 THEN 'alice' ELSE 'other' END, 'm' || n]) u
  UNION ALL SELECT '${LONG}', 'n' || n, 'default', 'member', now(), 1, 0, 0 FROM generate_series(1, 5000) n;
  INSERT INTO departures (tenant_id, user_id, chat_id, partition, position)
  SELECT 'default', 'bot', gen_random_uuid(), n % ${PARTITIONS}, 1 FROM generate_series(1, ${CHATS}) n;
  INSERT INTO chats (chat_id, tenant_id, partition, kind, metadata, created_by, created_at, last_sequence, last_ordinal,
    member_count, owner_count, last_activity_at)
  SELECT chat_id, 'default', partition, 'group', '{}', 'other', now(), 1, 1, 1, 1, now() FROM departures;
  INSERT INTO former_memberships (tenant_id, user_id, chat_id, state, until)
  SELECT 'default', 'bot', chat_id, state, 2 FROM members JOIN chats USING (chat_id), unnest(ARRAY['open owner', 'open reader']) state
  WHERE user_id = 'bot';
  INSERT INTO former_memberships (tenant_id, user_id, chat_id, state, until)
  SELECT tenant_id, user_id, chat_id, 'open owner', 1 FROM departures;
  INSERT INTO chat_events (partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at)
  SELECT c.partition, row_number() OVER (PARTITION BY c.partition ORDER BY s, c.chat_id), 'message.created', 'default', c.chat_id, s,
    'bot', 'c', now()
  FROM chats c CROSS JOIN LATERAL generate_series(1, c.last_sequence) s;
  INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type, created_at)
  SELECT chat_id, sequence, gen_random_uuid(), 'default', sequence, 'bot', 1, 'some text', 'text/plain', at FROM chat_events;
  INSERT INTO message_revisions (message_id, revision, body, actor_id, at)
  SELECT message_id, n, 'earlier', 'bot', now() FROM messages, generate_series(1, 2) n WHERE sequence % 4 = 0;
  INSERT INTO removed_messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, created_at)
  SELECT chat_id, 1000000 + n, gen_random_uuid(), 'default', n, 'bob', now() FROM chats, generate_series(1, 2) n;
  UPDATE chats c SET last_position = (
    SELECT position FROM chat_events e WHERE e.chat_id = c.chat_id AND e.sequence = c.last_sequence);
  VACUUM ANALYZE;`;

describe('Syncing on PostgreSQL', () => {
  let store: PrismaHarness;
  let watch: StatementWatch;
  let log: PrismaSyncLog;
  /** Nothing is beyond it; everything is; something is. */
  let end: Cut;
  let origin: Cut;
  let middle: Cut;

  before(async function () {
    this.timeout(LOAD_TIMEOUT_MS);
    store = await openPrismaStore();
    await withConnection(store.url, async (sql) => {
      for (const statement of LOAD.split(';')) await sql.query(statement);
    });
    watch = new StatementWatch(store.database);
    log = new PrismaSyncLog(watch.database);
    const positions = (position: number) => Array.from({ length: PARTITIONS }, () => position);
    origin = { positions: positions(0), imports: 0 };
    middle = { positions: positions(Math.floor(MESSAGES / PARTITIONS / 2)), imports: 0 };
    end = { positions: positions(MESSAGES), imports: 0 };
  });
  after(() => store?.close());

  const all: ChatStretch = { start: START, through: null };
  const reads = (what: string, most: number, ask: () => Promise<unknown>) =>
    it(`reads at most ${most} rows for ${what}`, () => watch.expectNoMoreRead(store.url, most, ask));

  reads('how far a page looks', 2 * EXAMINED, () => log.horizon(BOT, START, EXAMINED));
  // The horizon's own statement is beside the one that it is for.
  const stretchOf = async (): Promise<ChatStretch> => ({
    start: START,
    through: await log.horizon(BOT, START, EXAMINED),
  });
  reads('the chats that have changed, where none has', 3 * EXAMINED, async () =>
    log.changedChats(BOT, 'all', { from: end, to: end }, await stretchOf(), PAGE + 1),
  );
  reads('the chats that have changed, where all have', 4 * EXAMINED, async () =>
    log.changedChats(BOT, 'all', { from: origin, to: end }, await stretchOf(), PAGE + 1),
  );
  reads('the first chats of one who has nothing', 4 * PAGE, () =>
    log.changedChats(BOT, 'all', { from: null, to: end }, all, PAGE + 1),
  );
  reads("all of a user's own chats", 4 * Math.ceil(CHATS / 10), () =>
    log.changedChats(ALICE, 'all', { from: end, to: end }, all, PAGE + 1),
  );
  reads('departures, where there are none', 3 * EXAMINED, async () =>
    log.lostChats(BOT, 'all', end, end, await stretchOf(), PAGE + 1),
  );
  reads('departures', 3 * EXAMINED, async () => log.lostChats(BOT, 'all', origin, end, await stretchOf(), PAGE + 1));
  // All that they are in is hidden from them, and was not when they owned it.
  reads('chats that were hidden or left, where there are none', 3 * EXAMINED, async () =>
    log.lostChats(BOT, OWNED, end, end, await stretchOf(), PAGE + 1),
  );
  reads('chats that were hidden or left, of which there are none that one has seen', 5 * EXAMINED, async () =>
    log.lostChats(BOT, UNSEEN, origin, end, await stretchOf(), PAGE + 1),
  );
  reads('chats that were hidden or left', 5 * EXAMINED, async () =>
    log.lostChats(BOT, OWNED, origin, end, await stretchOf(), PAGE + 1),
  );
  reads('the chats that have changed, and when they came to light', 8 * EXAMINED, async () =>
    log.changedChats(BOT, JOINED, { from: origin, to: end }, await stretchOf(), PAGE + 1),
  );
  const searched = async () => {
    const chats = await log.changedChats(BOT, 'all', { from: origin, to: end }, all, PAGE);
    return chats.map(({ chat: { chatId, lastSequence } }) => ({ chatId, lastSequence }));
  };
  reads('where a cut lies in each of many chats', 60 * PAGE, async () => log.firstBeyond(middle, await searched()));
  // Each step of the search has its row of the search besides the one of the log.
  reads('where a cut lies in a long chat', 200, () =>
    log.firstBeyond(middle, [{ chatId: LONG, lastSequence: LONG_CHAT }]),
  );
  reads('the middle of a long chat', 10 * PAGE, () =>
    log.eventsIn([{ chatId: LONG, first: 1_001, last: 1_000 + PAGE }]),
  );
  reads('one event in each of many chats', 12 * PAGE, async () =>
    log.eventsIn((await searched()).map(({ chatId }) => ({ chatId, first: 32, last: 32 }))),
  );

  it('finds the expected rows', async () => {
    const found = await log.firstBeyond(middle, [{ chatId: LONG, lastSequence: LONG_CHAT }]);
    const { events } = await log.eventsIn([
      { chatId: LONG, first: (found.get(LONG) ?? 0) - 1, last: found.get(LONG) ?? 0 },
    ]);
    const positions = events.get(LONG)?.map(({ position }) => position) ?? [];
    expect(positions[0]).to.be.at.most(middle.positions[0] ?? 0);
    expect(positions[1]).to.be.above(middle.positions[0] ?? 0);
  });
});
