/**
 * What `messages_search_idx` finds a message by besides its words: its chat, its sender, the day it was created. Conditions on several of them
 * narrow each other while the index is read.
 */
import { column } from '../columns.js';
import { Prisma } from '../generated/client.js';

const DAY_MS = 86_400_000;

/**
 * The words of a message, as the index says it, so that the index is used. `indexed_text` bounds what a text costs (see its migration).
 *
 * @param dictionary a text search configuration, written out
 */
export function searchDocument(dictionary: Prisma.Sql): Prisma.Sql {
  return Prisma.raw(`to_tsvector(${dictionary.sql}, indexed_text(body))`);
}

/** Of `messages`, as the index says it, so that the index is used. */
export const SEARCH_TERMS = Prisma.raw(
  `ARRAY['c:' || chat_id::text, 's:' || sender_id, 'd:' || ((created_at AT TIME ZONE 'UTC')::date - DATE '1970-01-01')::text]`,
);

/** Of a table with a column chat_id. */
export const CHAT_TERM = Prisma.raw(`'c:' || chat_id::text`);

export function bySender(senderId: string): Prisma.Sql {
  return Prisma.sql`${SEARCH_TERMS} && ${column([`s:${senderId}`], (term) => term)}::text[]`;
}

/** Null: the days from `begin` until `end`, in milliseconds since 1970, are more than `most`. */
export function onDays(begin: number, end: number, most: number): Prisma.Sql | null {
  const first = Math.floor(begin / DAY_MS);
  const count = Math.floor((end - 1) / DAY_MS) - first + 1;
  if (count > most) return null;
  const days = Array.from({ length: count }, (_, index) => `d:${first + index}`);
  return Prisma.sql`${SEARCH_TERMS} && ${column(days, (term) => term)}::text[]`;
}
