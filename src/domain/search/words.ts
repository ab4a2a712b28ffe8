/**
 * Splits a text into words, for the search index and for search texts alike. The cost is linear in the length of the
 * text.
 *
 * - A word is a run of letters and digits with their combining marks. So `john.doe@example.com` is four words: it is
 *   found whole, because a search text is split into the same words in the same order, and by each of its parts.
 * - Scripts without spaces between words are split by ICU's dictionaries (`Intl.Segmenter`).
 * - Words are compared in one form: Unicode NFKC, without case, without invisible characters.
 */

/** A word of a text. */
export interface Word {
  /** In the form that is compared. Never empty, never with a space. */
  text: string;
  /** Where it is in the text, in UTF-16 code units. Words that come from one character have the same place. */
  start: number;
  end: number;
}

/** Longer words are split into pieces of this many UTF-16 code units. */
export const WORD_MAX_CHARACTERS = 64;
/** Maximum length of a word in its compared form: compatibility characters can expand to 18. */
const FOLDED_MAX_CHARACTERS = 255;
/**
 * Maximum number of UTF-16 code units in one call of `Intl.Segmenter`, whose cost is superlinear: 28 µs for 200
 * characters, 13 ms for 16,384.
 */
export const SEGMENTED_MAX_CHARACTERS = 512;

const UNSPACED =
  '[\\p{scx=Han}\\p{scx=Hiragana}\\p{scx=Katakana}\\p{scx=Thai}\\p{scx=Lao}\\p{scx=Khmer}\\p{scx=Myanmar}]';
const UNSPACED_RUN = `[${UNSPACED}&&[\\p{L}\\p{N}]][${UNSPACED}&&[\\p{L}\\p{N}\\p{M}]]*`;
const SPACED_RUN = `[[\\p{L}\\p{N}]--${UNSPACED}][[\\p{L}\\p{N}\\p{M}\\p{Cf}]--${UNSPACED}]*`;
const RUN = new RegExp(`(${UNSPACED_RUN})|${SPACED_RUN}`, 'gv');
const ASCII_RUN = /[0-9A-Za-z]+/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
const ASCII = /^[\x00-\x7f]*$/;
/** Characters beyond ASCII, marks, words in camel case, and versions. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
const NOT_PLAIN = /[^\x00-\x7f]|[#@]|[a-z][A-Z]|[A-Z][A-Z][a-z]|[vV][0-9]/;
/** `v1` in `v1.2.3`, which is also found as `1.2.3`. */
const VERSION = /^v\d/i;
const INVISIBLE = /\p{Cf}+/gu;
const NO_WORD = /[^\p{L}\p{N}\p{M}]+/u;
const COMBINING_DOT_OF_I = /i\u0307/g;

const segmenter = new Intl.Segmenter('en', { granularity: 'word' });

/** The words of a text, in order. */
export function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  if (ASCII.test(text)) {
    for (const { 0: run, index } of text.matchAll(ASCII_RUN)) addRun(words, run, index);
    return words;
  }
  for (const { 0: run, 1: unspaced, index } of text.matchAll(RUN))
    if (unspaced === undefined) addRun(words, run, index);
    else addUnspaced(words, run, index);
  return words;
}

/**
 * The words of a text that needs no rule but small letters, as most texts of ASCII, for a fraction of the cost of
 * `wordsOf`. Null for another text.
 */
export function plainWords(text: string): string[] | null {
  if (NOT_PLAIN.test(text)) return null;
  const words = text.toLowerCase().match(ASCII_RUN) ?? [];
  return words.some((word) => word.length > WORD_MAX_CHARACTERS) ? null : words;
}

/** As `wordsOf`, for a reader that may not need all of them. */
export function* eachWord(text: string): Generator<Word> {
  for (const { 0: run, 1: unspaced, index } of text.matchAll(RUN)) {
    const words: Word[] = [];
    if (unspaced === undefined) addRun(words, run, index);
    else addUnspaced(words, run, index);
    for (const word of words) yield word;
  }
}

function addRun(words: Word[], run: string, start: number): void {
  const version = VERSION.test(run) ? 1 : 0;
  if (version === 1) addWord(words, run.slice(0, 1), start);
  for (let at = version; at < run.length; ) {
    const end = cutBefore(run, at, WORD_MAX_CHARACTERS);
    addWord(words, run.slice(at, end), start + at);
    at = end;
  }
}

function addUnspaced(words: Word[], run: string, start: number): void {
  for (let at = 0; at < run.length; ) {
    const end = cutBefore(run, at, SEGMENTED_MAX_CHARACTERS);
    for (const { segment, index, isWordLike } of segmenter.segment(run.slice(at, end)))
      if (isWordLike === true) addRun(words, segment, start + at + index);
    at = end;
  }
}

/** The end of a piece of at most `length` code units that does not split a surrogate pair. */
function cutBefore(run: string, at: number, length: number): number {
  if (run.length - at <= length) return run.length;
  const isInPair = (run.charCodeAt(at + length) & 0xfc00) === 0xdc00;
  return at + length - (isInPair ? 1 : 0);
}

function addWord(words: Word[], piece: string, start: number): void {
  const end = start + piece.length;
  if (ASCII.test(piece)) {
    words.push({ text: piece.toLowerCase(), start, end });
    return;
  }
  const folded = fold(piece);
  // NFKC turns one character into several words: `½` into `1⁄2`.
  if (!NO_WORD.test(folded)) words.push({ text: folded, start, end });
  else for (const text of folded.split(NO_WORD)) if (text !== '') words.push({ text, start, end });
}

/** The form in which words are compared. Not only for words: it keeps spaces and punctuation. */
function fold(piece: string): string {
  // In capitals first: `ß` and `SS`, dotless and dotted i, and both forms of a small sigma become equal.
  const folded = piece.replace(INVISIBLE, '').normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
  return folded.replace(COMBINING_DOT_OF_I, 'i').replaceAll('ς', 'σ').slice(0, FOLDED_MAX_CHARACTERS);
}

const MARKS: ReadonlyMap<string, string> = new Map(Object.entries({ '#': '#', '@': '@', '＃': '#', '＠': '@' }));

/** `#word` or `@word` for a word that follows such a sign directly, else null. */
export function markedWord(text: string, word: Word): string | null {
  const mark = word.start === 0 ? undefined : MARKS.get(text.charAt(word.start - 1));
  return mark === undefined ? null : `${mark}${word.text}`;
}

/** The words of `camelCase` and `HTTPServer`. */
const CAMEL_PARTS = /\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|\p{N}+/gu;
const IS_CAMEL = /\p{Ll}\p{Lu}|\p{Lu}\p{Lu}\p{Ll}/u;
const CAMEL_PARTS_MAX = 8;

/** The parts of an identifier in camel case, at most 8. None for another word. */
export function camelParts(text: string, word: Word): string[] {
  const written = text.slice(word.start, word.end);
  // Nearly every word is written in small letters, and this comparison is cheaper.
  if (written === word.text || !IS_CAMEL.test(written)) return [];
  const parts = written.match(CAMEL_PARTS) ?? [];
  return parts.length < 2 ? [] : parts.slice(0, CAMEL_PARTS_MAX).map(fold);
}
