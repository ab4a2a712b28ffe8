/** Every query in its most expensive place, with its maximum cost. */

import { EXPORT_PAGE_ROWS } from '../../../../src/adapters/stores/prisma/archive/archive-lines.js';
import { PrismaChatArchiveSource } from '../../../../src/adapters/stores/prisma/archive/prisma-chat-archive-source.js';
import { PrismaCommandStore } from '../../../../src/adapters/stores/prisma/commands/prisma-command-store.js';
import { readSnapshot } from '../../../../src/adapters/stores/prisma/commands/read-snapshot.js';
import type { PrismaClient } from '../../../../src/adapters/stores/prisma/generated/client.js';
import { PrismaEventLog } from '../../../../src/adapters/stores/prisma/log/prisma-event-log.js';
import { PrismaSyncLog } from '../../../../src/adapters/stores/prisma/log/prisma-sync-log.js';
import { SESSION_FOR_BATCHES } from '../../../../src/adapters/stores/prisma/prisma-database.js';
import { PrismaChatHistory } from '../../../../src/adapters/stores/prisma/queries/prisma-chat-history.js';
import { PrismaChatQueries } from '../../../../src/adapters/stores/prisma/queries/prisma-chat-queries.js';
import {
  PrismaMessageSearch,
  WINDOW_MATCHES_MAX,
} from '../../../../src/adapters/stores/prisma/search/prisma-message-search.js';
import type { VisiblePast } from '../../../../src/application/ports/queries/chat-history.js';
import type { UserPosition, VisibleChats } from '../../../../src/application/ports/queries/chat-queries.js';
import type { Cut } from '../../../../src/application/ports/queries/sync-log.js';
import type { ArchiveSelection } from '../../../../src/application/ports/store/archive.js';
import type { SnapshotKeys } from '../../../../src/application/ports/store/command-store.js';
import {
  ALICE,
  BUSY,
  COMMON_WORD,
  HERMIT,
  NEWCOMER,
  PARTITIONS,
  RARE_WORD,
  ROOM_MEMBERS,
  TENANT_ID,
  type WorldSize,
} from './loaded-world.js';

/** The chats and users of the loaded data. */
export interface Places {
  hot: string;
  hotEnd: number;
  sinceJoined: string;
  sinceJoinedFrom: number;
  room: string;
  roomMessage: string;
  small: string;
  root: string;
  messageIds: string[];
  partitionEnd: number;
  /** Who did the first command. */
  firstActor: string;
}

export interface Query {
  name: string;
  ask: (database: PrismaClient, at: Places) => Promise<unknown>;
  /** For one statement. */
  rows: number;
  sorted: number;
  /** Maximum pages of 8 KiB per statement. Undefined: a few per row. */
  buffers?: number;
  /** For all statements of one call. */
  statements: number;
  /** What its session or its transaction has set. */
  settings?: readonly string[];
  /** Whether it may read a bitmap, which takes up all of an index's entries for a key, whatever the LIMIT. */
  withoutBitmaps?: boolean;
}

const PAGE = 50;
const DAY_MS = 24 * 3_600_000;
/** For a page of messages: with each its event, its text, its reactions. */
const ROWS_OF_PAGE = 10 * PAGE;
/** Each message's own page and the way to the first, and what there is for the reactions of one message in 19. */
const BUFFERS_OF_HISTORY = 2 * PAGE;
/** Commands of a full batch. */
export const BATCH = 256;
/** Chats that a page of syncing looks at. */
const EXAMINED = 500;
const FIRST = { chatId: '00000000-0000-0000-0000-000000000000', inclusive: true };
const CUTS: [string, number][] = [
  ['the beginning', 0],
  ['the middle', 0.5],
  ['a moment ago', 1],
];
/** What a policy may let one see: in the loaded world that is all chats, and none of them. */
const VISIBLE: [string, VisibleChats][] = [
  ['which are all', [{ kind: 'group', archived: false, role: 'member' }]],
  ['of which there are none', [{ kind: 'channel', archived: true, role: 'reader' }]],
];
const ALL_KINDS = ['human', 'bot', 'service'] as const;
const USER_SEARCHES: [string, string, UserPosition | null][] = [
  ['of a name', 'name of u7', null],
  ['of nearly all names', 'name', null],
  ['of nearly all ids', 'u', null],
  ['of ids, further on', 'u', { key: 'u5', userId: 'u5' }],
  ['of no user', 'zzz', null],
];
/** A stretch of the log with its reactions; each line is looked up in three tables. */
const EXPORT_ROWS = 6 * EXPORT_PAGE_ROWS;

