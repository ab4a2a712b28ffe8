/** The obvious statements of a search index, each with a bug that tests must see. */
import type pg from 'pg';
import type { OwnedCursor } from '../../../../src/application/ports/store/log/event-cursors.js';
import type { IndexedMessage } from '../../../../src/application/ports/store/search-index.js';

export interface PutBugs {
  /** An upsert that does not compare revisions. */
  ignoresMarks?: boolean;
  /** Words of a message that is not looked up any more. */
  ignoresMessages?: boolean;
}

/** As `PrismaSearchIndex.put`, for one message. */
export async function plantedPut(
  sql: pg.Client,
  { name, partition, epoch }: OwnedCursor,
  { messageId, revision, words }: IndexedMessage,
  { ignoresMarks = false, ignoresMessages = false }: PutBugs,
): Promise<void> {
  await sql.query(
    `WITH mine AS (SELECT 1 FROM event_cursors WHERE name = $1 AND partition = $2 AND epoch = $3 FOR NO KEY UPDATE)
     INSERT INTO message_search AS s (message_id, created_at, revision, chat_key, sender_key, words)
     SELECT $4::uuid, now(), $5, 0, 0, $6 FROM mine
     WHERE ${ignoresMessages} OR EXISTS (SELECT FROM messages WHERE message_id = $4::uuid AND revision = $5 AND body IS NOT NULL)
     ON CONFLICT (message_id) DO UPDATE SET revision = EXCLUDED.revision, words = EXCLUDED.words
     WHERE ${ignoresMarks} OR s.revision < EXCLUDED.revision`,
    [name, partition, epoch, messageId, revision, words.sequence.join(' ')],
  );
}

/**
 * Erases a text as a batch does, in one statement. Its bug: it deletes the row that its snapshot has, and writes no
 * mark.
 */
export async function plantedErasure(sql: pg.Client, partition: number, messageId: string): Promise<void> {
  await sql.query(
    `WITH moved AS (SELECT 1 FROM partitions WHERE partition = $1 FOR NO KEY UPDATE),
       erased AS (UPDATE messages SET body = NULL WHERE message_id = $2 AND EXISTS (SELECT FROM moved)),
       unindexed AS (DELETE FROM message_search WHERE message_id = $2 AND EXISTS (SELECT FROM moved))
     SELECT count(*) FROM moved`,
    [partition, messageId],
  );
}
