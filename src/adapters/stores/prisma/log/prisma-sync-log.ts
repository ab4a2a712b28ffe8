import type { Caller, ChatTraits, VisibleChats } from '../../../../application/ports/queries/chat-queries.js';
import type {
  ChatStretch,
  Cut,
  EventRange,
  EventsInRanges,
  LostChat,
  SyncedChat,
  SyncLog,
  SyncWindow,
} from '../../../../application/ports/queries/sync-log.js';
import type { LoggedEvent } from '../../../../application/ports/store/log/event-log.js';
import { column } from '../columns.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { EVENT_BYTES, type PageRow, withinPageBytes } from '../queries/page-bytes.js';
import { andVisible, isAmong, MEMBERSHIP_STATE } from '../queries/visible-chats.js';
import { CHAT_COLUMNS, type ChatViewRow, MEMBER_COLUMNS, toChatView } from '../rows.js';
import { rethrow } from '../store-errors.js';
import { EVENT_COLUMNS, EVENTS_WITH_MESSAGES, type EventRow, toLoggedEvent } from './event-rows.js';

/** The maximum chat id. */
const LAST_CHAT_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

type SyncedChatRow = ChatViewRow & { importNumber: number | null; shownSequence: number };
type Interval = { from: Cut; to: Cut };

/**
 * Every method rejects with a `StoreError`. Statements are written so that no plan reads more than the named rows: a
 * lateral subquery with a LIMIT finds its rows by key, whatever the planner assumes about the tables.
 *
 * Raw: lateral subqueries, and several tables from one snapshot.
 */
export class PrismaSyncLog implements SyncLog {
  constructor(private readonly database: PrismaClient) {}

  async cut(): Promise<Cut> {
    const rows = await this.query<{ position: number; imports: number }>(Prisma.sql`
      SELECT p.position::float8 AS position, s.imports FROM store s JOIN partitions p ON true ORDER BY p.partition`);
    return { positions: rows.map(({ position }) => position), imports: rows[0]?.imports ?? 0 };
  }

  async horizon({ tenantId, userId }: Caller, start: ChatStretch['start'], most: number): Promise<string | null> {
    const ids = (table: 'members' | 'departures') => Prisma.sql`
      (SELECT m.chat_id FROM ${Prisma.raw(table)} m
        WHERE m.tenant_id = ${tenantId} AND m.user_id = ${userId} AND ${isFrom(start)} ORDER BY m.chat_id LIMIT ${most}::int8)`;
    const [row] = await this.query<{ chatId: string }>(Prisma.sql`
      SELECT chat_id::text AS "chatId" FROM (${ids('members')} UNION ALL ${ids('departures')}) u
      ORDER BY chat_id OFFSET ${most - 1}::int8 LIMIT 1`);
    return row?.chatId ?? null;
  }

  async changedChats(
    caller: Caller,
    visible: VisibleChats,
    { from, to }: SyncWindow,
    { start, through }: ChatStretch,
    limit: number,
  ): Promise<SyncedChat[]> {
    if (visible === 'none') return [];
    const { tenantId, userId } = caller;
    const shown =
      visible === 'all'
        ? Prisma.sql`0`
        : lastUntil(allMembershipStates(caller), Prisma.sql`NOT (${isAmong(visible, Prisma.sql`s.state`)})`);
    const rows = await this.query<SyncedChatRow>(Prisma.sql`
      SELECT ${CHAT_COLUMNS}, ${MEMBER_COLUMNS}, c.import_number AS "importNumber", COALESCE(${shown}, 0)::float8 AS "shownSequence"
      FROM members m ${WITH_CHAT}
      WHERE m.tenant_id = ${tenantId} AND m.user_id = ${userId} AND ${isFrom(start)} AND m.chat_id <= ${through ?? LAST_CHAT_ID}::uuid
        AND ${from === null ? Prisma.sql`true` : hasMoved(from, to)} ${andVisible(visible)}
      ORDER BY m.chat_id LIMIT ${limit}::int8`);
    return rows.map((row) => ({
      ...toChatView(row),
      importNumber: row.importNumber,
      shownSequence: row.shownSequence,
    }));
  }

