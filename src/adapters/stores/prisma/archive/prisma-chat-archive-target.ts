import type {
  ChatArchiveTarget,
  ChatCounts,
  ChatRowLine,
  ChatUnderImport,
} from '../../../../application/ports/store/archive.js';
import { StoreError } from '../../../../application/ports/store/command-store.js';
import type { ArchiveLineOf } from '../../../../contract/archive/lines.js';
import { PARTITION_WHILE_IMPORTED } from '../../../../domain/chat.js';
import type { Prisma, PrismaClient } from '../generated/client.js';
import { TRANSACTION_START_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS } from '../prisma-database.js';
import { rethrow } from '../store-errors.js';
import { clearChatPiece, insertArchivedRows, insertProfiles, NO_TENANT } from './archive-rows.js';

/** Time limit for adding all members of a chat at once. */
export const COMPLETION_TIMEOUT_MS = 5 * 60 * 1_000;

type Transaction = Prisma.TransactionClient;
type ChatLine = ArchiveLineOf<'chat'>;

/**
 * During its import a chat belongs to no partition's owner (`PARTITION_WHILE_IMPORTED`), so that no command can
 * interfere. Its members belong to no tenant, so that no query finds it. Its events are in a log of their own, which is
 * not published. Afterwards its next command assigns the partition, as for any chat without one.
 *
 * `chats.import_number` is the import's epoch. A new import of the chat raises it, and an earlier import can then write
 * nothing more.
 *
 * Raw: row locks in an order, conditions of an upsert, and a comparison of times as PostgreSQL rounds them.
 */
export class PrismaChatArchiveTarget implements ChatArchiveTarget {
  constructor(private readonly database: PrismaClient) {}

  async putProfiles(tenantId: string, lines: readonly ArchiveLineOf<'user'>[]): Promise<void> {
    await insertProfiles(this.database, tenantId, lines).catch(rethrow);
  }

  async begin(tenantId: string, chat: ChatLine): Promise<ChatUnderImport | 'known' | 'differs'> {
    for (;;) {
      const there = await this.find(tenantId, chat);
      if (there !== null && !there.isOpen) return there.isSame ? 'known' : 'differs';
      const importNumber = await this.takeUp(tenantId, chat);
      // Otherwise another import has completed the chat meanwhile.
      if (importNumber === null) continue;
      const rows = new ImportedChatRows(this.database, tenantId, chat.chatId, importNumber);
      await rows.clear();
      return rows;
    }
  }

  private async find(tenantId: string, chat: ChatLine): Promise<{ isSame: boolean; isOpen: boolean } | null> {
    const [there] = await this.database.$queryRaw<{ isSame: boolean; isOpen: boolean }[]>`
      SELECT partition IS NOT DISTINCT FROM ${PARTITION_WHILE_IMPORTED}::int4 AS "isOpen",
        tenant_id = ${tenantId} AND created_by = ${chat.createdBy} AND created_at = ${chat.createdAt}::timestamptz(3) AS "isSame"
      FROM chats WHERE chat_id = ${chat.chatId}::uuid`.catch(rethrow);
    return there ?? null;
  }

  /** The number of this import, if the chat does not exist or is not complete. Null otherwise. */
  private async takeUp(tenantId: string, chat: ChatLine): Promise<number | null> {
    const [taken] = await this.database.$queryRaw<{ importNumber: number }[]>`
      WITH drawn AS (UPDATE store SET imports = imports + 1 RETURNING imports)
      INSERT INTO chats (chat_id, tenant_id, partition, kind, title, metadata, created_by, created_at, archived_at,
        last_sequence, last_ordinal, member_count, owner_count, last_activity_at, history_visibility, history_sequence, import_number)
      SELECT ${chat.chatId}::uuid, ${tenantId}, ${PARTITION_WHILE_IMPORTED}::int4, ${chat.chatKind}, ${chat.title},
        ${JSON.stringify(chat.metadata)}::json, ${chat.createdBy}, ${chat.createdAt}::timestamptz, ${chat.archivedAt}::timestamptz,
        ${chat.lastSequence}, 0, 0, 0, ${chat.lastActivityAt}::timestamptz, ${chat.historyVisibility}, ${chat.historySequence}, imports
      FROM drawn
      ON CONFLICT (chat_id) DO UPDATE SET (tenant_id, kind, title, metadata, created_by, created_at, archived_at, last_sequence,
        last_activity_at, history_visibility, history_sequence, import_number) = (EXCLUDED.tenant_id, EXCLUDED.kind, EXCLUDED.title,
        EXCLUDED.metadata, EXCLUDED.created_by, EXCLUDED.created_at, EXCLUDED.archived_at, EXCLUDED.last_sequence,
        EXCLUDED.last_activity_at, EXCLUDED.history_visibility, EXCLUDED.history_sequence, EXCLUDED.import_number)
      WHERE chats.partition = ${PARTITION_WHILE_IMPORTED}::int4
      RETURNING import_number AS "importNumber"`.catch(rethrow);
    return taken?.importNumber ?? null;
  }
}

