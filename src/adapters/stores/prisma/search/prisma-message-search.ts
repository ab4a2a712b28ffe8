/**
 * Full-text search on `message_search`. A word index returns matches in no time order, and a common word has any number
 * of matches. So that no statement sorts too many, the search goes back in time in windows, each so narrow that it has
 * few matches.
 *
 * Raw: full-text search, on an index of expressions.
 */
import type { Caller, VisibleChats } from '../../../../application/ports/queries/chat-queries.js';
import type {
  FoundMessage,
  MessageSearch,
  SearchPage,
  SearchPosition,
  SearchQuery,
} from '../../../../application/ports/queries/message-search.js';
import { SlowQuery } from '../../../../application/ports/queries/slow-query.js';
import { SEARCH_CONSUMER } from '../../../../application/search/search-indexer.js';
import { PAGE_MAX_BYTES } from '../../../../contract/rest/requests.js';
import { highlight, type StemOf } from '../../../../domain/search/highlights.js';
import { type SearchTerm, searchTerms } from '../../../../domain/search/search-terms.js';
import { wordsOf } from '../../../../domain/search/words.js';
import { column } from '../columns.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { type MessageViewRow, messageViewColumns, toMessageView } from '../queries/message-view-rows.js';
import { andVisible } from '../queries/visible-chats.js';
import { CHAT_VIEW_COLUMNS, CHATS_OF_MEMBERS, type ChatViewRow, toChatView } from '../rows.js';
import { rethrow } from '../store-errors.js';
import { bySender, inOrder, onDays, SEARCH_DOCUMENT, SEARCH_KEYS, searchQuery } from './search-columns.js';
import { NO_DICTIONARY, NO_STEMS, SearchDictionary } from './search-dictionary.js';

/** Maximum number of matches of one window that are sorted. A window with more matches is narrowed. */
export const WINDOW_MATCHES_MAX = 2_000;
const DAY_MS = 86_400_000;
/** Number of the caller's chats in one query of the index. */
const CHATS_AT_A_TIME = 500;
/** A window of more days is not queried day by day. It is that wide only because there are few matches. */
const DAYS_NAMED_MAX = 64;
/** Factor by which the next window is wider after a window with few matches. After an empty one it is larger. */
const WINDOW_GROWTH = 4;
const EMPTY_WINDOW_GROWTH = 16;
const WINDOW_NARROWING = 8;
/** A window that starts at this time (milliseconds since 1970) includes everything older. */
const BEGINNING = 0;
/** Time limit of a search with several statements. Each statement has its own limit too. */
const SEARCH_TIMEOUT_MS = 2_000;
/** Messages from a clock that is ahead are found too. */
const CLOCK_SKEW_MS = DAY_MS;

type Match = { messageId: string; revision: number; createdAt: number; bytes: number };
type HitRow = { message: string; view: string };

export class PrismaMessageSearch implements MessageSearch {
  private readonly dictionary: SearchDictionary;

  constructor(private readonly database: PrismaClient) {
    this.dictionary = new SearchDictionary(database);
  }

  /** Rejects with a `StoreError`. */
  async search(
    caller: Caller,
    visible: VisibleChats,
    query: SearchQuery,
    from: SearchPosition | null,
    limit: number,
  ): Promise<SearchPage> {
    // Before the matches: what is indexed by then is found.
    const indexedThrough = await this.indexedThrough();
    const terms = searchTerms(query.text);
    if (visible === 'none' || terms.length === 0) return { found: [], indexedThrough };
    const asker = { caller, visible };
    const dictionary = await this.dictionary.current();
    const stemOf = await this.dictionary.stems(
      dictionary,
      terms.flatMap(({ words }) => words),
    );
    const matching = { terms, dictionary, query: searchQuery(terms, stemOf), order: inOrder(terms) };
    // Neither the chats' creation nor any other time is a lower bound: a clock may have been set back, or an archive
    // may have been imported.
    const oldest = query.from?.getTime() ?? -Infinity;
    const latest = Math.min(from?.createdAt.getTime() ?? Number.MAX_SAFE_INTEGER, Date.now() + CLOCK_SKEW_MS);
    let end = Math.min(query.to?.getTime() ?? Number.MAX_SAFE_INTEGER, latest + 1);
    let width = 2 * DAY_MS;
    const deadline = performance.now() + SEARCH_TIMEOUT_MS;
    const found: Match[] = [];
    while (found.length < limit && end > oldest) {
      if (performance.now() > deadline) throw new SlowQuery(`a search took longer than ${SEARCH_TIMEOUT_MS} ms`);
      const begin = Math.max(oldest, end - width < BEGINNING ? -Infinity : end - width);
      const matches = await this.matches(asker, query, matching, { begin, end, from });
      if (matches.length > WINDOW_MATCHES_MAX && end - begin > 1) {
        width = Math.max(1, Math.floor(Math.min(width, end - begin) / WINDOW_NARROWING));
        continue;
      }
      found.push(...matches.sort(newestFirst).slice(0, limit - found.length));
      end = begin;
      width *= matches.length === 0 ? EMPTY_WINDOW_GROWTH : WINDOW_GROWTH;
    }
    return { found: await this.hits(asker, matching, withinPage(found)), indexedThrough };
  }

