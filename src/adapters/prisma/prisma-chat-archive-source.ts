import type { ArchiveSelection, ChatArchiveSource } from '../../application/ports/archive.js';
import { ARCHIVE_FORMAT, ARCHIVE_VERSION } from '../../contract/archive.js';
import { Prisma, type PrismaClient } from './generated/client.js';
import { rethrow } from './store-errors.js';

/** Rows read at a time. */
export const EXPORT_PAGE_ROWS = 500;
/** How long one export may take. Its transaction holds back vacuum for as long. */
export const EXPORT_TIMEOUT_MS = 24 * 60 * 60 * 1_000;

type Transaction = Prisma.TransactionClient;
type Line = { line: string; key: string };

const time = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const json = (column: string, empty: string) => `coalesce(${column}, '${empty}'::json)`;

/**
 * Lines are made by PostgreSQL and read page by page, each page by its index, in one REPEATABLE READ transaction: however large a chat is, a page of
 * it is in memory.
 */
export class PrismaChatArchiveSource implements ChatArchiveSource {
  constructor(private readonly database: PrismaClient) {}

  async size({ tenantId, what }: ArchiveSelection): Promise<{ chats: number; lines: number } | null> {
    const chats =
      'chatId' in what
        ? Prisma.sql`SELECT * FROM chats WHERE chat_id = ${what.chatId}::uuid AND tenant_id = ${tenantId}`
        : Prisma.sql`SELECT c.* FROM members m JOIN chats c USING (chat_id)
            WHERE m.tenant_id = ${tenantId} AND m.user_id = ${what.userId}`;
    const [found] = await this.database.$queryRaw<{ chats: number; lines: number }[]>`
      SELECT count(*)::int4 AS chats, coalesce(sum(last_sequence + last_ordinal + member_count), 0)::float8 AS lines
      FROM (${chats}) c`.catch(rethrow);
    return found === undefined || found.chats === 0 ? null : found;
  }

  async *read({ tenantId, what }: ArchiveSelection): AsyncIterable<string[]> {
    const snapshot = await Snapshot.open(this.database);
    try {
      yield [await this.header(snapshot)];
      if ('chatId' in what) yield* this.readChat(snapshot, what.chatId);
      else
        for await (const lines of snapshot.pages((after) => chatsOfUser(tenantId, what.userId, after)))
          for (const chatId of lines) yield* this.readChat(snapshot, chatId);
    } finally {
      await snapshot.close();
    }
  }

  private async header(snapshot: Snapshot): Promise<string> {
    const [row] = await snapshot.query<{ storeId: string }>(Prisma.sql`SELECT store_id::text AS "storeId" FROM store`);
    const exportedAt = new Date().toISOString();
    return JSON.stringify({
      kind: 'header',
      format: ARCHIVE_FORMAT,
      version: ARCHIVE_VERSION,
      storeId: row?.storeId,
      exportedAt,
    });
  }

  private async *readChat(snapshot: Snapshot, chatId: string): AsyncIterable<string[]> {
    yield (await snapshot.query<Line>(chatLine(chatId))).map(({ line }) => line);
    let lines = 0;
    for (const page of [profiles, messages, removedMessages, events, members])
      for await (const found of snapshot.pages((after) => page(chatId, after))) {
        lines += found.length;
        yield found;
      }
    yield [JSON.stringify({ kind: 'end', chatId, lines })];
  }
}

/** One transaction that stays open while its pages are taken away. */
class Snapshot {
  private constructor(
    private readonly transaction: Transaction,
    private readonly finish: () => void,
    private readonly finished: Promise<void>,
  ) {}

  static open(database: PrismaClient): Promise<Snapshot> {
    return new Promise((resolve, reject) => {
      const finished = database
        .$transaction(
          async (tx) => {
            // Whoever takes the pages away may be slow.
            await tx.$executeRaw`SET LOCAL idle_in_transaction_session_timeout = 0`;
            await new Promise<void>((finish) => resolve(new Snapshot(tx, finish, finished)));
          },
          { isolationLevel: Prisma.TransactionIsolationLevel.RepeatableRead, timeout: EXPORT_TIMEOUT_MS },
        )
        .catch(rethrow);
      finished.catch(reject);
    });
  }

  query<Row>(statement: Prisma.Sql): Promise<Row[]> {
    return this.transaction.$queryRaw<Row[]>(statement).catch(rethrow);
  }

  /** Pages by key, from the first on. */
  async *pages(pageAfter: (key: string | null) => Prisma.Sql): AsyncIterable<string[]> {
    let after: string | null = null;
    for (;;) {
      const rows: Line[] = await this.query<Line>(pageAfter(after));
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map(({ line }) => line);
      if (rows.length < EXPORT_PAGE_ROWS) return;
      after = last.key;
    }
  }

  async close(): Promise<void> {
    this.finish();
    await this.finished;
  }
}

/** Of users and members: no id is empty, so the empty text is before all of them. */
const beyondText = (after: string | null) => after ?? '';
const beyondNumber = (after: string | null) => Number(after ?? 0);
const beyondId = (after: string | null) => after ?? '00000000-0000-0000-0000-000000000000';

function chatsOfUser(tenantId: string, userId: string, after: string | null): Prisma.Sql {
  return Prisma.sql`
    SELECT m.chat_id::text AS line, m.chat_id::text AS key FROM members m
    WHERE m.tenant_id = ${tenantId} AND m.user_id = ${userId} AND m.chat_id > ${beyondId(after)}::uuid
    ORDER BY m.chat_id LIMIT ${EXPORT_PAGE_ROWS}::int8`;
}