const as = (userId: string) => ({ tenantId: TENANT_ID, userId });

function exported(database: PrismaClient, what: ArchiveSelection['what']): Promise<unknown> {
  return new PrismaChatArchiveSource(database).read({ tenantId: TENANT_ID, what }, async ({ pages }) => {
    for await (const _page of pages);
  });
}

export function queries(size: WorldSize): Query[] {
  const page = { rows: ROWS_OF_PAGE, sorted: 0, statements: 1 };
  const history = { ...page, sorted: PAGE + 1, buffers: BUFFERS_OF_HISTORY };
  const past = (at: Places, over: Partial<VisiblePast> = {}): VisiblePast => ({
    ...{ chatId: at.hot, userId: ALICE, fromSequence: 1 },
    ...over,
  });
  const places: [string, number][] = [
    ['the beginning', 0],
    ['the middle', 0.5],
    ['the end', 0.999],
  ];
  const busyChats = (2 * size.chats) / 5;
  const ofOwnChats = { rows: 3 * busyChats + ROWS_OF_PAGE, sorted: busyChats, statements: 2 };
  /**
   * A caller's chats are named to the index in the order of their ids; a window's matches are not sorted by PostgreSQL.
   */
  const search = { rows: 6 * WINDOW_MATCHES_MAX, sorted: busyChats, statements: 12 };
  const messagesOf = (database: PrismaClient) => new PrismaChatHistory(database);
  const chatsOf = (database: PrismaClient) => new PrismaChatQueries(database);
  const logOf = (database: PrismaClient) => new PrismaEventLog(database);
  const searched =
    (userId: string, text: string, over: (at: Places) => object = () => ({}), visible: VisibleChats = 'all') =>
    (database: PrismaClient, at: Places) =>
      new PrismaMessageSearch(database).search(as(userId), visible, { text, ...over(at) }, null, PAGE);
  const listed = (database: PrismaClient, visible: VisibleChats) =>
    chatsOf(database).listChats(as(BUSY), visible, {}, null, PAGE);
  return [
    ...places.flatMap(([where, share]): Query[] => [
      {
        ...history,
        name: `messages after ${where}`,
        ask: (d, at) => messagesOf(d).listMessages(past(at), { after: sequenceAt(at, share), limit: PAGE }),
      },
      {
        ...history,
        name: `messages before ${where}`,
        ask: (d, at) => messagesOf(d).listMessages(past(at), { before: sequenceAt(at, share) + PAGE, limit: PAGE }),
      },
      {
        ...page,
        statements: 3,
        sorted: PAGE + 1,
        name: `a thread after ${where}`,
        ask: (d, at) => messagesOf(d).findThread(past(at), at.root, { after: sequenceAt(at, share), limit: PAGE }),
      },
      {
        ...page,
        statements: 3,
        sorted: PAGE + 1,
        name: `a thread before ${where}`,
        ask: (d, at) =>
          messagesOf(d).findThread(past(at), at.root, { before: sequenceAt(at, share) + PAGE, limit: PAGE }),
      },
      {
        ...page,
        name: `a chat's events after ${where}`,
        ask: (d, at) => messagesOf(d).listEvents(past(at), sequenceAt(at, share), PAGE),
      },
      {
        ...page,
        name: `a partition's events after ${where}`,
        ask: (d, at) => logOf(d).readEvents(1, Math.floor(at.partitionEnd * share), PAGE),
      },
    ]),
    { ...history, name: 'the latest messages', ask: (d, at) => messagesOf(d).listMessages(past(at), { limit: PAGE }) },
    {
      ...history,
      name: 'the first messages of those one may see',
      ask: (d, at) =>
        messagesOf(d).listMessages(past(at, { chatId: at.sinceJoined, fromSequence: at.sinceJoinedFrom }), {
          after: 0,
          limit: PAGE,
        }),
    },
    {
      ...history,
      name: 'messages from before one may see',
      ask: (d, at) =>
        messagesOf(d).listMessages(past(at, { chatId: at.sinceJoined, fromSequence: at.sinceJoinedFrom }), {
          before: 100,
          limit: PAGE,
        }),
    },
    {
      ...page,
      sorted: PAGE,
      name: 'a message with very many reactions',
      ask: (d, at) => messagesOf(d).findMessage(past(at), at.root),
    },
    {
      ...page,
      name: 'the first earlier texts of a message',
      ask: (d, at) => messagesOf(d).listRevisions(past(at), at.root, 0, PAGE),
    },
    {
      ...page,
      name: 'further earlier texts of a message',
      ask: (d, at) => messagesOf(d).listRevisions(past(at), at.root, 500, PAGE),
    },
    {
      name: 'who has read a message',
      ask: (d, at) => messagesOf(d).listReaders(past(at, { chatId: at.room }), at.roomMessage, 'read', null, PAGE),
      ...{ rows: 3 * ROOM_MEMBERS, sorted: ROOM_MEMBERS, statements: 1 },
    },
    {
      name: 'whom a message has reached',
      ask: (d, at) => messagesOf(d).listReaders(past(at, { chatId: at.room }), at.roomMessage, 'delivered', null, PAGE),
      ...{ rows: 3 * ROOM_MEMBERS, sorted: ROOM_MEMBERS, statements: 1 },
    },
    {
      ...ofOwnChats,
      name: 'the chats of a user in very many',
      ask: (d) => listed(d, 'all'),
    },
    {
      ...ofOwnChats,
      name: 'further chats of a user in very many',
      ask: (d, at) =>
        chatsOf(d).listChats(
          as(BUSY),
          'all',
          { kind: 'group', archived: false },
          { lastActivityAt: new Date(Date.now() - 86_400_000), chatId: at.hot },
          PAGE,
        ),
    },
    {
      ...ofOwnChats,
      name: 'the chats of a user in very many that have moved up',
      ask: (d, at) =>
        chatsOf(d).listChatsAbove(as(BUSY), 'all', {}, { lastActivityAt: new Date(0), chatId: at.hot }, PAGE),
    },
    {
      ...page,
      sorted: PAGE,
      statements: 2,
      name: 'the chats of a user in few',
      ask: (d) => chatsOf(d).listChats(as(HERMIT), 'all', {}, null, PAGE),
    },
    {
      ...ofOwnChats,
      statements: 1,
      name: 'what is unread by a user in very many chats',
      ask: (d) => chatsOf(d).countUnread(as(BUSY), 'all'),
    },
    ...VISIBLE.flatMap(([those, visible]): Query[] => [
      { ...ofOwnChats, name: `the chats that a user in very many may see, ${those}`, ask: (d) => listed(d, visible) },
      {
        ...ofOwnChats,
        statements: 1,
        name: `what is unread in those that one may see, ${those}`,
        ask: (d) => chatsOf(d).countUnread(as(BUSY), visible),
      },
      ...[COMMON_WORD, RARE_WORD].map(
        (text): Query => ({
          ...search,
          // Each of the caller's chats is looked at for whether it may be seen.
          rows: search.rows + 2 * busyChats,
          name: `search: ${text === RARE_WORD ? 'a rare' : 'a common'} word where one may see, ${those}`,
          ask: searched(BUSY, text, () => ({}), visible),
        }),
      ),
    ]),
    { ...page, name: 'one chat', ask: (d, at) => chatsOf(d).findChat(as(ALICE), at.hot) },
    { ...page, name: 'the first members of a large chat', ask: (d, at) => chatsOf(d).listMembers(at.hot, null, PAGE) },
    { ...page, name: 'further members of a large chat', ask: (d, at) => chatsOf(d).listMembers(at.hot, 'u5', PAGE) },
    {
      ...page,
      name: 'a receipt',
      ask: (d, at) =>
        chatsOf(d).findReceipt({ tenantId: TENANT_ID, actorId: at.firstActor, commandId: 'command-1message.created' }),
    },
    { ...page, name: 'a user', ask: (d) => chatsOf(d).findUser(as('u7')) },
    { ...page, name: 'some users', ask: (d) => chatsOf(d).findUsers(TENANT_ID, ['u7', 'u70', 'u700']) },
    ...USER_SEARCHES.map(
      ([what, prefix, after]): Query => ({
        name: `users by a prefix: ${what}`,
        ask: (d) => chatsOf(d).searchUsers({ tenantId: TENANT_ID, kinds: ALL_KINDS, prefix }, after, PAGE),
        // Two ranges for each kind, and the profiles.
        ...{ rows: (2 * ALL_KINDS.length + 1) * PAGE, sorted: 2 * ALL_KINDS.length * PAGE, statements: 1 },
      }),
    ),
    {
      ...page,
      sorted: ROOM_MEMBERS + 1,
      rows: 4 * ROOM_MEMBERS,
      name: 'whom events are for',
      ask: (d, at) => logOf(d).recipients([at.hot, at.room, at.small], 2 * ROOM_MEMBERS, false),
    },
    {
      ...page,
      sorted: ROOM_MEMBERS + 1,
      rows: 8 * ROOM_MEMBERS,
      name: 'whom events are for, where the policy looks at profiles',
      ask: (d, at) => logOf(d).recipients([at.hot, at.room, at.small], 2 * ROOM_MEMBERS, true),
    },
    { ...page, name: "the store's name", ask: (d) => logOf(d).storeId() },
    { ...search, name: 'search: a common word, in the hot chat', ask: searched(ALICE, COMMON_WORD) },
    { ...search, name: 'search: a rare word, in the hot chat', ask: searched(ALICE, RARE_WORD) },
    { ...search, name: 'search: a common word, by a user in few small chats', ask: searched(HERMIT, COMMON_WORD) },
    { ...search, name: 'search: a rare word, by a user in few small chats', ask: searched(HERMIT, RARE_WORD) },
    { ...search, name: 'search: a common word, by a user in very many chats', ask: searched(BUSY, COMMON_WORD) },
    { ...search, name: 'search: a rare word, by a user in very many chats', ask: searched(BUSY, RARE_WORD) },
    {
      ...search,
      name: 'search: a common word, in one small chat of a user in very many',
      ask: searched(ALICE, COMMON_WORD, (at) => ({ chatId: at.small })),
    },
    {
      ...search,
      name: 'search: a common word of one sender',
      ask: searched(ALICE, COMMON_WORD, () => ({ senderId: 'u7' })),
    },
    {
      ...search,
      name: 'search: a common word of a sender who said nothing',
      ask: searched(ALICE, COMMON_WORD, () => ({ senderId: 'nobody' })),
    },
    { ...search, name: 'search: a common word, since one joined', ask: searched(NEWCOMER, COMMON_WORD) },
    { ...search, name: 'search: a word that nobody said', ask: searched(BUSY, 'unsaid') },
    { ...page, sorted: PARTITIONS, name: 'the moment to sync to', ask: (d) => new PrismaSyncLog(d).cut() },
    ...CUTS.flatMap(([since, from]) => [
      { name: `the chats of a page of syncing, since ${since}`, visible: 'all' as const, from },
      ...VISIBLE.map(([those, visible]) => ({
        name: `those of them that one may see, ${those}, since ${since}`,
        visible,
        from,
      })),
    ]).map(
      ({ name, visible, from }): Query => ({
        name,
        ask: async (d, at) => {
          const log = new PrismaSyncLog(d);
          const through = await log.horizon(as(BUSY), FIRST, EXAMINED);
          return log.changedChats(
            as(BUSY),
            visible,
            { from: cutAt(at, from), to: cutAt(at, 1) },
            { start: FIRST, through },
            PAGE + 1,
          );
        },
        ...{ rows: 4 * EXAMINED, sorted: 2 * EXAMINED, statements: 2 },
      }),
    ),
    {
      name: 'the chats that were left, on a page of syncing',
      ask: async (d, at) => {
        const log = new PrismaSyncLog(d);
        const through = await log.horizon(as(BUSY), FIRST, EXAMINED);
        return log.lostChats(as(BUSY), 'all', cutAt(at, 0), cutAt(at, 1), { start: FIRST, through }, PAGE + 1);
      },
      ...{ rows: 4 * EXAMINED, sorted: 2 * EXAMINED, statements: 2 },
    },
    ...VISIBLE.flatMap(([those, visible]) =>
      CUTS.slice(1).map(
        ([since, from]): Query => ({
          name: `those that were hidden or left, of those that one may see, ${those}, since ${since}`,
          ask: async (d, at) => {
            const log = new PrismaSyncLog(d);
            const through = await log.horizon(as(BUSY), FIRST, EXAMINED);
            return log.lostChats(as(BUSY), visible, cutAt(at, from), cutAt(at, 1), { start: FIRST, through }, PAGE + 1);
          },
          ...{ rows: 5 * EXAMINED, sorted: 2 * EXAMINED, statements: 3 },
        }),
      ),
    ),
    {
      name: 'where a page of syncing begins in the hot chat',
      ask: (d, at) => new PrismaSyncLog(d).firstBeyond(cutAt(at, 0.5), [{ chatId: at.hot, lastSequence: at.hotEnd }]),
      ...page,
    },
    ...places.map(
      ([where, share]): Query => ({
        name: `the events of a page of syncing, at ${where}`,
        ask: (d, at) => {
          const first = sequenceAt(at, share) + 1;
          return new PrismaSyncLog(d).eventsIn([{ chatId: at.hot, first, last: first + PAGE - 1 }]);
        },
        ...{ ...page, sorted: PAGE },
      }),
    ),
    {
      name: 'the snapshot of a batch',
      ask: (d, at) =>
        readSnapshot(d, { leases: [{ partition: 0, epoch: 0, publishedThrough: 0 }], keys: snapshotKeys(at) }),
      ...{ rows: 10 * BATCH, sorted: 0, statements: 1, settings: SESSION_FOR_BATCHES, withoutBitmaps: true },
    },
    {
      name: 'receipts to be pruned, where none is old enough',
      ask: (d) => new PrismaCommandStore(d).pruneReceipts(DAY_MS),
      ...{ ...page, statements: 2, settings: [...SESSION_FOR_BATCHES, 'enable_bitmapscan=on'] },
    },
    {
      name: 'export of the hot chat',
      ask: (d, at) => exported(d, { chatId: at.hot }),
      ...{ rows: EXPORT_ROWS, sorted: 3 * EXPORT_PAGE_ROWS, statements: size.messages },
      settings: ['enable_seqscan=off'],
    },
  ];
}

