/**
 * How PostgreSQL goes about the queries where there is much: it must read about as many rows as it gives, whatever the
 * store holds, planned for the values at hand or once for all of them (named statements come to that after a few
 * executions).
 */
import { expect } from 'chai';
import { PrismaSyncLog } from '../../../src/adapters/stores/prisma/log/prisma-sync-log.js';
import { PrismaChatHistory } from '../../../src/adapters/stores/prisma/queries/prisma-chat-history.js';
import { PrismaChatQueries } from '../../../src/adapters/stores/prisma/queries/prisma-chat-queries.js';
import { PrismaMessageSearch } from '../../../src/adapters/stores/prisma/search/prisma-message-search.js';
import type { VisiblePast } from '../../../src/application/ports/queries/chat-history.js';
import { openPrismaStore, type PrismaHarness, withConnection } from './prisma-harness.js';
import { StatementWatch } from './statement-watch.js';

const LOAD_TIMEOUT_MS = 180_000;
/** In one chat; a tenth of them in one thread. */
const MESSAGES = 100_000;
/** In that chat. */
const MEMBERS = 50_000;
const READERS_MEMBERS = 1_000;
/** So few of them are one user's that going through all is never worth it. */
const CHATS = 10_000;
const OWN_CHATS = 100;
const REACTIONS_TO_ROOT = 20_000;
const PAGE = 50;
/** For a page of messages: with each its event, its text, and two reactions. */
const PAGE_READS_MAX = 10 * PAGE;
/** For what looks at all of a user's chats, or all members of a chat with readers. */
const OWN_READS_MAX = 4 * READERS_MEMBERS;

const BIG = '00000000-0000-4000-8000-0000000000b1';
const ROOM = '00000000-0000-4000-8000-0000000000a1';
const ALICE = { tenantId: 'default', userId: 'alice' };

/** The id of a message of the big chat, by its sequence. */
const messageId = (sequence: number) => `10000000-0000-4000-8000-${String(sequence).padStart(12, '0')}`;
const ROOT = messageId(2);
const ROOM_MESSAGE = '20000000-0000-4000-8000-000000000002';

const LOAD = `
  INSERT INTO chats (chat_id, tenant_id, partition, kind, metadata, created_by, created_at, last_sequence, last_ordinal,
    member_count, owner_count, last_activity_at)
  SELECT id, 'default', 0, 'group', '{}', 'alice', now(), last, last - 1, 1, 1, now() - id_number * interval '1 s'
  FROM (SELECT '${BIG}'::uuid AS id, ${MESSAGES} AS last, 0 AS id_number UNION ALL SELECT '${ROOM}'::uuid, 2, 1
    UNION ALL SELECT gen_random_uuid(), 3, n FROM generate_series(2, ${CHATS}) n) c;
  INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type,
    thread_root_id, created_at)
  SELECT '${BIG}'::uuid, n, ('10000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'default', n - 1, 'alice', 1, 'text ' || n,
    'text/plain', CASE WHEN n > 2 AND n % 10 = 0 THEN '${ROOT}'::uuid END, now()
  FROM generate_series(2, ${MESSAGES}) n
  UNION ALL SELECT '${ROOM}'::uuid, 2, '${ROOM_MESSAGE}'::uuid, 'default', 1, 'alice', 1, 'text', 'text/plain', NULL, now()
  UNION ALL SELECT chat_id, n, gen_random_uuid(), 'default', n - 1, 'bob', 1, 'text', 'text/plain', NULL, now()
    FROM chats, generate_series(2, 3) n WHERE chat_id NOT IN ('${BIG}', '${ROOM}');
  INSERT INTO chat_events (partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at)
  SELECT 0, row_number() OVER (), 'message.created', 'default', chat_id, sequence, sender_id, 'c' || sequence, now() FROM messages;
  INSERT INTO message_revisions (message_id, revision, body, actor_id, at)
  SELECT m.message_id, n, 'earlier', 'alice', now() FROM messages m, generate_series(1, 2) n WHERE m.sequence % 5 = 0
  UNION ALL SELECT '${ROOT}', n, 'earlier', 'alice', now() FROM generate_series(1, 10000) n;
  INSERT INTO threads (root_id, replies) SELECT '${ROOT}', ${MESSAGES / 10} UNION ALL
    SELECT message_id, 1 FROM messages WHERE sequence % 7 = 0;
  INSERT INTO reactions (message_id, emoji, user_id, at)
  SELECT message_id, emoji, user_id, now()
  FROM messages, unnest(ARRAY['👍', ':wave:']) emoji, unnest(ARRAY['alice', 'bob']) user_id WHERE sequence % 2 = 1
  UNION ALL SELECT '${ROOT}', '👍', 'm' || n, now() FROM generate_series(1, ${REACTIONS_TO_ROOT}) n;
  INSERT INTO reaction_counts (message_id, emoji, count) SELECT message_id, emoji, count(*) FROM reactions GROUP BY 1, 2;
  INSERT INTO removed_messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, created_at)
  SELECT chat_id, 1000000 + n, gen_random_uuid(), 'default', n, 'bob', now() FROM chats, generate_series(1, 2) n;
  INSERT INTO members (chat_id, user_id, tenant_id, role, joined_at, joined_sequence, read_sequence, read_ordinal)
  SELECT chat_id, user_id, 'default', 'member', now(), 1, 2, 1
  FROM (SELECT '${BIG}'::uuid AS chat_id, 'm' || n AS user_id FROM generate_series(1, ${MEMBERS}) n
    UNION ALL SELECT '${ROOM}'::uuid, 'm' || n FROM generate_series(1, ${READERS_MEMBERS - 1}) n
    UNION ALL SELECT chat_id, 'bob' FROM chats
    UNION ALL (SELECT chat_id, 'alice' FROM chats ORDER BY last_activity_at DESC LIMIT ${OWN_CHATS})) m;
  ANALYZE;`;