  async lostChats(
    caller: Caller,
    visible: VisibleChats,
    from: Cut,
    to: Cut,
    stretch: ChatStretch,
    limit: number,
  ): Promise<LostChat[]> {
    if (visible === 'none') return [];
    const window = { from, to };
    const left = leftChats(caller, visible, window, stretch, limit);
    if (visible === 'all') return this.query<LostChat>(left);
    // In one snapshot. Otherwise a chat that is hidden and then left between two statements would be in neither result.
    return this.query<LostChat>(Prisma.sql`
      SELECT * FROM ((${left}) UNION ALL (${hiddenChats(caller, visible, window, stretch, limit)})) u
      ORDER BY "chatId"::uuid LIMIT ${limit}::int8`);
  }

  /**
   * A binary search for all chats at once. An event that does not exist, or is in a partition that the cut does not
   * contain, counts as before the cut.
   */
  async firstBeyond(
    cut: Cut,
    chats: readonly { chatId: string; lastSequence: number }[],
  ): Promise<Map<string, number>> {
    const rows = await this.query<{ chatId: string; sequence: number }>(Prisma.sql`
      WITH RECURSIVE search(chat_id, low, high) AS (
        SELECT k.chat_id, 1::int8, k.last_sequence + 1
        FROM unnest(${column(chats, (chat) => chat.chatId)}::uuid[], ${column(chats, (chat) => chat.lastSequence)}::int8[])
          AS k(chat_id, last_sequence)
        UNION ALL
        SELECT s.chat_id, CASE WHEN e.is_beyond THEN s.low ELSE (s.low + s.high) / 2 + 1 END,
          CASE WHEN e.is_beyond THEN (s.low + s.high) / 2 ELSE s.high END
        FROM search s LEFT JOIN LATERAL (
          SELECT x.position > ${positionIn(cut, 'x')} AS is_beyond FROM chat_events x
          WHERE x.chat_id = s.chat_id AND x.sequence = (s.low + s.high) / 2 LIMIT 1) e ON true
        WHERE s.low < s.high)
      SELECT chat_id::text AS "chatId", low::float8 AS sequence FROM search WHERE low = high`);
    return new Map(rows.map(({ chatId, sequence }) => [chatId, sequence]));
  }

  async eventsIn(ranges: readonly EventRange[]): Promise<EventsInRanges> {
    const page = Prisma.sql`
      SELECT x.*, k.place FROM unnest(${column(ranges, ({ chatId }) => chatId)}::uuid[], ${column(ranges, ({ first }) => first)}::int8[],
        ${column(ranges, ({ last }) => last)}::int8[]) WITH ORDINALITY AS k(chat_id, first, last, place)
      CROSS JOIN LATERAL (
        SELECT ${EVENT_COLUMNS}, ${EVENT_BYTES} AS bytes FROM ${EVENTS_WITH_MESSAGES}
        WHERE e.chat_id = k.chat_id AND e.sequence BETWEEN k.first AND k.last
        ORDER BY e.sequence LIMIT k.last - k.first + 1) x`;
    const rows = await this.query<EventRow & PageRow>(Prisma.sql`
      ${withinPageBytes(page, Prisma.sql`p.place, p.sequence`)} ORDER BY w.place, w.sequence`);
    const events = new Map(ranges.map(({ chatId }): [string, LoggedEvent[]] => [chatId, []]));
    for (const row of rows) events.get(row.chatId ?? '')?.push(toLoggedEvent(row));
    return { events, isComplete: (rows[0]?.pageRows ?? 0) === rows.length };
  }

  private query<Row>(statement: Prisma.Sql): Promise<Row[]> {
    return this.database.$queryRaw<Row[]>(statement).catch(rethrow);
  }
}

/**
 * A chat that was hidden before the caller left it was already lost then. So the event is the last one at which the
 * caller could see the chat.
 */
function leftChats(
  caller: Caller,
  visible: Exclude<VisibleChats, 'none'>,
  { from, to }: Interval,
  { start, through }: ChatStretch,
  limit: number,
): Prisma.Sql {
  const { tenantId, userId } = caller;
  const lost =
    visible === 'all'
      ? Prisma.sql`m.position <= ${positionIn(to, 'm')}`
      : isWithinWindow(from, to, lastUntil(formerMemberships(caller), isAmong(visible, Prisma.sql`s.state`)));
  return Prisma.sql`
    SELECT m.chat_id::text AS "chatId", false AS "isMember" FROM departures m ${visible === 'all' ? Prisma.empty : WITH_CHAT}
    WHERE m.tenant_id = ${tenantId} AND m.user_id = ${userId} AND ${isFrom(start)} AND m.chat_id <= ${through ?? LAST_CHAT_ID}::uuid
      AND m.position > ${positionIn(from, 'm')} AND ${lost}
      AND (SELECT p.user_id FROM members p WHERE p.chat_id = m.chat_id AND p.user_id = ${userId}) IS NULL
    ORDER BY m.chat_id LIMIT ${limit}::int8`;
}

