/** Prepares a caller's search text for `websearch_to_tsquery`. */

/**
 * PostgreSQL treats each hyphen before a word as "not", and fails with more than 32 of them in a row. It ignores other
 * characters between them. Two or more, as in a horizontal rule or in `--force`, do not mean "not", so they are
 * removed.
 */
const HYPHENS_IN_A_ROW = /-(?:[^\p{L}\p{N}\p{M}]*-)+/gu;

export function searchText(text: string): string {
  return text.replace(HYPHENS_IN_A_ROW, ' ');
}

const WORD = /[\p{L}\p{N}\p{M}]+/gu;
/** An operator for PostgreSQL. */
const OR = /^or$/i;

/** A word that a found text probably contains. Empty if there is none. */
export function firstWord(text: string): string {
  return text.match(WORD)?.find((word) => !OR.test(word)) ?? '';
}