  /** The time of the first event that the indexer has not passed; the present if it has passed all of them. */
  private async indexedThrough(): Promise<Date | null> {
    const [row] = await this.query<{ through: number | null }>(Prisma.sql`
      SELECT CASE WHEN bool_and(c.position IS NOT NULL) THEN extract(epoch FROM min(CASE
          WHEN c.position >= p.position THEN now()
          ELSE (SELECT e.at FROM chat_events e WHERE e.partition = p.partition AND e.position > c.position
            ORDER BY e.position LIMIT 1) END)) * 1000 END::float8 AS through
      FROM partitions p
      LEFT JOIN event_cursors c ON c.name = ${SEARCH_CONSUMER} AND c.partition = p.partition`);
    return row?.through == null ? null : new Date(Math.floor(row.through));
  }

  /**
   * Unsorted matches. One more than the maximum means that there are too many. The index is queried for some of the
   * caller's visible chats at a time, so other chats are never read.
   */
  private matches(
    { caller: { tenantId, userId }, visible }: Asker,
    { chatId, senderId }: SearchQuery,
    { query, order }: Matching,
    window: { begin: number; end: number; from: SearchPosition | null },
  ): Promise<Match[]> {
    const { begin, end, from } = window;
    const time = (milliseconds: number) =>
      Prisma.sql`${milliseconds === -Infinity ? '-infinity' : new Date(milliseconds).toISOString()}::timestamptz`;
    const days = onDays(begin, end, DAYS_NAMED_MAX);
    return this.query<Match>(Prisma.sql`
      SELECT g.message_id::text AS "messageId", g.revision, (extract(epoch FROM g.created_at) * 1000)::float8 AS "createdAt",
        octet_length(g.body) AS bytes
      FROM (
        SELECT array_agg(chat_search_key(chat_id)) AS chats
        FROM (SELECT m.chat_id, row_number() OVER (ORDER BY m.chat_id) / ${CHATS_AT_A_TIME}::int8 AS part
          FROM ${visible === 'all' ? Prisma.sql`members m` : CHATS_OF_MEMBERS}
          WHERE m.tenant_id = ${tenantId} AND m.user_id = ${userId} ${andVisible(visible)}
            ${chatId === undefined ? Prisma.empty : Prisma.sql`AND m.chat_id = ${chatId}::uuid`}) own
        GROUP BY part) k
      CROSS JOIN LATERAL (
        SELECT s.message_id, s.revision FROM message_search s
        WHERE ${SEARCH_DOCUMENT} @@ ${query}::tsquery AND s.words IS NOT NULL AND ${SEARCH_KEYS} && k.chats
          ${days === null ? Prisma.empty : Prisma.sql`AND ${days}`}
          ${senderId === undefined ? Prisma.empty : Prisma.sql`AND ${bySender(senderId)}`}
          AND s.created_at >= ${time(begin)} AND s.created_at < ${time(end)} ${order}
          ${from === null ? Prisma.empty : Prisma.sql`AND (s.created_at, s.message_id) < (${time(from.createdAt.getTime())}, ${from.messageId}::uuid)`}
        OFFSET 0) s
      CROSS JOIN LATERAL (SELECT * FROM messages WHERE message_id = s.message_id LIMIT 1) g
      CROSS JOIN LATERAL (SELECT * FROM members WHERE chat_id = g.chat_id AND user_id = ${userId} LIMIT 1) m
      CROSS JOIN LATERAL (SELECT * FROM chats WHERE chat_id = g.chat_id LIMIT 1) c
      WHERE g.revision = s.revision AND g.body IS NOT NULL AND m.tenant_id = ${tenantId}
        ${chatId === undefined ? Prisma.empty : Prisma.sql`AND g.chat_id = ${chatId}::uuid`}
        ${senderId === undefined ? Prisma.empty : Prisma.sql`AND g.sender_id = ${senderId}`}
        AND ${IN_VISIBLE_HISTORY}
      LIMIT ${WINDOW_MATCHES_MAX + 1}::int8`);
  }

