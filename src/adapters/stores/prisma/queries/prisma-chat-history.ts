import type {
  ChatHistory,
  CoveringMark,
  MemberMarks,
  MessageView,
  SequencePage,
  SequenceRange,
  ThreadView,
  VisiblePast,
} from '../../../../application/ports/queries/chat-history.js';
import type { LoggedEvent } from '../../../../application/ports/store/log/event-log.js';
import type { Metadata } from '../../../../domain/chat.js';
import { asSeenFrom } from '../../../../domain/event.js';
import type { MessageRevision } from '../../../../domain/message.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { EVENT_COLUMNS, EVENTS_WITH_MESSAGES, type EventRow, toLoggedEvent } from '../log/event-rows.js';
import { rethrow } from '../store-errors.js';
import { type MessageViewRow, messageViewColumns, messageViewPage, toMessageView } from './message-view-rows.js';
import { EVENT_BYTES, MESSAGE_BYTES, type PageRow, withinPageBytes } from './page-bytes.js';

interface RevisionRow extends Omit<MessageRevision, 'mentions' | 'metadata' | 'at'> {
  mentions: string | null;
  metadata: string | null;
  at: number;
}

/** For `members m`. The second is `deliveredThrough` of the domain. */
const READ_MARK = Prisma.raw('m.read_sequence');
const DELIVERY_MARK = Prisma.raw('GREATEST(m.read_sequence, m.delivered_sequence)');

/** For `messages g`: the message with this id, if it is visible. */
function isVisible({ chatId, fromSequence }: VisiblePast, messageId: string): Prisma.Sql {
  return Prisma.sql`g.message_id = ${messageId}::uuid AND g.chat_id = ${chatId}::uuid AND g.sequence >= ${fromSequence}`;
}

/**
 * Every page is read along an index and no further than needed. Every method rejects with a `StoreError`.
 *
 * Raw: one statement joins what a page shows, limits its bytes, and compares keys of several columns.
 */
export class PrismaChatHistory implements ChatHistory {
  constructor(private readonly database: PrismaClient) {}

  listMessages(past: VisiblePast, range: SequenceRange): Promise<SequencePage<MessageView>> {
    return this.pageOfMessages(past, null, range);
  }

  async findMessage(past: VisiblePast, messageId: string): Promise<MessageView | null> {
    const [row] = await this.query<MessageViewRow>(Prisma.sql`
      SELECT ${messageViewColumns(past.userId)} FROM messages g WHERE ${isVisible(past, messageId)}`);
    return row === undefined ? null : toMessageView(row);
  }

  /**
   * Reads a range of the index. With a plain condition on the message, a planner that expects few revisions would sort
   * all of them for each page.
   */
  async listRevisions(
    past: VisiblePast,
    messageId: string,
    afterRevision: number,
    limit: number,
  ): Promise<MessageRevision[]> {
    const page = Prisma.sql`
      SELECT v.message_id::text AS "messageId", v.revision, v.body, v.mentions::text AS mentions, v.metadata::text AS metadata,
        v.actor_id AS "actorId", (extract(epoch FROM v.at) * 1000)::float8 AS at, v.message_id AS place
      FROM message_revisions v
      WHERE (v.message_id, v.revision) > (${messageId}::uuid, ${afterRevision}::int4) AND v.message_id <= ${messageId}::uuid
        AND EXISTS (SELECT FROM messages g WHERE ${isVisible(past, messageId)})
      ORDER BY v.message_id, v.revision LIMIT ${limit}::int8`;
    const rows = await this.query<RevisionRow>(Prisma.sql`
      SELECT r."messageId", r.revision, r.body, r.mentions, r.metadata, r."actorId", r.at
      FROM (${withinPageBytes(page, Prisma.sql`p.place, p.revision`, Prisma.sql`octet_length(p.body)`)}) r
      ORDER BY r.place, r.revision`);
    return rows.map((row) => ({
      ...row,
      mentions: row.mentions === null ? [] : (JSON.parse(row.mentions) as string[]),
      metadata: row.metadata === null ? {} : (JSON.parse(row.metadata) as Metadata),
      at: new Date(row.at),
    }));
  }

  async findThread(past: VisiblePast, rootId: string, range: SequenceRange): Promise<ThreadView | null> {
    const [row] = await this.query<MessageViewRow & { replies: number }>(Prisma.sql`
      SELECT ${messageViewColumns(past.userId)},
        COALESCE((SELECT t.replies FROM threads t WHERE t.root_id = g.message_id), 0) AS replies
      FROM messages g WHERE ${isVisible(past, rootId)}`);
    if (row === undefined) return null;
    const replies = await this.pageOfMessages(past, rootId, range);
    const { items: latest } = await this.pageOfMessages(past, rootId, { limit: 1 });
    return { root: toMessageView(row), replyCount: row.replies, lastReply: latest[0] ?? null, replies };
  }

