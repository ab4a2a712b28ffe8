import { camelParts, markedWord, plainWords, type Word, wordsOf } from './words.js';

/** What a text is found by. */
export interface IndexedWords {
  /** In the order of the text, with repetitions: phrases are found in it. */
  sequence: string[];
  /** Further words, without an order: #tags, @names, and the parts of identifiers in camel case. */
  others: string[];
}

/**
 * Maximum number of characters of all words of a text. Only a text of compatibility characters that expand exceeds it:
 * the limit of a text is 16 KB.
 */
const INDEXED_MAX_CHARACTERS = 65_536;

export function indexedWords(text: string): IndexedWords {
  const plain = text.length > INDEXED_MAX_CHARACTERS ? null : plainWords(text);
  if (plain !== null) return { sequence: plain, others: [] };
  const sequence: string[] = [];
  const others = new Set<string>();
  let characters = 0;
  for (const word of wordsOf(text)) {
    characters += word.text.length;
    if (characters > INDEXED_MAX_CHARACTERS) break;
    sequence.push(word.text);
    for (const other of otherWords(text, word)) others.add(other);
  }
  return { sequence, others: [...others] };
}

export function otherWords(text: string, word: Word): string[] {
  const marked = markedWord(text, word);
  const parts = camelParts(text, word);
  return marked === null ? parts : [marked, ...parts];
}
