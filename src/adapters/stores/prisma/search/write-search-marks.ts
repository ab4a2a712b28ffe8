import type { BatchWrites } from '../../../../application/ports/store/command-store.js';
import { column } from '../columns.js';
import { Prisma } from '../generated/client.js';

/** Higher than any revision: no text follows. */
const DELETED = 2_147_483_647;

/**
 * Part of the statement that writes a batch: takes the words of deleted and replaced texts out of the search index. A
 * mark stays, also for a message that is not indexed yet: an indexer may have read the text already
 * (see `PrismaSearchIndex.put`). Rows are locked in key order, as by indexers. Null if there is nothing to write.
 */
export function markTextsGone({ messagesChanged, messagesRemoved }: BatchWrites): Prisma.Sql | null {
  const marks = [
    ...messagesChanged.map(({ messageId, revision, body }) => ({
      messageId,
      revision: body === null ? DELETED : revision,
    })),
    ...messagesRemoved.map(({ messageId }) => ({ messageId, revision: DELETED })),
  ];
  if (marks.length === 0) return null;
  return Prisma.sql`
    INSERT INTO message_search AS s (message_id, created_at, revision, chat_key, sender_key, words)
    SELECT message_id, now(), revision, 0, 0, NULL
    FROM unnest(${column(marks, (mark) => mark.messageId)}::uuid[], ${column(marks, (mark) => mark.revision)}::int4[])
      AS w(message_id, revision)
    ORDER BY message_id
    ON CONFLICT (message_id) DO UPDATE SET created_at = EXCLUDED.created_at, revision = EXCLUDED.revision, words = NULL
    WHERE s.revision < EXCLUDED.revision`;
}
