import { type MessageView, visiblePast } from '../../../../application/ports/queries/chat-history.js';
import type {
  Caller,
  ChatListFilter,
  ChatListItem,
  ChatListPosition,
  ChatQueries,
  ChatView,
  UnreadTotal,
  UserMatch,
  UserPosition,
  UserSearch,
  VisibleChats,
} from '../../../../application/ports/queries/chat-queries.js';
import type { ReceiptKey, StoredReceipt, UserKey } from '../../../../application/ports/store/command-store.js';
import type { Member } from '../../../../domain/chat.js';
import { NAME_KEY_MAX_CHARACTERS, type User } from '../../../../domain/user.js';
import { column } from '../columns.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { storedReceiptKey } from '../receipts/receipt-key.js';
import {
  CHAT_VIEW_COLUMNS,
  CHATS_OF_MEMBERS,
  type ChatViewRow,
  PROFILE_COLUMNS,
  type ProfileRow,
  toChatView,
  toProfile,
  toUser,
  USER_COLUMNS,
  type UserRow,
} from '../rows.js';
import { rethrow } from '../store-errors.js';
import { fromMemberModel, fromReceiptModel, fromUserModel } from '../typed-rows.js';
import { type MessageViewRow, messageViewColumns, toMessageView } from './message-view-rows.js';
import { MESSAGE_BYTES, withinPageBytes } from './page-bytes.js';
import { andVisible } from './visible-chats.js';

/**
 * For `users u`, in the collation C: what a search compares. A user whose name is their id is in the first index only.
 */
const NAME_KEY = Prisma.raw('u.name_key');
const ID_KEY = Prisma.raw('lower(u.user_id)');
const LAST_CODE_POINT = '\u{10FFFF}';

/** Without a profile, all columns of a match's user are null. */
type MatchRow = { key: string; matchedId: string } & (ProfileRow | { [column in keyof ProfileRow]: null });

/** For `members m` and `chats c`: `isHidden` of the domain. */
const IS_HIDDEN = Prisma.sql`(m.hidden_ordinal IS NOT NULL AND m.hidden_ordinal >= c.last_ordinal)`;

/**
 * Every method rejects with a `StoreError`.
 *
 * Raw: all that reads a chat together with the caller's membership, in one snapshot; lists with their order and their
 * limit in bytes; and many keys as one array, because a list of parameters is another statement for each length.
 */
export class PrismaChatQueries implements ChatQueries {
  constructor(private readonly database: PrismaClient) {}

  /** Sorts all chats of the caller to find the first few. The cost depends only on the number of the caller's chats. */
  listChats(
    caller: Caller,
    visible: VisibleChats,
    filter: ChatListFilter,
    from: ChatListPosition | null,
    limit: number,
  ): Promise<ChatListItem[]> {
    const [at, chatId] = [from?.lastActivityAt.toISOString() ?? null, from?.chatId ?? null];
    const beyond = Prisma.sql`(${at}::timestamptz IS NULL OR c.last_activity_at < ${at}::timestamptz
      OR (c.last_activity_at = ${at}::timestamptz AND c.chat_id > ${chatId}::uuid))`;
    return this.list(caller, visible, filter, { beyond, order: Prisma.sql`c.last_activity_at DESC, c.chat_id`, limit });
  }

  listChatsAbove(
    caller: Caller,
    visible: VisibleChats,
    filter: ChatListFilter,
    above: ChatListPosition,
    limit: number,
  ): Promise<ChatListItem[]> {
    const at = above.lastActivityAt.toISOString();
    const beyond = Prisma.sql`(c.last_activity_at > ${at}::timestamptz
      OR (c.last_activity_at = ${at}::timestamptz AND c.chat_id < ${above.chatId}::uuid))`;
    return this.list(caller, visible, filter, { beyond, order: Prisma.sql`c.last_activity_at, c.chat_id DESC`, limit });
  }

  private async list(
    { tenantId, userId }: Caller,
    visible: VisibleChats,
    { kind, archived, hidden = false }: ChatListFilter,
    { beyond, order, limit }: { beyond: Prisma.Sql; order: Prisma.Sql; limit: number },
  ): Promise<ChatListItem[]> {
    if (visible === 'none') return [];
    const rows = await this.query<ChatViewRow>(Prisma.sql`
      SELECT ${CHAT_VIEW_COLUMNS} FROM ${CHATS_OF_MEMBERS}
      WHERE m.tenant_id = ${tenantId} AND m.user_id = ${userId} ${andVisible(visible)}
        AND (${kind ?? null}::text IS NULL OR c.kind = ${kind ?? null}::text)
        AND (${archived ?? null}::bool IS NULL OR (c.archived_at IS NOT NULL) = ${archived ?? null}::bool)
        AND ${IS_HIDDEN} = ${hidden}::bool AND ${beyond}
      ORDER BY ${order} LIMIT ${limit}::int8`);
    const views = rows.map(toChatView);
    const lastMessages = await this.lastMessages(userId, views);
    return views.map((view) => ({ ...view, lastMessage: lastMessages.get(view.chat.chatId) ?? null }));
  }

