/** Parts of statements on `message_search`, written exactly as in its index, so that the index is used. */
import type { StemOf } from '../../../../domain/search/highlights.js';
import type { IndexedWords } from '../../../../domain/search/indexed-words.js';
import type { SearchTerm } from '../../../../domain/search/search-terms.js';
import { column } from '../columns.js';
import { Prisma } from '../generated/client.js';

const DAY_MS = 86_400_000;

/** For `message_search s`. */
export const SEARCH_DOCUMENT = Prisma.raw('search_document(s.words)');
/**
 * For `message_search s`: chat, sender and day of creation. Several conditions narrow each other while the index is
 * read.
 */
export const SEARCH_KEYS = Prisma.raw(
  `ARRAY[s.chat_key, s.sender_key, (s.created_at AT TIME ZONE 'UTC')::date - DATE '1970-01-01']`,
);

const OTHERS = '\n';
/** Precedes a stem, so that no word is equal to it. */
const STEM = '~';

/** The column `words`. `stemOf` is null if there is no dictionary. */
export function wordsColumn({ sequence, others }: IndexedWords, stemOf: StemOf | null): string {
  const stems = stemOf === null ? [] : stemsOf(sequence, stemOf);
  const unordered = [...others, ...[...stems].map((stem) => `${STEM}${stem}`)];
  return unordered.length === 0 ? sequence.join(' ') : `${sequence.join(' ')}${OTHERS}${unordered.join(' ')}`;
}

/** Without those that are equal to their word. */
function stemsOf(words: readonly string[], stemOf: StemOf): Set<string> {
  const stems = words.map((word) => {
    const stem = stemOf(word);
    return stem === word ? null : stem;
  });
  return new Set(stems.filter((stem) => stem !== null));
}

/** Any number that depends on the sender alone (FNV-1a). Equal keys cost a search time, and no more. */
export function senderKey(senderId: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < senderId.length; index += 1)
    hash = Math.imul(hash ^ senderId.charCodeAt(index), 0x01000193);
  return hash | 0;
}

export function bySender(senderId: string): Prisma.Sql {
  return Prisma.sql`${SEARCH_KEYS} && ARRAY[${senderKey(senderId)}::int4]`;
}

/** The days from `begin` until `end`, in milliseconds since 1970. Null if there are more than `most`. */
export function onDays(begin: number, end: number, most: number): Prisma.Sql | null {
  const first = Math.floor(begin / DAY_MS);
  const count = Math.floor((end - 1) / DAY_MS) - first + 1;
  if (count > most) return null;
  const days = Array.from({ length: count }, (_, index) => first + index);
  return Prisma.sql`${SEARCH_KEYS} && ${column(days, (day) => day)}::int4[]`;
}

/**
 * The terms as PostgreSQL's `tsquery`, in its input form: no parser reads the words. `stemOf` returns null if there is
 * no dictionary.
 */
export function searchQuery(terms: readonly SearchTerm[], stemOf: (word: string) => string | null): string {
  const operands = terms.flatMap(({ words, isPrefix, marked, isExact }) => [
    ...words.map((word, index) => {
      const lexeme = quoted(word) + (isPrefix && index === words.length - 1 ? ':*' : '');
      const stem = isExact || words.length > 1 ? null : stemOf(word);
      return stem === null ? lexeme : `(${lexeme} | ${quoted(`${STEM}${stem}`)} | ${quoted(stem)})`;
    }),
    ...marked.map(quoted),
  ]);
  return [...new Set(operands)].join(' & ');
}

/** Words consist of letters, digits and marks. Quoted all the same. */
function quoted(lexeme: string): string {
  return `'${lexeme.replace(/['\\]/g, '$&$&')}'`;
}

/** For `message_search s`: the phrases among the terms. Empty if there is none. */
export function inOrder(terms: readonly SearchTerm[]): Prisma.Sql {
  const phrases = terms.filter(({ words }) => words.length > 1);
  if (phrases.length === 0) return Prisma.empty;
  return Prisma.join(
    phrases.map(
      ({ words, isPrefix }) =>
        Prisma.sql`AND position(${` ${words.join(' ')}${isPrefix ? '' : ' '}`} IN ' ' || split_part(s.words, E'\n', 1) || ' ') > 0`,
    ),
    ' ',
  );
}
