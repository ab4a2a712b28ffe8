import type { AuditPiece, StoreAudit, StoreFault } from '../../../../application/ports/store/store-audit.js';
import { PARTITION_WHILE_IMPORTED } from '../../../../domain/chat.js';
import { column } from '../columns.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { TRANSACTION_START_TIMEOUT_MS } from '../prisma-database.js';
import { rethrow } from '../store-errors.js';
import { CHAT_RULES } from './audit-chats.js';
import {
  faultsBelowFloor,
  faultsOfPartition,
  faultsOfStretch,
  type LogStretchRow,
  logStretch,
  PARTITION_STATES,
  type PartitionRow,
} from './audit-log.js';
import { PAGE_RULES, type PageRow, type PageRule } from './audit-rows.js';

/** Maximum number of chats per snapshot. Fewer if they have more events than this together. */
export const AUDIT_STRETCH_CHATS = 200;
export const AUDIT_STRETCH_EVENTS = 50_000;
/** For one statement, such as a check of a chat with millions of events. */
export const AUDIT_STATEMENT_TIMEOUT_MS = 10 * 60 * 1_000;
/** For one range. Its snapshot holds back vacuum for that time. */
export const AUDIT_STRETCH_TIMEOUT_MS = 60 * 60 * 1_000;
/** An import without progress for this long counts as abandoned. */
export const IMPORT_STANDSTILL_MS = 5_000;

const BEFORE_IDS = '00000000-0000-0000-0000-000000000000';

interface Stretch {
  chatId: string;
  events: number;
}

/** The progress of each import. */
type ImportState = Map<string, string>;

/**
 * Every method rejects with a `StoreError`. It only reads, and needs only SELECT on the tables.
 *
 * Raw: the rules, because each compares whole sets of rows in one statement.
 */
export class PrismaStoreAudit implements StoreAudit {
  constructor(private readonly database: PrismaClient) {}

  async hasChat(chatId: string): Promise<boolean> {
    return (await this.lastSequence(chatId)) !== null;
  }

  async size(chatId: string | null): Promise<number> {
    if (chatId !== null) return (await this.lastSequence(chatId)) ?? 0;
    const [row] = await this.query<{ rows: number }>(Prisma.sql`
      SELECT ((SELECT coalesce(sum(last_sequence), 0) FROM chats) + (SELECT coalesce(sum(position), 0) FROM partitions)
        + (SELECT coalesce(sum(greatest(reltuples, 0)), 0) FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
          WHERE i.inhparent = 'receipts'::regclass))::float8 AS rows`);
    return Math.ceil(row?.rows ?? 0);
  }

  private async lastSequence(chatId: string): Promise<number | null> {
    const chat = await this.database.chat
      .findFirst({ where: { chatId }, select: { lastSequence: true } })
      .catch(rethrow);
    return chat === null ? null : Number(chat.lastSequence);
  }

  async *pieces(chatId: string | null): AsyncGenerator<AuditPiece> {
    const importsAtFirst = await this.imports(chatId);
    const startedAt = Date.now();
    yield* this.chats(chatId);
    if (chatId === null) {
      yield* this.logs();
      for (const rule of PAGE_RULES) yield* this.rows(rule);
    }
    yield { rows: 0, faults: await this.abandonedImports(chatId, importsAtFirst, startedAt) };
  }

  private async *chats(chatId: string | null): AsyncGenerator<AuditPiece> {
    for (let after: string | null = BEFORE_IDS; after !== null; ) {
      const { stretch, faults }: { stretch: Stretch[]; faults: StoreFault[] } = await this.stretchOfChats(
        after,
        chatId,
      );
      yield { rows: stretch.reduce((sum, { events }) => sum + events, 0), faults };
      after = chatId === null ? (stretch.at(-1)?.chatId ?? null) : null;
    }
  }

