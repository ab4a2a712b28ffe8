import type {
  Caller,
  ChatListFilter,
  ChatListItem,
  ChatListPosition,
  ChatQueries,
  ChatView,
  MessageView,
  SequencePage,
  SequenceRange,
} from '../../application/ports/chat-queries.js';
import type { ReceiptKey, UserKey } from '../../application/ports/command-store.js';
import type { LoggedEvent } from '../../application/ports/event-log.js';
import type { Receipt } from '../../contract/receipts.js';
import type { Member } from '../../domain/chat.js';
import type { User } from '../../domain/user.js';
import { column } from './columns.js';
import { EVENT_COLUMNS, EVENTS_WITH_MESSAGES, type EventRow, toLoggedEvent } from './event-rows.js';
import { Prisma, type PrismaClient } from './generated/client.js';
import {
  CHAT_COLUMNS,
  type ChatRow,
  MEMBER_COLUMNS,
  MESSAGE_COLUMNS,
  type MemberRow,
  type MessageRow,
  toChat,
  toMember,
  toMessage,
  toUser,
  USER_COLUMNS,
  type UserRow,
} from './rows.js';
import { rethrow } from './store-errors.js';

type ChatViewRow = ChatRow & MemberRow;
const CHAT_VIEW_COLUMNS = Prisma.sql`${CHAT_COLUMNS}, ${MEMBER_COLUMNS}`;

type MessageViewRow = MessageRow & { commandId: string };
/** Of `messages g` and `EVENT_OF_MESSAGE`. */
const MESSAGE_VIEW_COLUMNS = Prisma.sql`${MESSAGE_COLUMNS}, e.command_id AS "commandId"`;
/** A message and its event are written in one transaction: the one is never there without the other. */
const EVENT_OF_MESSAGE = Prisma.sql`JOIN chat_events e ON e.chat_id = g.chat_id AND e.sequence = g.sequence`;

/** Every method rejects with a `StoreError`. */
export class PrismaChatQueries implements ChatQueries {
  constructor(private readonly database: PrismaClient) {}

  async listChats(
    { tenantId, userId }: Caller,
    { kind, archived }: ChatListFilter,
    from: ChatListPosition | null,
    limit: number,
  ): Promise<ChatListItem[]> {
    const fromTime = from?.lastActivityAt.toISOString() ?? null;
    const rows = await this.query<ChatViewRow>(Prisma.sql`
      SELECT ${CHAT_VIEW_COLUMNS} FROM members m JOIN chats c USING (chat_id)
      WHERE m.tenant_id = ${tenantId} AND m.user_id = ${userId}
        AND (${kind ?? null}::text IS NULL OR c.kind = ${kind ?? null}::text)
        AND (${archived ?? null}::bool IS NULL OR (c.archived_at IS NOT NULL) = ${archived ?? null}::bool)
        AND (${fromTime}::timestamptz IS NULL OR c.last_activity_at < ${fromTime}::timestamptz
          OR (c.last_activity_at = ${fromTime}::timestamptz AND c.chat_id > ${from?.chatId ?? null}::uuid))
      ORDER BY c.last_activity_at DESC, c.chat_id LIMIT ${limit}::int8`);
    const lastMessages = await this.lastMessages(rows);
    return rows.map((row) => ({ ...toChatView(row), lastMessage: lastMessages.get(row.chatId) ?? null }));
  }

  /** The last message of each chat, as of the sequence its row was read with. */
  private async lastMessages(chats: ChatRow[]): Promise<Map<string, MessageView>> {
    if (chats.length === 0) return new Map();
    const rows = await this.query<MessageViewRow>(Prisma.sql`
      SELECT ${MESSAGE_VIEW_COLUMNS}
      FROM unnest(${column(chats, (chat) => chat.chatId)}::uuid[], ${column(chats, (chat) => chat.lastSequence)}::int8[])
        AS k(chat_id, last_sequence)
      CROSS JOIN LATERAL (
        SELECT * FROM messages WHERE chat_id = k.chat_id AND sequence <= k.last_sequence ORDER BY sequence DESC LIMIT 1) g ${EVENT_OF_MESSAGE}`);
    return new Map(rows.map((row) => [row.chatId, toMessageView(row)]));
  }