  /** The last message of each chat that the user may see, as of the sequence at which the chat was read. */
  private async lastMessages(userId: string, views: ChatView[]): Promise<Map<string, MessageView>> {
    if (views.length === 0) return new Map();
    const page = Prisma.sql`
      SELECT g.*, k.place
      FROM unnest(${column(views, ({ chat }) => chat.chatId)}::uuid[],
          ${column(views, (view) => visiblePast(view).fromSequence)}::int8[],
          ${column(views, ({ chat }) => chat.lastSequence)}::int8[])
        WITH ORDINALITY AS k(chat_id, from_sequence, last_sequence, place)
      CROSS JOIN LATERAL (
        SELECT * FROM messages WHERE chat_id = k.chat_id AND sequence BETWEEN k.from_sequence AND k.last_sequence
        ORDER BY sequence DESC LIMIT 1) g`;
    // If the first chats fill a page, the later ones are not part of it.
    const rows = await this.query<MessageViewRow>(Prisma.sql`
      SELECT ${messageViewColumns(userId)} FROM (${withinPageBytes(page, Prisma.sql`p.place`, MESSAGE_BYTES)}) g`);
    return new Map(rows.map((row) => [row.chatId, toMessageView(row)]));
  }

  async findChat({ tenantId, userId }: Caller, chatId: string): Promise<ChatView | null> {
    const [row] = await this.query<ChatViewRow>(Prisma.sql`
      SELECT ${CHAT_VIEW_COLUMNS} FROM chats c JOIN members m USING (chat_id)
      WHERE c.chat_id = ${chatId}::uuid AND c.tenant_id = ${tenantId} AND m.tenant_id = ${tenantId} AND m.user_id = ${userId}`);
    return row === undefined ? null : toChatView(row);
  }

  async listMembers(chatId: string, afterUserId: string | null, limit: number): Promise<Member[]> {
    // The empty string sorts before all user ids.
    const where = { chatId, userId: { gt: afterUserId ?? '' } };
    const members = this.database.member.findMany({ where, orderBy: { userId: 'asc' }, take: limit });
    return (await members.catch(rethrow)).map(fromMemberModel);
  }

  async countUnread({ tenantId, userId }: Caller, visible: VisibleChats): Promise<UnreadTotal> {
    const nothing = { unreadCount: 0, chatCount: 0 };
    if (visible === 'none') return nothing;
    const [total] = await this.query<UnreadTotal>(Prisma.sql`
      SELECT coalesce(sum(c.last_ordinal - m.read_ordinal), 0)::float8 AS "unreadCount", count(*)::int4 AS "chatCount"
      FROM ${CHATS_OF_MEMBERS}
      WHERE m.tenant_id = ${tenantId} AND m.user_id = ${userId} AND c.last_ordinal > m.read_ordinal
        AND NOT ${IS_HIDDEN} ${andVisible(visible)}`);
    return total ?? nothing;
  }

  async findReceipt(key: ReceiptKey): Promise<StoredReceipt | null> {
    const found = await this.database.receipt.findFirst({ where: { key: storedReceiptKey(key) } }).catch(rethrow);
    return found === null ? null : fromReceiptModel(key, found);
  }

  async findUser({ tenantId, userId }: UserKey): Promise<User | null> {
    const found = await this.database.user.findFirst({ where: { tenantId, userId } }).catch(rethrow);
    return found === null ? null : fromUserModel(found);
  }

  async findUsers(tenantId: string, userIds: readonly string[]): Promise<Map<string, User>> {
    const rows = await this.query<UserRow>(Prisma.sql`
      SELECT ${USER_COLUMNS} FROM users u
      WHERE u.tenant_id = ${tenantId} AND u.user_id = ANY (${column(userIds, (userId) => userId)}::text[])`);
    return new Map(rows.map((row) => [row.userId, toUser(row)]));
  }

  /**
   * Two ranges of an index for each kind, of which each is read up to the limit. Users of other kinds are not read, and
   * cost nothing. The parameters are not patterns, so no character has a special meaning.
   */
  async searchUsers(
    { tenantId, kinds, prefix }: UserSearch,
    after: UserPosition | null,
    limit: number,
  ): Promise<UserMatch[]> {
    const most = Prisma.sql`${limit}::int8`;
    // Every key that begins with the prefix is at or before this one.
    const end = prefix + LAST_CODE_POINT.repeat(NAME_KEY_MAX_CHARACTERS);
    const matches = (key: Prisma.Sql, other: Prisma.Sql, condition: Prisma.Sql) => Prisma.sql`
      SELECT m.* FROM unnest(${column(kinds, (kind) => kind)}::text[]) AS k(kind) CROSS JOIN LATERAL (
        SELECT ${key} AS key, u.user_id, starts_with(${other}, ${prefix}) AND ${other} < ${key} AS is_repeat
        FROM users u
        WHERE u.tenant_id = ${tenantId} AND u.kind = k.kind AND ${key} >= ${prefix} AND ${key} <= ${end}
          AND (${key}, u.user_id) > (${after?.key ?? ''}, ${after?.userId ?? ''}) ${condition}
        ORDER BY ${key}, u.user_id LIMIT ${most}) m`;
    const rows = await this.query<MatchRow>(Prisma.sql`
      SELECT x.key, x.user_id AS "matchedId", ${PROFILE_COLUMNS} FROM (
        SELECT * FROM (
          (${matches(NAME_KEY, ID_KEY, Prisma.empty)}) UNION ALL (${matches(ID_KEY, NAME_KEY, Prisma.sql`AND ${NAME_KEY} <> ${ID_KEY}`)})
        ) e ORDER BY e.key, e.user_id LIMIT ${most}) x
      LEFT JOIN LATERAL (
        SELECT * FROM users WHERE NOT x.is_repeat AND tenant_id = ${tenantId} AND user_id = x.user_id LIMIT 1) u ON true
      ORDER BY x.key, x.user_id`);
    return rows.map(({ key, matchedId, ...row }) => ({
      key,
      userId: matchedId,
      profile: row.userId === null ? null : toProfile(row),
    }));
  }

  private query<Row>(statement: Prisma.Sql): Promise<Row[]> {
    return this.database.$queryRaw<Row[]>(statement).catch(rethrow);
  }
}
