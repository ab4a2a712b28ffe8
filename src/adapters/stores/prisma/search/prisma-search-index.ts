import type { OwnedCursor } from '../../../../application/ports/store/log/event-cursors.js';
import type { IndexedMessage, SearchIndex } from '../../../../application/ports/store/search-index.js';
import { column } from '../columns.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';
import { senderKey, wordsColumn } from './search-columns.js';
import { NO_DICTIONARY, SearchDictionary } from './search-dictionary.js';

/**
 * A mark is needed by an indexer's statement that began before the mark was written. No statement lasts this long: the
 * timeout of a statement is 15 s.
 */
export const MARK_KEPT_MS = 600_000;

/**
 * Every method rejects with a `StoreError`.
 *
 * Raw: rows as arrays, an upsert with a condition, and the cursor in the same statement.
 */
export class PrismaSearchIndex implements SearchIndex {
  private readonly dictionary: SearchDictionary;
  /** By cursor and epoch: a change of the dictionary raises the epochs. */
  private readonly dictionaries = new Map<string, { epoch: number; name: string }>();

  constructor(private readonly database: PrismaClient) {
    this.dictionary = new SearchDictionary(database);
  }

  /**
   * The row of a message is decided by its unique key. A deletion or an edit writes a mark with a higher revision. It
   * either finds the words that this statement has put, and clears them, or this statement finds the mark, and leaves
   * it: ON CONFLICT sees rows that its snapshot does not. Row locks would not be enough: the deletion, whose snapshot
   * is older than the words, would wait and then not see them.
   *
   * A text that was read before it was deleted, and comes after the mark was pruned, is not in `messages` any more.
   */
  async put(owned: OwnedCursor, position: number | null, messages: readonly IndexedMessage[]): Promise<boolean> {
    const { name, partition, epoch } = owned;
    const own = Prisma.sql`name = ${name} AND partition = ${partition}::int4 AND epoch = ${epoch}::int8`;
    const mine =
      position === null
        ? Prisma.sql`SELECT 1 FROM event_cursors WHERE ${own} FOR NO KEY UPDATE`
        : Prisma.sql`UPDATE event_cursors SET position = GREATEST(position, ${position}::int8) WHERE ${own} RETURNING 1`;
    const rows = await this.rowsOf(owned, messages);
    const put =
      rows.length === 0
        ? Prisma.empty
        : Prisma.sql`, put AS (
      INSERT INTO message_search AS s (message_id, created_at, revision, chat_key, sender_key, words)
      SELECT g.message_id, g.created_at, g.revision, chat_search_key(g.chat_id), w.sender_key, w.words
      FROM unnest(${column(rows, (row) => row.messageId)}::uuid[], ${column(rows, (row) => row.revision)}::int4[],
        ${column(rows, (row) => senderKey(row.senderId))}::int4[], ${column(rows, (row) => row.column)}::text[])
        AS w(message_id, revision, sender_key, words)
      CROSS JOIN LATERAL (SELECT * FROM messages g WHERE g.message_id = w.message_id OFFSET 0) g
      WHERE g.revision = w.revision AND g.body IS NOT NULL AND EXISTS (SELECT FROM mine)
      ORDER BY g.message_id
      ON CONFLICT (message_id) DO UPDATE SET created_at = EXCLUDED.created_at, revision = EXCLUDED.revision,
        chat_key = EXCLUDED.chat_key, sender_key = EXCLUDED.sender_key, words = EXCLUDED.words
      WHERE s.revision < EXCLUDED.revision
        OR (s.revision = EXCLUDED.revision AND s.words IS DISTINCT FROM EXCLUDED.words))`;
    const found = await this.database.$queryRaw<unknown[]>`WITH mine AS (${mine})${put} SELECT 1 FROM mine`.catch(
      rethrow,
    );
    return found.length === 1;
  }

  async prune(limit: number): Promise<number> {
    return await this.database.$executeRaw`
      DELETE FROM message_search WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM message_search
        WHERE words IS NULL AND created_at < now() - ${MARK_KEPT_MS}::float8 * interval '1 millisecond'
        LIMIT ${limit}::int8 FOR UPDATE SKIP LOCKED))`.catch(rethrow);
  }

  private async rowsOf(owned: OwnedCursor, messages: readonly IndexedMessage[]) {
    const dictionary = await this.dictionaryOf(owned);
    const allWords = () => messages.flatMap(({ words }) => words.sequence);
    const stemOf = dictionary === NO_DICTIONARY ? null : await this.dictionary.stems(dictionary, allWords());
    return messages.map((message) => ({ ...message, column: wordsColumn(message.words, stemOf) }));
  }

  private async dictionaryOf({ name, partition, epoch }: OwnedCursor): Promise<string> {
    const key = `${name} ${partition}`;
    const known = this.dictionaries.get(key);
    if (known?.epoch === epoch) return known.name;
    const current = await this.dictionary.current();
    this.dictionaries.set(key, { epoch, name: current });
    return current;
  }
}