function hiddenChats(
  caller: Caller,
  visible: readonly ChatTraits[],
  { from, to }: Interval,
  { start, through }: ChatStretch,
  limit: number,
): Prisma.Sql {
  const { tenantId, userId } = caller;
  return Prisma.sql`
    SELECT m.chat_id::text AS "chatId", true AS "isMember" FROM members m ${WITH_CHAT}
    WHERE m.tenant_id = ${tenantId} AND m.user_id = ${userId} AND ${isFrom(start)} AND m.chat_id <= ${through ?? LAST_CHAT_ID}::uuid
      AND c.last_position > ${lastPositionIn(from)} AND NOT (${isAmong(visible, MEMBERSHIP_STATE)})
      AND ${isWithinWindow(from, to, lastUntil(allMembershipStates(caller), isAmong(visible, Prisma.sql`s.state`)))}
    ORDER BY m.chat_id LIMIT ${limit}::int8`;
}

/** For a table `m` with a column chat_id. */
function isFrom({ chatId, inclusive }: ChatStretch['start']): Prisma.Sql {
  return inclusive ? Prisma.sql`m.chat_id >= ${chatId}::uuid` : Prisma.sql`m.chat_id > ${chatId}::uuid`;
}

/** The cut's position in the partition of the row of `table`. Null for a partition that the cut does not contain. */
function positionIn({ positions }: Cut, table: 'c' | 'm' | 'x'): Prisma.Sql {
  return Prisma.sql`(${positionsLiteral(positions)}::int8[])[${Prisma.raw(table)}.partition + 1]`;
}

/** The last position of `chats c` that is certainly before the cut. */
function lastPositionIn(cut: Cut): Prisma.Sql {
  return Prisma.sql`COALESCE(${positionIn(cut, 'c')}, ${Math.min(...cut.positions)}::int8)`;
}

/**
 * For `chats c` and `members m`. A chat without a partition does not say where it was, so it counts as changed if it
 * may be new in any partition. A read mark after the cut was either made later, or was made in the chat's former
 * partition and came with the new placement.
 */
function hasMoved(from: Cut, to: Cut): Prisma.Sql {
  const had = lastPositionIn(from);
  const upTo = Prisma.sql`COALESCE(${positionIn(to, 'c')}, ${Math.max(...to.positions)}::int8)`;
  return Prisma.sql`(c.last_position > ${had} OR (m.read_position > ${had} AND m.read_position <= ${upTo})
    OR c.import_number > ${from.imports}::int4)`;
}

function positionsLiteral(positions: readonly number[]): string {
  return column(positions, (position) => position);
}

/** The chat of a row of `m`, by key. */
const WITH_CHAT = Prisma.sql`CROSS JOIN LATERAL (SELECT * FROM chats WHERE chat_id = m.chat_id LIMIT 1) c`;

/** The caller's former membership states in the chat of a row of `m`. */
function formerMemberships({ tenantId, userId }: Caller): Prisma.Sql {
  return Prisma.sql`SELECT f.state, f.until FROM former_memberships f
    WHERE f.tenant_id = ${tenantId} AND f.user_id = ${userId} AND f.chat_id = m.chat_id`;
}

/**
 * For `chats c` and `members m`. Includes the state before the chat was archived or unarchived: `stateBeforeArchiving`
 * of the domain.
 */
function allMembershipStates(caller: Caller): Prisma.Sql {
  return Prisma.sql`${formerMemberships(caller)}
    UNION ALL SELECT CASE WHEN c.archived_at IS NULL THEN 'archived ' ELSE 'open ' END || m.role, c.archive_sequence
    WHERE c.archive_sequence > GREATEST(m.joined_sequence, m.role_sequence)`;
}

/**
 * The sequence of the event that last ended one of the states `s` for which the condition holds. Null if there is none.
 */
function lastUntil(states: Prisma.Sql, condition: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`(SELECT max(s.until) FROM (${states}) s WHERE ${condition})`;
}

/**
 * Whether the event of the chat of `m` with that sequence is after the first cut and before the second one. False for
 * an event that does not exist.
 */
function isWithinWindow(from: Cut, to: Cut, sequence: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`(SELECT x.position > ${positionIn(from, 'x')} AND x.position <= ${positionIn(to, 'x')} FROM chat_events x
    WHERE x.chat_id = m.chat_id AND x.sequence = ${sequence})`;
}
