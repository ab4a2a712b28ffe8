/**
 * Full-text search with PostgreSQL. A word index returns matches in no time order, and a common word has any number of
 * matches. So that no statement sorts too many, the search goes back in time in windows, each so narrow that it has few
 * matches.
 *
 * Raw: full-text search, on an index of expressions.
 */
import { randomBytes } from 'node:crypto';
import type { Caller, VisibleChats } from '../../../../application/ports/queries/chat-queries.js';
import type {
  FoundMessage,
  Highlight,
  MessageSearch,
  SearchPosition,
  SearchQuery,
} from '../../../../application/ports/queries/message-search.js';
import { SlowQuery } from '../../../../application/ports/queries/slow-query.js';
import { PAGE_MAX_BYTES } from '../../../../contract/rest/requests.js';
import { column } from '../columns.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { type MessageViewRow, messageViewColumns, toMessageView } from '../queries/message-view-rows.js';
import { andVisible } from '../queries/visible-chats.js';
import { CHAT_VIEW_COLUMNS, CHATS_OF_MEMBERS, type ChatViewRow, toChatView } from '../rows.js';
import { rethrow } from '../store-errors.js';
import { SearchDictionary } from './search-dictionary.js';
import { bySender, CHAT_TERM, onDays, SEARCH_TERMS, searchDocument } from './search-terms.js';
import { firstWord, searchText } from './search-text.js';

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
/** Number of characters of a found text that are scanned for highlights. */
export const HIGHLIGHTED_CHARACTERS = 1_024;
/** Time limit of a search with several statements. Each statement has its own limit too. */
const SEARCH_TIMEOUT_MS = 2_000;
/** Messages from a clock that is ahead are found too. */
const CLOCK_SKEW_MS = DAY_MS;