  async findChat({ tenantId, userId }: Caller, chatId: string): Promise<ChatView | null> {
    const [row] = await this.query<ChatViewRow>(Prisma.sql`
      SELECT ${CHAT_VIEW_COLUMNS} FROM chats c JOIN members m USING (chat_id)
      WHERE c.chat_id = ${chatId}::uuid AND c.tenant_id = ${tenantId} AND m.tenant_id = ${tenantId} AND m.user_id = ${userId}`);
    return row === undefined ? null : toChatView(row);
  }

  async listMembers(chatId: string, afterUserId: string | null, limit: number): Promise<Member[]> {
    // No user id is empty: the empty string is before all of them.
    const rows = await this.query<MemberRow>(Prisma.sql`
      SELECT ${MEMBER_COLUMNS} FROM members m WHERE m.chat_id = ${chatId}::uuid AND m.user_id > ${afterUserId ?? ''}
      ORDER BY m.user_id LIMIT ${limit}::int8`);
    return rows.map(toMember);
  }

  async listMessages(chatId: string, { after, before, limit }: SequenceRange): Promise<SequencePage<MessageView>> {
    const forward = after !== undefined;
    const rows = await this.query<MessageViewRow>(Prisma.sql`
      SELECT ${MESSAGE_VIEW_COLUMNS} FROM messages g ${EVENT_OF_MESSAGE}
      WHERE g.chat_id = ${chatId}::uuid AND g.sequence > ${after ?? 0} AND g.sequence < ${before ?? Number.MAX_SAFE_INTEGER}
      ORDER BY g.sequence ${forward ? Prisma.sql`ASC` : Prisma.sql`DESC`} LIMIT ${limit + 1}::int8`);
    const page = toPage(rows, limit);
    if (!forward) page.items.reverse();
    return { items: page.items.map(toMessageView), hasMore: page.hasMore };
  }

  async findMessage(chatId: string, messageId: string): Promise<MessageView | null> {
    const [row] = await this.query<MessageViewRow>(Prisma.sql`
      SELECT ${MESSAGE_VIEW_COLUMNS} FROM messages g ${EVENT_OF_MESSAGE}
      WHERE g.message_id = ${messageId}::uuid AND g.chat_id = ${chatId}::uuid`);
    return row === undefined ? null : toMessageView(row);
  }

  async listEvents(chatId: string, after: number, limit: number): Promise<SequencePage<LoggedEvent>> {
    const rows = await this.query<EventRow>(Prisma.sql`
      SELECT ${EVENT_COLUMNS} FROM ${EVENTS_WITH_MESSAGES}
      WHERE e.chat_id = ${chatId}::uuid AND e.sequence > ${after} ORDER BY e.sequence LIMIT ${limit + 1}::int8`);
    const page = toPage(rows, limit);
    return { items: page.items.map(toLoggedEvent), hasMore: page.hasMore };
  }

  async findReceipt({ tenantId, actorId, commandId }: ReceiptKey): Promise<Receipt | null> {
    const [row] = await this.query<{ receipt: string }>(Prisma.sql`
      SELECT r.receipt::text AS receipt FROM receipts r
      WHERE r.tenant_id = ${tenantId} AND r.actor_id = ${actorId} AND r.command_id = ${commandId}`);
    return row === undefined ? null : (JSON.parse(row.receipt) as Receipt);
  }

  async findUser({ tenantId, userId }: UserKey): Promise<User | null> {
    const [row] = await this.query<UserRow>(Prisma.sql`
      SELECT ${USER_COLUMNS} FROM users u WHERE u.tenant_id = ${tenantId} AND u.user_id = ${userId}`);
    return row === undefined ? null : toUser(row);
  }

  private query<Row>(statement: Prisma.Sql): Promise<Row[]> {
    return this.database.$queryRaw<Row[]>(statement).catch(rethrow);
  }
}

function toChatView(row: ChatViewRow): ChatView {
  return { chat: toChat(row), membership: toMember(row) };
}

function toMessageView(row: MessageViewRow): MessageView {
  return { ...toMessage(row), commandId: row.commandId };
}

/** Queries ask for one row more than the page: whether it comes says whether there is more. */
function toPage<Row>(rows: Row[], limit: number): SequencePage<Row> {
  return { items: rows.slice(0, limit), hasMore: rows.length > limit };
}
