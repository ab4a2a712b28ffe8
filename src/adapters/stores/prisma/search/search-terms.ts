/**
 * The terms of `messages_search_idx` besides the words: chat, sender and day of creation. Several conditions narrow
 * each other while the index is read.
 */
import { column } from '../columns.js';
import { Prisma } from '../generated/client.js';

const DAY_MS = 86_400_000;

/**
 * The words of a message, written exactly as in the index, so that the index is used. `indexed_text` limits the cost of
 * a text (see its migration).
 *
 * @param dictionary a text search configuration, written literally
 */
export function searchDocument(dictionary: Prisma.Sql): Prisma.Sql {
  return Prisma.raw(`to_tsvector(${dictionary.sql}, indexed_text(body))`);
}

/** For `messages`, written exactly as in the index, so that the index is used. */
export const SEARCH_TERMS = Prisma.raw(
  `ARRAY['c:' || chat_id::text, 's:' || sender_id, 'd:' || ((created_at AT TIME ZONE 'UTC')::date - DATE '1970-01-01')::text]`,
);

/** For a table with a column chat_id. */
export const CHAT_TERM = Prisma.raw(`'c:' || chat_id::text`);

export function bySender(senderId: string): Prisma.Sql {
  return Prisma.sql`${SEARCH_TERMS} && ${column([`s:${senderId}`], (term) => term)}::text[]`;
}

/** The days from `begin` until `end`, in milliseconds since 1970. Null if there are more than `most`. */
export function onDays(begin: number, end: number, most: number): Prisma.Sql | null {
  const first = Math.floor(begin / DAY_MS);
  const count = Math.floor((end - 1) / DAY_MS) - first + 1;
  if (count > most) return null;
  const days = Array.from({ length: count }, (_, index) => `d:${first + index}`);
  return Prisma.sql`${SEARCH_TERMS} && ${column(days, (term) => term)}::text[]`;
}