  listReaders(
    past: VisiblePast,
    messageId: string,
    mark: CoveringMark,
    afterUserId: string | null,
    limit: number,
  ): Promise<MemberMarks[]> {
    // The empty string sorts before all user ids.
    return this.query<MemberMarks>(Prisma.sql`
      SELECT r.user_id AS "userId", r.read_sequence::float8 AS "readSequence", r.delivered_sequence::float8 AS "deliveredSequence"
      FROM messages g CROSS JOIN LATERAL (
        SELECT m.user_id, m.read_sequence, m.delivered_sequence FROM members m
        WHERE m.chat_id = g.chat_id AND m.user_id > ${afterUserId ?? ''} AND m.user_id <> g.sender_id
          AND ${mark === 'read' ? READ_MARK : DELIVERY_MARK} >= g.sequence AND m.joined_sequence <= g.sequence
        ORDER BY m.user_id LIMIT ${limit}::int8) r
      WHERE ${isVisible(past, messageId)} ORDER BY r.user_id`);
  }

  async listEvents(
    { chatId, fromSequence }: VisiblePast,
    after: number,
    limit: number,
  ): Promise<SequencePage<LoggedEvent>> {
    const page = Prisma.sql`
      SELECT ${EVENT_COLUMNS}, e.sequence AS place, ${EVENT_BYTES} AS bytes FROM ${EVENTS_WITH_MESSAGES}
      WHERE e.chat_id = ${chatId}::uuid AND e.sequence > ${Math.max(after, fromSequence - 1)}
      ORDER BY e.sequence LIMIT ${limit + 1}::int8`;
    const rows = await this.query<EventRow & PageRow>(Prisma.sql`
      ${withinPageBytes(page, Prisma.sql`p.place`)} ORDER BY w.place`);
    const { items, hasMore } = toPage(rows, limit);
    const events = items.map(toLoggedEvent);
    return { items: events.map((logged) => ({ ...logged, event: asSeenFrom(logged.event, fromSequence) })), hasMore };
  }

  /**
   * A page of visible messages, or of those in one thread. A thread's replies can be years apart, so their reactions
   * are looked up by message.
   */
  private async pageOfMessages(
    { chatId, userId, fromSequence }: VisiblePast,
    threadRootId: string | null,
    { after, before = Number.MAX_SAFE_INTEGER, limit }: SequenceRange,
  ): Promise<SequencePage<MessageView>> {
    const forward = after !== undefined;
    const order = forward ? 'ASC' : 'DESC';
    const isThread = threadRootId !== null;
    // Rows of a thread are sorted together with their lookups. Only then does the planner use the thread index.
    const columns = isThread ? Prisma.sql`${messageViewColumns(userId)}, g.sequence AS place` : Prisma.sql`*`;
    const page = Prisma.sql`
      SELECT ${columns} FROM messages g
      WHERE g.chat_id = ${chatId}::uuid AND g.sequence > ${Math.max(after ?? 0, fromSequence - 1)}
        AND g.sequence < ${before} ${isThread ? Prisma.sql`AND g.thread_root_id = ${threadRootId}::uuid` : Prisma.empty}
      ORDER BY g.sequence ${Prisma.raw(order)} LIMIT ${limit + 1}::int8`;
    const byPlace = (table: 'p' | 'w') => Prisma.raw(`${table}.place ${order}`);
    const rows = await this.query<MessageViewRow & PageRow>(
      isThread
        ? Prisma.sql`${withinPageBytes(page, byPlace('p'), MESSAGE_BYTES)} ORDER BY ${byPlace('w')}`
        : messageViewPage(userId, page, order),
    );
    const { items, hasMore } = toPage(rows, limit);
    if (!forward) items.reverse();
    return { items: items.map(toMessageView), hasMore };
  }

  private query<Row>(statement: Prisma.Sql): Promise<Row[]> {
    return this.database.$queryRaw<Row[]>(statement).catch(rethrow);
  }
}

/** Queries request one row more than the page. Its presence shows that there are more rows. */
function toPage<Row extends PageRow>(rows: Row[], limit: number): SequencePage<Row> {
  const items = rows.slice(0, limit);
  return { items, hasMore: (rows[0]?.pageRows ?? 0) > items.length };
}
