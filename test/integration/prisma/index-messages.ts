/** Puts the words of all messages into the search index, as an indexer that has passed the whole log. */
import type { PrismaClient } from '../../../src/adapters/stores/prisma/generated/client.js';
import { PrismaSearchIndex } from '../../../src/adapters/stores/prisma/search/prisma-search-index.js';
import type { OwnedCursor } from '../../../src/application/ports/store/log/event-cursors.js';
import { SEARCH_CONSUMER } from '../../../src/application/search/search-indexer.js';
import { indexedWords } from '../../../src/domain/search/indexed-words.js';

const AT_A_TIME = 5_000;
/** Of chats that are imported, so that the cursors of the partitions stay where they are. */
const CURSOR: OwnedCursor = { name: SEARCH_CONSUMER, partition: -1, epoch: 0 };

export async function indexMessages(database: PrismaClient): Promise<void> {
  await database.$executeRaw`
    INSERT INTO event_cursors (name, partition, position)
    SELECT ${SEARCH_CONSUMER}, partition, position FROM partitions UNION ALL SELECT ${SEARCH_CONSUMER}, -1, 0
    ON CONFLICT (name, partition) DO UPDATE SET position = EXCLUDED.position, epoch = 0`;
  const index = new PrismaSearchIndex(database);
  for (;;) {
    const rows = await database.$queryRaw<{ messageId: string; revision: number; senderId: string; body: string }[]>`
      SELECT g.message_id::text AS "messageId", g.revision, g.sender_id AS "senderId", g.body FROM messages g
      WHERE g.body IS NOT NULL AND NOT EXISTS (SELECT FROM message_search s
        WHERE s.message_id = g.message_id AND s.revision = g.revision AND s.words IS NOT NULL)
      LIMIT ${AT_A_TIME}::int8`;
    if (rows.length === 0) return;
    await index.put(
      CURSOR,
      null,
      rows.map(({ body, ...row }) => ({ ...row, words: indexedWords(body) })),
    );
  }
}