  /** Some chats with everything that belongs to them, in one snapshot. */
  private stretchOfChats(after: string, only: string | null): Promise<{ stretch: Stretch[]; faults: StoreFault[] }> {
    const work = async (tx: Prisma.TransactionClient) => {
      // The planner must use the indexes, as for batches.
      await tx.$queryRaw`SELECT set_config('enable_seqscan', 'off', true)`;
      const stretch = await tx.$queryRaw<Stretch[]>`
        SELECT chat_id::text AS "chatId", last_sequence::float8 AS events FROM (
          SELECT chat_id, last_sequence, sum(last_sequence) OVER (ORDER BY chat_id) - last_sequence AS before FROM (
            SELECT chat_id, last_sequence FROM chats
            WHERE ${only === null ? Prisma.sql`chat_id > ${after}::uuid` : Prisma.sql`chat_id = ${only}::uuid`}
              AND partition IS DISTINCT FROM ${PARTITION_WHILE_IMPORTED}::int4
            ORDER BY chat_id LIMIT ${AUDIT_STRETCH_CHATS}::int8) c) c
        WHERE before < ${AUDIT_STRETCH_EVENTS}::int8 ORDER BY chat_id`;
      const faults: StoreFault[] = [];
      if (stretch.length === 0) return { stretch, faults };
      const ids = Prisma.sql`${column(stretch, (chat) => chat.chatId)}::uuid[]`;
      for (const rule of CHAT_RULES)
        faults.push(
          ...(await tx.$queryRaw<StoreFault[]>`
            SELECT kind, chat_id::text AS "chatId", NULL::int4 AS partition, detail FROM (${rule(ids)}) f ORDER BY chat_id, kind`),
        );
      return { stretch, faults };
    };
    return this.database
      .$transaction(work, {
        isolationLevel: Prisma.TransactionIsolationLevel.RepeatableRead,
        timeout: AUDIT_STRETCH_TIMEOUT_MS,
        maxWait: TRANSACTION_START_TIMEOUT_MS,
      })
      .catch(rethrow);
  }

  /**
   * Events committed up to a position stay, except those of rejected commands, which are pruned at or below the floor.
   */
  private async *logs(): AsyncGenerator<AuditPiece> {
    const partitions = await this.query<PartitionRow>(PARTITION_STATES);
    yield { rows: 0, faults: partitions.flatMap(faultsOfPartition) };
    for (const { partition, position, logPruned: prunedAtFirst } of partitions) {
      let missingBelowFloor = 0;
      for (let after = 0; after < position; after += AUDIT_STRETCH_EVENTS) {
        const to = Math.min(after + AUDIT_STRETCH_EVENTS, position);
        const [row] = await this.query<LogStretchRow>(logStretch(partition, after, to));
        if (row === undefined) throw new Error(`partition ${partition} has gone`);
        missingBelowFloor += row.start - after - row.below;
        yield { rows: to - after, faults: faultsOfStretch(partition, to, row) };
      }
      const pruned = { first: prunedAtFirst, last: await this.prunedOf(partition) };
      yield { rows: 0, faults: faultsBelowFloor(partition, missingBelowFloor, pruned) };
    }
  }

  private async prunedOf(partition: number): Promise<number> {
    const found = await this.database.partition
      .findFirst({ where: { partition }, select: { logPruned: true } })
      .catch(rethrow);
    return Number(found?.logPruned ?? 0);
  }

  private async *rows({ kind, what, before, page }: PageRule): AsyncGenerator<AuditPiece> {
    for (let after: string | null = before; after !== null; ) {
      const rows: PageRow[] = await this.query<PageRow>(page(after));
      const { last, keys, wrong, example } = rows[0] ?? { last: null, keys: 0, wrong: 0, example: null };
      const fault = { kind, chatId: null, partition: null, detail: `${wrong} ${what}, the first ${example}` };
      yield { rows: kind === 'receipt' ? keys : 0, faults: wrong > 0 ? [fault] : [] };
      after = last;
    }
  }

  private async imports(only: string | null): Promise<ImportState> {
    const rows = await this.query<{ chatId: string; state: string }>(Prisma.sql`
      SELECT c.chat_id::text AS "chatId", concat_ws(' ', c.import_number, (SELECT count(*) FROM chat_events e WHERE e.chat_id = c.chat_id),
        (SELECT count(*) FROM messages g WHERE g.chat_id = c.chat_id), (SELECT count(*) FROM members m WHERE m.chat_id = c.chat_id)) AS state
      FROM chats c WHERE c.partition = ${PARTITION_WHILE_IMPORTED}::int4
        AND ${only === null ? Prisma.sql`true` : Prisma.sql`c.chat_id = ${only}::uuid`}`);
    return new Map(rows.map(({ chatId, state }) => [chatId, state]));
  }

  /** Imports whose state has not changed. */
  private async abandonedImports(only: string | null, first: ImportState, since: number): Promise<StoreFault[]> {
    if (first.size === 0) return [];
    const wait = since + IMPORT_STANDSTILL_MS - Date.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const now = await this.imports(only);
    const detail = 'an import has stopped before its end: run it again';
    return [...first].flatMap(([chatId, state]) =>
      now.get(chatId) === state ? [{ kind: 'abandoned-import' as const, chatId, partition: null, detail }] : [],
    );
  }

  private query<Row>(statement: Prisma.Sql): Promise<Row[]> {
    return this.database.$queryRaw<Row[]>(statement).catch(rethrow);
  }
}
