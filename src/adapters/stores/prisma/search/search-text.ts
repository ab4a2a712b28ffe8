/** What a caller writes into a search, made ready for `websearch_to_tsquery`. */

/**
 * PostgreSQL reads each hyphen before a word as a "not", and fails with more than 32 of them in a row; what stands between them here it passes over.
 * Two or more, a ruler line or `--force` for instance, are not meant as "not": they are left out.
 */
const HYPHENS_IN_A_ROW = /-(?:[^\p{L}\p{N}\p{M}]*-)+/gu;

export function searchText(text: string): string {
  return text.replace(HYPHENS_IN_A_ROW, ' ');
}

const WORD = /[\p{L}\p{N}\p{M}]+/gu;
/** What PostgreSQL takes for an operator. */
const OR = /^or$/i;

/** A word that a found text is likely to hold; empty: none. */
export function firstWord(text: string): string {
  return text.match(WORD)?.find((word) => !OR.test(word)) ?? '';
}
