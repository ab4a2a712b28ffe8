import type {
  ChatMember,
  ChatMembers,
  EventLog,
  LoggedEvent,
} from '../../../../application/ports/store/log/event-log.js';
import type { Role } from '../../../../domain/chat.js';
import type { Claims, UserKind } from '../../../../domain/user.js';
import { column } from '../columns.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';
import { EVENT_COLUMNS, EVENTS_WITH_MESSAGES, type EventRow, toLoggedEvent } from './event-rows.js';

type ChatMembersRow = Omit<ChatMembers, 'members'> & { chatId: string; userIds: string[] | null } & MemberColumns;
/** All arrays have the length of `userIds`. */
interface MemberColumns {
  roles: Role[];
  joinedSequences: number[];
  /** Null if the user has no profile. */
  kinds?: (UserKind | null)[];
  claims?: (string | null)[];
}

/** Columns of `members m` and `users u`. */
const PROFILE_COLUMNS = Prisma.sql`, array_agg(u.kind ORDER BY m.user_id) AS kinds, array_agg(u.claims::text ORDER BY m.user_id) AS claims`;
const WITH_PROFILES = Prisma.sql`LEFT JOIN users u ON u.tenant_id = m.tenant_id AND u.user_id = m.user_id`;

/** Every method rejects with a `StoreError`. */
export class PrismaEventLog implements EventLog {
  constructor(private readonly database: PrismaClient) {}

  async storeId(): Promise<string> {
    const store = await this.database.store.findFirst({ select: { storeId: true } }).catch(rethrow);
    if (store === null) throw new Error('the store has no identity: its row is missing');
    return store.storeId;
  }

  async readEvents(partition: number, after: number, limit: number): Promise<LoggedEvent[]> {
    // Raw: each event with its text, by a lateral lookup.
    const rows = await this.database.$queryRaw<EventRow[]>`
      SELECT ${EVENT_COLUMNS} FROM ${EVENTS_WITH_MESSAGES}
      WHERE e.partition = ${partition} AND e.position > ${after}
      ORDER BY e.position LIMIT ${limit}::int8`.catch(rethrow);
    return rows.map(toLoggedEvent);
  }

  async recipients(chatIds: readonly string[], max: number, withProfiles: boolean): Promise<Map<string, ChatMembers>> {
    if (chatIds.length === 0) return new Map();
    // Raw: the members of many chats, one array per chat, from one snapshot.
    const rows = await this.database.$queryRaw<ChatMembersRow[]>`
      SELECT c.chat_id::text AS "chatId", c.tenant_id AS "tenantId", c.kind, c.archived_at IS NOT NULL AS archived,
        c.history_visibility AS "historyVisibility", c.member_count AS "memberCount", a.*
      FROM unnest(${column(chatIds, (id) => id)}::uuid[]) AS k(chat_id) JOIN chats c USING (chat_id)
      LEFT JOIN LATERAL (
        SELECT array_agg(m.user_id ORDER BY m.user_id) AS "userIds", array_agg(m.role ORDER BY m.user_id) AS roles,
          array_agg(m.joined_sequence::float8 ORDER BY m.user_id) AS "joinedSequences" ${withProfiles ? PROFILE_COLUMNS : Prisma.empty}
        FROM members m ${withProfiles ? WITH_PROFILES : Prisma.empty}
        WHERE m.chat_id = c.chat_id AND c.member_count <= ${max}) a ON true`.catch(rethrow);
    return new Map(rows.map((row) => [row.chatId, toChatMembers(row, max)]));
  }
}

function toChatMembers(row: ChatMembersRow, max: number): ChatMembers {
  const { tenantId, kind, archived, historyVisibility, memberCount } = row;
  const members = memberCount > max ? null : (row.userIds ?? []).map((userId, index) => toMember(row, userId, index));
  return { tenantId, kind, archived, historyVisibility, memberCount, members };
}

function toMember({ roles, joinedSequences, kinds, claims }: MemberColumns, userId: string, index: number): ChatMember {
  const member = { userId, role: roles[index] as Role, joinedSequence: joinedSequences[index] as number };
  if (kinds === undefined) return member;
  const kind = kinds[index] ?? null;
  const profile = kind === null ? null : { kind, claims: JSON.parse(claims?.[index] ?? '{}') as Claims };
  return { ...member, profile };
}