type Match = { messageId: string; createdAt: number; bytes: number };
type HitRow = { highlight: string; message: string; view: string };

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
  ): Promise<FoundMessage[]> {
    if (visible === 'none') return [];
    const asker = { caller, visible };
    const matching = await this.matching(query);
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
    return this.hits(asker, matching, withinPage(found));
  }

  /** Written exactly as in the index, so that the index is used. */
  private async matching({ text }: SearchQuery): Promise<Matching> {
    const dictionary = await this.dictionary.current();
    return {
      dictionary,
      document: searchDocument(dictionary),
      query: Prisma.sql`websearch_to_tsquery(${dictionary}, ${searchText(text)})`,
      firstWord: firstWord(text),
    };
  }

  /**
   * Unsorted matches. One more than the maximum means that there are too many. The index is queried for some of the
   * caller's visible chats at a time, so other chats are never read.
   */
  private matches(
    { caller: { tenantId, userId }, visible }: Asker,
    { chatId, senderId }: SearchQuery,
    { document, query }: Matching,
    window: { begin: number; end: number; from: SearchPosition | null },
  ): Promise<Match[]> {
    const { begin, end, from } = window;
    const time = (milliseconds: number) =>
      Prisma.sql`${milliseconds === -Infinity ? '-infinity' : new Date(milliseconds).toISOString()}::timestamptz`;
    const days = onDays(begin, end, DAYS_NAMED_MAX);
    return this.query<Match>(Prisma.sql`
      SELECT g.message_id::text AS "messageId", (extract(epoch FROM g.created_at) * 1000)::float8 AS "createdAt",
        octet_length(g.body) AS bytes
      FROM (
        SELECT array_agg(${CHAT_TERM}) AS chats
        FROM (SELECT m.chat_id, row_number() OVER (ORDER BY m.chat_id) / ${CHATS_AT_A_TIME}::int8 AS part
          FROM ${visible === 'all' ? Prisma.sql`members m` : CHATS_OF_MEMBERS}
          WHERE m.tenant_id = ${tenantId} AND m.user_id = ${userId} ${andVisible(visible)}
            ${chatId === undefined ? Prisma.empty : Prisma.sql`AND m.chat_id = ${chatId}::uuid`}) own
        GROUP BY part) k
      CROSS JOIN LATERAL (
        SELECT * FROM messages g
        WHERE ${document} @@ ${query} AND g.body IS NOT NULL AND ${SEARCH_TERMS} && k.chats
          ${days === null ? Prisma.empty : Prisma.sql`AND ${days}`}
          ${senderId === undefined ? Prisma.empty : Prisma.sql`AND ${bySender(senderId)}`}
          AND g.created_at >= ${time(begin)} AND g.created_at < ${time(end)}
          ${from === null ? Prisma.empty : Prisma.sql`AND (g.created_at, g.message_id) < (${time(from.createdAt.getTime())}, ${from.messageId}::uuid)`}
        OFFSET 0) g
      CROSS JOIN LATERAL (SELECT * FROM members WHERE chat_id = g.chat_id AND user_id = ${userId} LIMIT 1) m
      CROSS JOIN LATERAL (SELECT * FROM chats WHERE chat_id = g.chat_id LIMIT 1) c
      WHERE m.tenant_id = ${tenantId} AND (c.history_visibility = 'full' OR g.sequence >= m.joined_sequence)
      LIMIT ${WINDOW_MATCHES_MAX + 1}::int8`);
  }

  /**
   * The messages of a page, in order. A message that was deleted, edited or hidden since it was found is left out if it
   * no longer matches.
   */
  private async hits(
    { caller: { userId }, visible }: Asker,
    { dictionary, document, query, firstWord }: Matching,
    page: Match[],
  ): Promise<FoundMessage[]> {
    if (page.length === 0) return [];
    // Random for each search, so that no text can contain it.
    const mark = randomBytes(16).toString('hex');
    const [start, stop, gap] = [`${mark}b`, `${mark}e`, `${mark}g`];
    const options = `StartSel=${start}, StopSel=${stop}, FragmentDelimiter=${gap}, MaxFragments=3, MaxWords=24, MinWords=8`;
    const rows = await this.query<HitRow>(Prisma.sql`
      SELECT ts_headline(${dictionary}, ${highlighted(firstWord)}, ${query}, ${options}) AS highlight,
        (SELECT row_to_json(t) FROM (SELECT ${messageViewColumns(userId)}) t)::text AS message,
        (SELECT row_to_json(t) FROM (SELECT ${CHAT_VIEW_COLUMNS}) t)::text AS view
      FROM unnest(${column(page, (match) => match.messageId)}::uuid[]) WITH ORDINALITY AS k(message_id, place)
      CROSS JOIN LATERAL (SELECT * FROM messages WHERE message_id = k.message_id LIMIT 1) g
      CROSS JOIN LATERAL (SELECT * FROM chats WHERE chat_id = g.chat_id LIMIT 1) c
      CROSS JOIN LATERAL (SELECT * FROM members WHERE chat_id = g.chat_id AND user_id = ${userId} LIMIT 1) m
      WHERE ${document} @@ ${query} ${andVisible(visible)} ORDER BY k.place`);
    return rows.map((row) => ({
      message: toMessageView(JSON.parse(row.message) as MessageViewRow),
      view: toChatView(JSON.parse(row.view) as ChatViewRow),
      highlights: row.highlight.split(gap).map((fragment) => toHighlight(fragment, start, stop)),
    }));
  }

  private query<Row>(statement: Prisma.Sql): Promise<Row[]> {
    return this.database.$queryRaw<Row[]>(statement).catch(rethrow);
  }
}

/** The caller and the chats to search. */
interface Asker {
  caller: Caller;
  visible: Exclude<VisibleChats, 'none'>;
}

interface Matching {
  dictionary: Prisma.Sql;
  document: Prisma.Sql;
  query: Prisma.Sql;
  /** The first word of the search text. */
  firstWord: string;
}

/**
 * For `messages g`: the part of the text that is scanned for highlights, starting near the first word. The cost of
 * `ts_headline` grows with the square of the word's occurrences: a text of 16 KB took 0.5 s.
 */
function highlighted(firstWord: string): Prisma.Sql {
  const before = HIGHLIGHTED_CHARACTERS / 4;
  return Prisma.sql`substr(g.body, greatest(1, strpos(lower(g.body), lower(${firstWord})) - ${before}::int4), ${HIGHLIGHTED_CHARACTERS}::int4)`;
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

function toHighlight(fragment: string, start: string, stop: string): Highlight {
  return fragment.split(start).flatMap((piece, index) => {
    // The piece before the first mark has no match. Each later piece begins with a match, up to its end mark.
    const [match, rest] = index === 0 ? ['', piece] : (piece.split(stop) as [string, string | undefined]);
    return [
      { text: match, match: true },
      { text: rest ?? '', match: false },
    ].filter(({ text }) => text !== '');
  });
}