  /**
   * The messages of a page, in order. A message that was deleted, edited or hidden since it was found is left out.
   */
  private async hits(
    { caller: { userId }, visible }: Asker,
    { terms, dictionary }: Matching,
    page: Match[],
  ): Promise<FoundMessage[]> {
    if (page.length === 0) return [];
    const rows = await this.query<HitRow>(Prisma.sql`
      SELECT (SELECT row_to_json(t) FROM (SELECT ${messageViewColumns(userId)}) t)::text AS message,
        (SELECT row_to_json(t) FROM (SELECT ${CHAT_VIEW_COLUMNS}) t)::text AS view
      FROM unnest(${column(page, (match) => match.messageId)}::uuid[], ${column(page, (match) => match.revision)}::int4[])
        WITH ORDINALITY AS k(message_id, revision, place)
      CROSS JOIN LATERAL (SELECT * FROM messages WHERE message_id = k.message_id LIMIT 1) g
      CROSS JOIN LATERAL (SELECT * FROM chats WHERE chat_id = g.chat_id LIMIT 1) c
      CROSS JOIN LATERAL (SELECT * FROM members WHERE chat_id = g.chat_id AND user_id = ${userId} LIMIT 1) m
      WHERE g.revision = k.revision AND g.body IS NOT NULL AND ${IN_VISIBLE_HISTORY} ${andVisible(visible)}
      ORDER BY k.place`);
    const found = rows.map((row) => ({
      message: toMessageView(JSON.parse(row.message) as MessageViewRow),
      view: toChatView(JSON.parse(row.view) as ChatViewRow),
    }));
    const stemOf = await this.stemsIn(found, terms, dictionary);
    return found.map((hit) => ({ ...hit, highlights: highlight(hit.message.body ?? '', terms, stemOf) }));
  }

  /** Of the words of the found texts, for their highlights. */
  private async stemsIn(
    found: readonly Pick<FoundMessage, 'message'>[],
    terms: readonly SearchTerm[],
    dictionary: string,
  ): Promise<StemOf> {
    if (dictionary === NO_DICTIONARY) return NO_STEMS;
    const texts = found.flatMap(({ message }) => wordsOf(message.body ?? '').map(({ text }) => text));
    return this.dictionary.stems(dictionary, [...texts, ...terms.flatMap(({ words }) => words)]);
  }

  private query<Row>(statement: Prisma.Sql): Promise<Row[]> {
    return this.database.$queryRaw<Row[]>(statement).catch(rethrow);
  }
}

/** For `messages g`, `chats c` and `members m`: whether the member may see the message. */
const IN_VISIBLE_HISTORY = Prisma.sql`(c.history_visibility = 'full' OR g.sequence >= m.joined_sequence)`;

/** The caller and the chats to search. */
interface Asker {
  caller: Caller;
  visible: Exclude<VisibleChats, 'none'>;
}

interface Matching {
  terms: SearchTerm[];
  dictionary: string;
  /** PostgreSQL's `tsquery`. */
  query: string;
  /** The condition that phrases are in order. */
  order: Prisma.Sql;
}

/** The first matches, as many as a page can hold. */
function withinPage(matches: readonly Match[]): Match[] {
  let bytes = 0;
  return matches.filter((match) => {
    const fits = bytes < PAGE_MAX_BYTES;
    bytes += match.bytes;
    return fits;
  });
}

function newestFirst(a: Match, b: Match): number {
  return b.createdAt - a.createdAt || (a.messageId < b.messageId ? 1 : -1);
}
