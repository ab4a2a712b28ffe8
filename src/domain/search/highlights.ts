import { otherWords } from './indexed-words.js';
import type { SearchTerm } from './search-terms.js';
import { eachWord, type Word } from './words.js';

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
 * Excerpts of a text with the words that match. Without a match, which can be if a text has changed: its beginning. The
 * text is read until the excerpts are full.
 */
export function highlight(text: string, terms: readonly SearchTerm[], stemOf: StemOf = () => null): Highlight[] {
  const isShort = text.length <= SHOWN_WHOLE_MAX_CHARACTERS;
  const matches: Span[] = [];
  const fragments: Span[] = isShort ? [{ start: 0, end: text.length }] : [];
  for (const match of matchesIn(text, terms, stemOf)) {
    if (!isShort && !extend(fragments, text, match)) break;
    add(matches, match);
  }
  if (fragments.length === 0) fragments.push({ start: 0, end: wordEnd(text, SHOWN_WHOLE_MAX_CHARACTERS) });
  return fragments.map((fragment) => split(text, fragment, matches));
}

/** The places of the terms, in the order of their ends. They can overlap. */
function* matchesIn(text: string, terms: readonly SearchTerm[], stemOf: StemOf): Generator<Span> {
  const sought = terms.map((term) => ({ term, stem: term.isExact ? null : stemOf(term.words[0] ?? '') }));
  const longest = Math.max(0, ...terms.map(({ words }) => words.length));
  const latest: Word[] = [];
  for (const word of eachWord(text)) {
    latest.push(word);
    if (latest.length > longest) latest.shift();
    for (const { term, stem } of sought) {
      const first = latest.at(-term.words.length);
      if (first === undefined || !endsHere(text, latest, term, stem, stemOf)) continue;
      yield { start: first.start, end: word.end };
    }
  }
}

/** Whether the latest words are those of the term. */
function endsHere(
  text: string,
  latest: readonly Word[],
  { words, isPrefix }: SearchTerm,
  stem: string | null,
  stemOf: StemOf,
): boolean {
  const offset = latest.length - words.length;
  const isSought = (one: string, index: number) => {
    const wanted = words[index] as string;
    return isPrefix && index === words.length - 1 ? one.startsWith(wanted) : one === wanted;
  };
  if (words.every((_, index) => isSought((latest[offset + index] as Word).text, index))) return true;
  if (words.length > 1) return false;
  const word = latest[offset] as Word;
  return (stem !== null && stemOf(word.text) === stem) || otherWords(text, word).some((other) => isSought(other, 0));
}

/** A phrase can end after words that match by themselves. */
function add(matches: Span[], match: Span): void {
  let { start } = match;
  for (let last = matches.at(-1); last !== undefined && last.end > start; last = matches.at(-1)) {
    start = Math.min(start, last.start);
    matches.pop();
  }
  matches.push({ start, end: match.end });
}

/** Returns false if there is no room for further matches. */
function extend(fragments: Span[], text: string, { start, end }: Span): boolean {
  const last = fragments.at(-1);
  const begin = wordStart(text, start - CONTEXT_CHARACTERS);
  const stop = wordEnd(text, end + CONTEXT_CHARACTERS);
  if (last !== undefined && begin <= last.end) {
    if (stop - last.start <= FRAGMENT_MAX_CHARACTERS) last.end = Math.max(last.end, stop);
    else if (start < last.end) last.end = Math.max(last.end, end);
    return true;
  }
  if (fragments.length === FRAGMENTS_MAX) return false;
  fragments.push({ start: begin, end: stop });
  return true;
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