const cutAt = ({ partitionEnd }: Places, share: number): Cut => ({
  positions: Array.from({ length: PARTITIONS }, () => Math.floor(partitionEnd * share * (1 + share))),
  imports: 0,
});
const sequenceAt = (at: Places, share: number) => Math.floor(at.hotEnd * share);

/** As many as a full batch may ask for. */
function snapshotKeys(at: Places): SnapshotKeys {
  return {
    receipts: at.messageIds.map((_, n) => ({
      tenantId: TENANT_ID,
      actorId: `u${n % 50}`,
      commandId: `command-${n}1message.created`,
    })),
    chats: [at.hot, at.room, at.small],
    members: at.messageIds.map((_, n) => ({ chatId: at.hot, userId: `u${n}` })),
    users: at.messageIds.map((_, n) => ({ tenantId: TENANT_ID, userId: `u${n}` })),
    messages: at.messageIds,
    messagesInFull: at.messageIds,
    reactions: at.messageIds.map((messageId) => ({ messageId, emoji: ':wave:', userId: 'u1' })),
    reactors: at.messageIds.map((messageId) => ({ messageId, userId: 'u1' })),
    userChats: at.messageIds.map((_, n) => ({ tenantId: TENANT_ID, userId: `u${n}` })),
    webhookTenants: [TENANT_ID],
    formerMutes: at.messageIds.map((_, n) => ({ tenantId: TENANT_ID, chatId: at.hot, userId: `u${n}` })),
    readMarks: at.messageIds.map((_, n) => ({ chatId: at.hot, upTo: Math.floor((at.hotEnd * n) / BATCH) })),
  };
}
