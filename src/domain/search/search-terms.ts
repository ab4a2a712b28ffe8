/**
 * A search text, as a caller writes it or pastes it. All of its terms must occur:
 *
 * - `tea`, `john.doe@example.com`: characters without a space between them. Several words occur in this order, next to
 *   each other.
 * - `"tea at five"`: a phrase; it matches whole words only.
 * - `wor*`: the beginning of a word.
 * - `#tag`, `@name`: a word with this sign.
 *
 * So a text that is pasted from a message finds that message: no sign excludes anything.
 */
import type { IndexedWords } from './indexed-words.js';
import { markedWord, type Word, wordsOf } from './words.js';

export interface SearchTerm {
  /** At least one. They occur next to each other, in this order. */
  words: string[];
  /** The last of the words is the beginning of a word. */
  isPrefix: boolean;
  /** `#tag` and `@name`. They occur as well. */
  marked: string[];
  /** In quotes: a stem does not match. */
  isExact: boolean;
}

/** Further words of a search text are ignored. */
export const SEARCH_WORDS_MAX = 32;
/** `a*` would match a large part of the index, so one character is a whole word. */
export const PREFIX_MIN_CHARACTERS = 2;
/** A last word of at least this many characters matches as a beginning too: the caller may still be writing it. */
export const UNFINISHED_MIN_CHARACTERS = 4;

/** Either a phrase in quotes, or characters without a space. An unpaired quotation mark has no meaning. */
const TERM = /["“”„]([^"“”„]*)["“”]|[^\s"“”„]+/gu;
/** Scripts whose words are short, or have endings without a space. They match as a beginning from two characters. */
const SHORT_WORDS =
  /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u;

/** None if the text has no word. */
export function searchTerms(text: string): SearchTerm[] {
  const terms: SearchTerm[] = [];
  let room = SEARCH_WORDS_MAX;
  for (const { 0: written, 1: phrase } of text.matchAll(TERM)) {
    const content = phrase ?? written;
    const words = wordsOf(content).slice(0, room);
    const last = words.at(-1);
    if (last === undefined) continue;
    room -= words.length;
    terms.push({
      words: words.map((word) => word.text),
      isPrefix: isPrefix(content, last, phrase !== undefined),
      marked: words.flatMap((word) => markedWord(content, word) ?? []),
      isExact: phrase !== undefined,
    });
  }
  const last = terms.at(-1);
  if (last !== undefined && !last.isExact) last.isPrefix ||= lengthOf(last.words) >= UNFINISHED_MIN_CHARACTERS;
  return terms;
}

function isPrefix(content: string, { text, end }: Word, isExact: boolean): boolean {
  const length = [...text].length;
  if (length < PREFIX_MIN_CHARACTERS) return false;
  return content.charAt(end) === '*' || (!isExact && SHORT_WORDS.test(text));
}

function lengthOf(words: readonly string[]): number {
  return [...(words.at(-1) ?? '')].length;
}

/** Whether a text with these words matches all terms. The same as what the stores evaluate, without stems. */
export function matchesTerms({ sequence, others }: IndexedWords, terms: readonly SearchTerm[]): boolean {
  const all = new Set([...sequence, ...others]);
  return terms.every(({ words, isPrefix, marked }) => {
    if (!marked.every((word) => all.has(word))) return false;
    if (words.length > 1) return sequence.some((_, at) => isPhraseAt(sequence, at, words, isPrefix));
    const [word = ''] = words;
    return isPrefix ? [...all].some((one) => one.startsWith(word)) : all.has(word);
  });
}

function isPhraseAt(sequence: readonly string[], at: number, words: readonly string[], isPrefix: boolean): boolean {
  return words.every((word, index) => {
    const there = sequence[at + index] ?? '';
    return isPrefix && index === words.length - 1 ? there.startsWith(word) : there === word;
  });
}
