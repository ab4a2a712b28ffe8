import type {
  ArchiveContent,
  ArchiveSelection,
  ChatArchiveSource,
} from '../../../../application/ports/store/archive.js';
import { ARCHIVE_FORMAT, ARCHIVE_VERSION } from '../../../../contract/archive/lines.js';
import { PARTITION_WHILE_IMPORTED } from '../../../../domain/chat.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { TRANSACTION_START_TIMEOUT_MS } from '../prisma-database.js';
import { rethrow, toStoreError } from '../store-errors.js';
import {
  BEFORE_IDS,
  BEFORE_TEXTS,
  chatIdsOf,
  chatLine,
  EXPORT_PAGE_ROWS,
  EXPORT_PAGE_TEXTS,
  type KeyedLine,
  logLines,
  memberLines,
  profileLine,
  profileLines,
  reactionLines,
  revisionLines,
  type Stretch,
} from './archive-lines.js';

/** Maximum duration of one export. Its transaction holds back vacuum for that time. */
export const EXPORT_TIMEOUT_MS = 24 * 60 * 60 * 1_000;

/**
 * PostgreSQL produces the lines, and they are read page by page in one REPEATABLE READ transaction. So only one page is
 * in memory for a chat of any size, and concurrent changes are not seen.
 *
 * Raw: PostgreSQL writes the lines, and each page has a key of several columns.
 */
export class PrismaChatArchiveSource implements ChatArchiveSource {
  constructor(private readonly database: PrismaClient) {}

  async read(selection: ArchiveSelection, write: (content: ArchiveContent) => Promise<void>) {
    let failure: { error: unknown } | undefined;
    const work = async (tx: Prisma.TransactionClient) => {
      // The reader of the pages may be slow, so the idle timeout is off. The planner must use the indexes, as for
      // batches.
      await tx.$queryRaw`SELECT set_config('idle_in_transaction_session_timeout', '0', true), set_config('enable_seqscan', 'off', true)`;
      const snapshot = new Snapshot(tx, selection);
      const size = await snapshot.size();
      if (size !== null) await write({ ...size, pages: snapshot.pages() });
      return size;
    };
    return this.database
      .$transaction(
        (tx) =>
          work(tx).catch((error: unknown) => {
            failure = { error };
            throw error;
          }),
        {
          isolationLevel: Prisma.TransactionIsolationLevel.RepeatableRead,
          timeout: EXPORT_TIMEOUT_MS,
          maxWait: TRANSACTION_START_TIMEOUT_MS,
        },
      )
      .catch((error: unknown) => {
        // A failure of the writer is not a database failure.
        throw failure === undefined ? toStoreError(error) : failure.error;
      });
  }
}

class Snapshot {
  constructor(
    private readonly transaction: Prisma.TransactionClient,
    private readonly selection: ArchiveSelection,
  ) {}

  async size(): Promise<Pick<ArchiveContent, 'chats' | 'lines'> | null> {
    const { tenantId, what } = this.selection;
    const chats =
      'chatId' in what
        ? Prisma.sql`SELECT * FROM chats WHERE chat_id = ${what.chatId}::uuid AND tenant_id = ${tenantId}
            AND partition IS DISTINCT FROM ${PARTITION_WHILE_IMPORTED}::int4`
        : Prisma.sql`SELECT c.* FROM members m JOIN chats c USING (chat_id)
            WHERE m.tenant_id = ${tenantId} AND m.user_id = ${what.userId}`;
    const [found] = await this.query<Pick<ArchiveContent, 'chats' | 'lines'>>(Prisma.sql`
      SELECT count(*)::int4 AS chats, coalesce(sum(last_sequence + last_ordinal + member_count), 0)::float8 AS lines
      FROM (${chats}) c`);
    if (found === undefined) return null;
    if (found.chats > 0) return found;
    const profile = 'userId' in what ? await this.query(profileLine(tenantId, what.userId)) : [];
    return profile.length > 0 ? found : null;
  }

  async *pages(): AsyncGenerator<string[]> {
    const { tenantId, what } = this.selection;
    yield [await this.header()];
    if ('chatId' in what) {
      yield* this.chat(what.chatId);
      return;
    }
    yield textsOf(await this.query<KeyedLine>(profileLine(tenantId, what.userId)));
    const chatIds = this.byKey(EXPORT_PAGE_ROWS, BEFORE_IDS, (after) => chatIdsOf(tenantId, what.userId, after));
    for await (const page of chatIds) for (const chatId of page) yield* this.chat(chatId);
  }

  private async header(): Promise<string> {
    const store = await this.transaction.store.findFirst({ select: { storeId: true } }).catch(rethrow);
    return JSON.stringify({
      kind: 'header',
      format: ARCHIVE_FORMAT,
      version: ARCHIVE_VERSION,
      tenantId: this.selection.tenantId,
      storeId: store?.storeId,
      exportedAt: new Date().toISOString(),
    });
  }

  private async *chat(chatId: string): AsyncGenerator<string[]> {
    const [chat] = await this.query<KeyedLine>(chatLine(chatId));
    if (chat === undefined) return;
    yield [chat.line];
    let lines = 0;
    for await (const page of this.chatPages(chatId, Number(chat.key))) {
      lines += page.length;
      yield page;
    }
    yield [JSON.stringify({ kind: 'end', chatId, lines })];
  }

  private async *chatPages(chatId: string, lastSequence: number): AsyncGenerator<string[]> {
    yield* this.byKey(EXPORT_PAGE_TEXTS, BEFORE_TEXTS, (after) => profileLines(chatId, after));
    for (let first = 1; first <= lastSequence; first += EXPORT_PAGE_TEXTS) {
      const stretch: Stretch = { chatId, first, last: Math.min(first + EXPORT_PAGE_TEXTS - 1, lastSequence) };
      yield textsOf(await this.query<KeyedLine>(logLines(stretch)));
      yield* this.byKey(EXPORT_PAGE_TEXTS, `${first} 0`, (after) => {
        const [sequence = 0, revision = 0] = after.split(' ').map(Number);
        return revisionLines(stretch, { sequence, revision });
      });
      yield* this.byKey(EXPORT_PAGE_ROWS, JSON.stringify([first, '', '']), (after) => {
        const [sequence, userId, emoji] = JSON.parse(after) as [number, string, string];
        return reactionLines(stretch, { sequence, userId, emoji });
      });
    }
    yield* this.byKey(EXPORT_PAGE_ROWS, BEFORE_TEXTS, (after) => memberLines(chatId, after));
  }

  /** Pages of up to `size` lines, after the key `before`. */
  private async *byKey(size: number, before: string, page: (after: string) => Prisma.Sql): AsyncGenerator<string[]> {
    for (let after: string | undefined = before; after !== undefined; ) {
      const rows: KeyedLine[] = await this.query<KeyedLine>(page(after));
      if (rows.length > 0) yield textsOf(rows);
      after = rows.length < size ? undefined : rows.at(-1)?.key;
    }
  }

  private query<Row>(statement: Prisma.Sql): Promise<Row[]> {
    return this.transaction.$queryRaw<Row[]>(statement).catch(rethrow);
  }
}

function textsOf(rows: KeyedLine[]): string[] {
  return rows.map(({ line }) => line);
}