describe('Queries on PostgreSQL', () => {
  let store: PrismaHarness;
  let watch: StatementWatch;
  let history: PrismaChatHistory;
  let queries: PrismaChatQueries;

  before(async function () {
    this.timeout(LOAD_TIMEOUT_MS);
    store = await openPrismaStore();
    await withConnection(store.url, (sql) => sql.query(LOAD));
    watch = new StatementWatch(store.database);
    history = new PrismaChatHistory(watch.database);
    queries = new PrismaChatQueries(watch.database);
  });
  after(() => store?.close());

  const expectNoMoreRead = (most: number, ask: () => Promise<unknown>) => watch.expectNoMoreRead(store.url, most, ask);

  const past = (over: Partial<VisiblePast> = {}): VisiblePast => ({
    ...{ chatId: BIG, userId: 'alice', fromSequence: 1 },
    ...over,
  });
  const middle = MESSAGES / 2;

  const pages: Record<string, () => Promise<unknown>> = {
    'the latest messages': () => history.listMessages(past(), { limit: PAGE }),
    'messages from the middle on': () => history.listMessages(past(), { after: middle, limit: PAGE }),
    'messages before the middle': () => history.listMessages(past(), { before: middle, limit: PAGE }),
    'the first messages that one may see': () =>
      history.listMessages(past({ fromSequence: middle }), { after: 0, limit: PAGE }),
    'messages that one may not see': () =>
      history.listMessages(past({ fromSequence: middle }), { before: middle - 1, limit: PAGE }),
    'one message with many reactions': () => history.findMessage(past(), ROOT),
    'the first earlier texts': () => history.listRevisions(past(), ROOT, 0, PAGE),
    'earlier texts from the middle on': () => history.listRevisions(past(), ROOT, 5_000, PAGE),
    'the latest of a thread': () => history.findThread(past(), ROOT, { limit: PAGE }),
    'a thread from the middle on': () => history.findThread(past(), ROOT, { after: middle, limit: PAGE }),
    'a thread before the middle': () => history.findThread(past(), ROOT, { before: middle, limit: PAGE }),
    'a thread of nothing': () => history.findThread(past(), messageId(middle + 1), { limit: PAGE }),
    'the first events': () => history.listEvents(past(), 0, PAGE),
    'events from the middle on': () => history.listEvents(past(), middle, PAGE),
    'events that tell of a message edited many times': () => history.listEvents(past(), 1, PAGE),
    'members of a large chat': () => queries.listMembers(BIG, 'm3', PAGE),
    'one chat': () => queries.findChat(ALICE, BIG),
  };
  for (const [what, ask] of Object.entries(pages))
    it(`read only the page for ${what}`, () => expectNoMoreRead(PAGE_READS_MAX, ask));

  const own: Record<string, () => Promise<unknown>> = {
    "the caller's chats": () => queries.listChats(ALICE, 'all', {}, null, PAGE),
    "the caller's further chats of a kind": () =>
      queries.listChats(
        ALICE,
        'all',
        { kind: 'group', archived: false },
        { lastActivityAt: new Date(), chatId: ROOM },
        PAGE,
      ),
    "the caller's chats that have moved up": () =>
      queries.listChatsAbove(ALICE, 'all', {}, { lastActivityAt: new Date(0), chatId: ROOM }, PAGE),
    'what is unread': () => queries.countUnread(ALICE, 'all'),
    'who has read a message': () => history.listReaders(past({ chatId: ROOM }), ROOM_MESSAGE, 'read', null, PAGE),
    'whom a message has reached': () =>
      history.listReaders(past({ chatId: ROOM }), ROOM_MESSAGE, 'delivered', null, PAGE),
  };
  for (const [what, ask] of Object.entries(own))
    it(`read only the user's chats, or the chat's members, for ${what}`, () => expectNoMoreRead(OWN_READS_MAX, ask));

  it('use two statements for a list of chats, one for a page of messages, and three for a thread', async () => {
    const count = async (ask: () => Promise<unknown>) => (await watch.statementsOf(ask)).length;
    expect(await count(() => queries.listChats(ALICE, 'all', {}, null, 200))).to.equal(2);
    expect(await count(() => history.listMessages(past(), { limit: 200 }))).to.equal(1);
    expect(await count(() => history.findThread(past(), ROOT, { limit: 200 }))).to.equal(3);
    expect(await count(() => queries.countUnread(ALICE, 'all'))).to.equal(1);
  });

  it('are not sent for a caller who may see no chat', async () => {
    const [search, log] = [new PrismaMessageSearch(watch.database), new PrismaSyncLog(watch.database)];
    const [nothing, cut] = [[], { positions: [], imports: 0 }];
    const everywhere = { start: { chatId: ROOM, inclusive: true }, through: null };
    const sent = await watch.statementsOf(async () => {
      expect(await queries.listChats(ALICE, 'none', {}, null, PAGE)).to.deep.equal(nothing);
      expect(await queries.countUnread(ALICE, 'none')).to.deep.equal({ unreadCount: 0, chatCount: 0 });
      expect(await log.changedChats(ALICE, 'none', { from: null, to: cut }, everywhere, PAGE)).to.deep.equal(nothing);
    });
    expect(sent).to.deep.equal([]);
    // How far the index is, and nothing of the messages.
    expect(await watch.statementsOf(() => search.search(ALICE, 'none', { text: 'word' }, null, PAGE))).to.have.length(
      1,
    );
  });
});