class ImportedChatRows implements ChatUnderImport {
  constructor(
    private readonly database: PrismaClient,
    private readonly tenantId: string,
    private readonly chatId: string,
    private readonly importNumber: number,
  ) {}

  /** Deletes what an earlier import has left, a piece at a time. */
  async clear(): Promise<void> {
    let found: number;
    do {
      found = await this.transact(async (tx) => {
        await this.hold(tx);
        return clearChatPiece(tx, this.chatId);
      });
    } while (found > 0);
  }

  async put(lines: readonly ChatRowLine[]): Promise<void> {
    const { tenantId, chatId, importNumber } = this;
    await this.transact(async (tx) => {
      await this.hold(tx);
      await insertArchivedRows(tx, { tenantId, chatId, importNumber }, lines);
    });
  }

  async complete({ lastOrdinal, memberCount, ownerCount }: ChatCounts): Promise<void> {
    const { tenantId, chatId } = this;
    await this.transact(async (tx) => {
      await tx.$queryRaw`SELECT set_config('statement_timeout', ${String(COMPLETION_TIMEOUT_MS)}, true)`;
      // The store's row is locked before the chat's, as in `takeUp`. The number is a new one: syncing clients have not
      // seen the chat under the old one.
      const [store] = await tx.$queryRaw<
        { imports: number }[]
      >`UPDATE store SET imports = imports + 1 RETURNING imports`;
      await this.hold(tx);
      await tx.$executeRaw`UPDATE members SET tenant_id = ${tenantId} WHERE chat_id = ${chatId}::uuid AND tenant_id = ${NO_TENANT}`;
      await tx.$executeRaw`
        UPDATE chats SET partition = NULL, import_number = ${store?.imports}, last_ordinal = ${lastOrdinal},
          member_count = ${memberCount}, owner_count = ${ownerCount}
        WHERE chat_id = ${chatId}::uuid`;
      // These rows come last, because batches wait for them, and in key order, as batches write them. No limit applies:
      // limits are for commands, and the operator has chosen to import.
      await tx.$executeRaw`
        INSERT INTO user_chats AS u (tenant_id, user_id, created, joined)
        SELECT m.tenant_id, m.user_id, (m.user_id = c.created_by)::int4, (m.user_id <> c.created_by)::int4
        FROM chats c JOIN members m ON m.chat_id = c.chat_id
        WHERE c.chat_id = ${chatId}::uuid AND (c.kind <> 'direct' OR m.user_id = c.created_by)
        ORDER BY m.tenant_id, m.user_id
        ON CONFLICT (tenant_id, user_id) DO UPDATE SET created = u.created + EXCLUDED.created, joined = u.joined + EXCLUDED.joined`;
    }, COMPLETION_TIMEOUT_MS);
  }

  /** Locks the chat's row for this import. */
  private async hold(tx: Transaction): Promise<void> {
    const held = await tx.$queryRaw<unknown[]>`
      SELECT set_config('enable_seqscan', 'off', true) FROM chats
      WHERE chat_id = ${this.chatId}::uuid AND partition = ${PARTITION_WHILE_IMPORTED}::int4 AND import_number = ${this.importNumber}
      FOR UPDATE`;
    if (held.length === 0) throw new StoreError('refused', `another import has taken chat ${this.chatId} up`);
  }

  private transact<T>(work: (tx: Transaction) => Promise<T>, timeout = TRANSACTION_TIMEOUT_MS): Promise<T> {
    return this.database
      .$transaction(work, { timeout, maxWait: TRANSACTION_START_TIMEOUT_MS })
      .catch((error: unknown) => rethrow(error));
  }
}
