import { otherWords } from './indexed-words.js';
import type { SearchTerm } from './search-terms.js';
import { type Word, wordsOf } from './words.js';

/** A fragment of a found text, split at the boundaries of the matches. */
export type Highlight = { text: string; match: boolean }[];

/** A text of at most this many characters is shown whole. */
export const SHOWN_WHOLE_MAX_CHARACTERS = 240;
export const FRAGMENTS_MAX = 3;
/** Characters shown before and after a match, up to the next word. */
const CONTEXT_CHARACTERS = 60;
/** A fragment with more characters ends after the match with which it exceeds them. */
const FRAGMENT_MAX_CHARACTERS = 240;

interface Span {
  start: number;
  end: number;
}

/** The stem of a word, or null. */
export type StemOf = (word: string) => string | null;

/**
 * Excerpts of a text with the words that match. Without a match, which can be if only a part of the text is given: its
 * beginning.
 */
export function highlight(text: string, terms: readonly SearchTerm[], stemOf: StemOf = () => null): Highlight[] {
  const matches = matchesIn(text, terms, stemOf);
  return fragmentsOf(text, matches).map((fragment) => split(text, fragment, matches));
}

/** In order, without overlaps. */
function matchesIn(text: string, terms: readonly SearchTerm[], stemOf: StemOf): Span[] {
  const words = wordsOf(text);
  const isMatch = new Array<boolean>(words.length).fill(false);
  const joinsNext = new Array<boolean>(words.length).fill(false);
  for (const term of terms) {
    const { length } = term.words;
    const stems = term.isExact ? [] : term.words.map(stemOf);
    for (let at = 0; at + length <= words.length; at += 1) {
      if (!term.words.every((_, index) => matchesWord(text, words[at + index] as Word, term, index, stems, stemOf)))
        continue;
      isMatch.fill(true, at, at + length);
      joinsNext.fill(true, at, at + length - 1);
    }
  }
  const spans: Span[] = [];
  for (const [at, { start, end }] of words.entries()) {
    if (!isMatch[at]) continue;
    const last = spans.at(-1);
    if (last !== undefined && (joinsNext[at - 1] === true || start < last.end)) last.end = Math.max(last.end, end);
    else spans.push({ start, end });
  }
  return spans;
}

function matchesWord(
  text: string,
  word: Word,
  { words, isPrefix }: SearchTerm,
  index: number,
  stems: readonly (string | null)[],
  stemOf: StemOf,
): boolean {
  const sought = words[index] as string;
  const asPrefix = isPrefix && index === words.length - 1;
  const isSought = (one: string) => (asPrefix ? one.startsWith(sought) : one === sought);
  if (isSought(word.text)) return true;
  if (words.length > 1) return false;
  const stem = stems[index];
  return (stem != null && stemOf(word.text) === stem) || otherWords(text, word).some(isSought);
}

function fragmentsOf(text: string, matches: readonly Span[]): Span[] {
  if (text.length <= SHOWN_WHOLE_MAX_CHARACTERS) return [{ start: 0, end: text.length }];
  const [first] = matches;
  if (first === undefined) return [{ start: 0, end: wordEnd(text, SHOWN_WHOLE_MAX_CHARACTERS) }];
  const fragments: Span[] = [];
  for (const { start, end } of matches) {
    const last = fragments.at(-1);
    const begin = wordStart(text, start - CONTEXT_CHARACTERS);
    const stop = wordEnd(text, end + CONTEXT_CHARACTERS);
    if (last !== undefined && begin <= last.end) {
      if (stop - last.start <= FRAGMENT_MAX_CHARACTERS || start < last.end) last.end = Math.max(last.end, stop);
    } else if (fragments.length === FRAGMENTS_MAX) break;
    else fragments.push({ start: begin, end: stop });
  }
  return fragments;
}

const SPACE = /\s/u;
/** A longer run without a space is cut, but not within a surrogate pair. */
const RUN_MAX_CHARACTERS = 40;

function wordStart(text: string, near: number): number {
  if (near <= 0) return 0;
  for (let at = near; at > Math.max(0, near - RUN_MAX_CHARACTERS); at -= 1)
    if (SPACE.test(text.charAt(at - 1))) return at;
  return outsidePair(text, near);
}

function wordEnd(text: string, near: number): number {
  if (near >= text.length) return text.length;
  for (let at = near; at < Math.min(text.length, near + RUN_MAX_CHARACTERS); at += 1)
    if (SPACE.test(text.charAt(at))) return at;
  return outsidePair(text, near);
}

function outsidePair(text: string, at: number): number {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 ? at - 1 : at;
}

function split(text: string, { start, end }: Span, matches: readonly Span[]): Highlight {
  const pieces: Highlight = [];
  let at = start;
  for (const match of matches) {
    const [from, to] = [Math.max(match.start, at), Math.min(match.end, end)];
    if (from >= to) continue;
    pieces.push({ text: text.slice(at, from), match: false }, { text: text.slice(from, to), match: true });
    at = to;
  }
  pieces.push({ text: text.slice(at, end), match: false });
  return pieces.filter((piece) => piece.text !== '');
}
