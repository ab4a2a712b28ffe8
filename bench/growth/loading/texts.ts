import { zipf } from '../../population/zipf.js';
import type { Random } from './random.js';

const WORDS = 12_000;
const PHRASES = 16_384;
const WORDS_A_PHRASE = 4;
const SYLLABLES = 'ba de ki lo mu na re si to vu fa ge hi jo pu'.split(' ');

/** Words of two to four syllables; the lower the rank, the more frequent the word (Zipf). */
export const wordAt = (rank: number): string => {
  let word = '';
  for (let rest = rank + SYLLABLES.length; rest > 0; rest = Math.floor(rest / SYLLABLES.length))
    word += SYLLABLES[rest % SYLLABLES.length];
  return word;
};
export const COMMON_WORD = wordAt(1);
export const RARE_WORD = wordAt(WORDS - 1);

/** Texts of exactly this many bytes, composed of phrases: drawing each word would take longer than storing the text. */
export class Texts {
  private readonly phrases: string[];

  constructor(
    private readonly random: Random,
    private readonly bytes: number,
  ) {
    const rank = zipf(WORDS);
    this.phrases = Array.from(
      { length: PHRASES },
      () => `${Array.from({ length: WORDS_A_PHRASE }, () => wordAt(rank())).join(' ')} `,
    );
  }

  next(): string {
    let text = '';
    while (text.length < this.bytes) text += this.phrases[this.random.below(PHRASES)];
    return `${text.slice(0, this.bytes - 1)}x`;
  }
}