function chatLine(chatId: string): Prisma.Sql {
  return Prisma.sql`
    SELECT json_build_object('kind', 'chat', 'chatId', chat_id, 'tenantId', tenant_id, 'chatKind', kind, 'title', title,
      'metadata', metadata, 'historyVisibility', history_visibility, 'historySequence', history_sequence,
      'createdBy', created_by, 'createdAt', ${Prisma.raw(time('created_at'))}, 'archivedAt', ${Prisma.raw(time('archived_at'))},
      'lastSequence', last_sequence, 'lastOrdinal', last_ordinal, 'memberCount', member_count, 'ownerCount', owner_count,
      'lastActivityAt', ${Prisma.raw(time('last_activity_at'))})::text AS line, '' AS key
    FROM chats WHERE chat_id = ${chatId}::uuid`;
}

/** Of those who are members now. */
function profiles(chatId: string, after: string | null): Prisma.Sql {
  return Prisma.sql`
    SELECT json_build_object('kind', 'user', 'tenantId', u.tenant_id, 'userId', u.user_id, 'displayName', u.display_name,
      'avatarUrl', u.avatar_url, 'userKind', u.kind, 'metadata', u.metadata, 'revision', u.revision,
      'createdAt', ${Prisma.raw(time('u.created_at'))}, 'updatedAt', ${Prisma.raw(time('u.updated_at'))})::text AS line, u.user_id AS key
    FROM members m JOIN users u USING (tenant_id, user_id)
    WHERE m.chat_id = ${chatId}::uuid AND m.user_id > ${beyondText(after)} ORDER BY m.user_id LIMIT ${EXPORT_PAGE_ROWS}::int8`;
}

function messages(chatId: string, after: string | null): Prisma.Sql {
  return Prisma.sql`
    SELECT json_build_object('kind', 'message', 'chatId', g.chat_id, 'sequence', g.sequence, 'messageId', g.message_id,
      'ordinal', g.ordinal, 'senderId', g.sender_id, 'revision', g.revision, 'body', g.body, 'contentType', g.content_type,
      'inReplyTo', g.in_reply_to, 'threadRootId', g.thread_root_id, 'mentions', ${Prisma.raw(json('g.mentions', '[]'))},
      'metadata', ${Prisma.raw(json('g.metadata', '{}'))}, 'attachments', ${Prisma.raw(json('g.attachments', '[]'))},
      'createdAt', ${Prisma.raw(time('g.created_at'))}, 'editedAt', ${Prisma.raw(time('g.edited_at'))}, 'editedBy', g.edited_by,
      'deletedAt', ${Prisma.raw(time('g.deleted_at'))},
      'revisions', coalesce((SELECT json_agg(json_build_object('revision', v.revision, 'body', v.body,
          'mentions', ${Prisma.raw(json('v.mentions', '[]'))}, 'metadata', ${Prisma.raw(json('v.metadata', '{}'))},
          'actorId', v.actor_id, 'at', ${Prisma.raw(time('v.at'))}) ORDER BY v.revision)
        FROM message_revisions v WHERE v.message_id = g.message_id), '[]'::json),
      'reactions', coalesce((SELECT json_agg(json_build_object('emoji', r.emoji, 'userId', r.user_id, 'at', ${Prisma.raw(time('r.at'))})
          ORDER BY r.emoji, r.user_id)
        FROM reactions r WHERE r.message_id = g.message_id), '[]'::json))::text AS line, g.sequence::text AS key
    FROM messages g WHERE g.chat_id = ${chatId}::uuid AND g.sequence > ${beyondNumber(after)}
    ORDER BY g.sequence LIMIT ${EXPORT_PAGE_ROWS}::int8`;
}

function removedMessages(chatId: string, after: string | null): Prisma.Sql {
  return Prisma.sql`
    SELECT json_build_object('kind', 'removed', 'chatId', d.chat_id, 'sequence', d.sequence, 'messageId', d.message_id,
      'ordinal', d.ordinal, 'senderId', d.sender_id, 'createdAt', ${Prisma.raw(time('d.created_at'))})::text AS line, d.sequence::text AS key
    FROM removed_messages d WHERE d.chat_id = ${chatId}::uuid AND d.sequence > ${beyondNumber(after)}
    ORDER BY d.sequence LIMIT ${EXPORT_PAGE_ROWS}::int8`;
}

function events(chatId: string, after: string | null): Prisma.Sql {
  return Prisma.sql`
    SELECT json_build_object('kind', 'event', 'chatId', e.chat_id, 'sequence', e.sequence, 'type', e.type, 'actorId', e.actor_id,
      'commandId', e.command_id, 'at', ${Prisma.raw(time('e.at'))}, 'payload', e.payload)::text AS line, e.sequence::text AS key
    FROM chat_events e WHERE e.chat_id = ${chatId}::uuid AND e.sequence > ${beyondNumber(after)}
    ORDER BY e.sequence LIMIT ${EXPORT_PAGE_ROWS}::int8`;
}

function members(chatId: string, after: string | null): Prisma.Sql {
  return Prisma.sql`
    SELECT json_build_object('kind', 'member', 'chatId', m.chat_id, 'userId', m.user_id, 'role', m.role,
      'mutedUntil', ${Prisma.raw(time('m.muted_until'))}, 'joinedAt', ${Prisma.raw(time('m.joined_at'))}, 'joinedSequence', m.joined_sequence,
      'readSequence', m.read_sequence, 'readOrdinal', m.read_ordinal)::text AS line, m.user_id AS key
    FROM members m WHERE m.chat_id = ${chatId}::uuid AND m.user_id > ${beyondText(after)}
    ORDER BY m.user_id LIMIT ${EXPORT_PAGE_ROWS}::int8`;
}
