import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeLines, parseLog } from '../../examples/irc-log.js';
import { normal, seededRandom } from './random.js';
import { zipf } from './zipf.js';

/**
 * `mix`: median 200 bytes, p95 2,000; `flat`: 200 each; `irc`: lengths of messages in a real chat. One byte a
 * character.
 */
export const BODY_KINDS = ['mix', 'flat', 'irc'] as const;
export type BodyKind = (typeof BODY_KINDS)[number];

export const MEDIAN_BYTES = 200;
const P95_BYTES = 2_000;
/** Standard deviations from the median to the 95th percentile of a normal distribution. */
const P95_DEVIATIONS = 1.645;
/** The limit of the contract on a body, in bytes. */
const BODY_MAX_BYTES = 16_384;

const VOCABULARY = 20_000;
const WORDS_OF_TEXT = 200_000;
const SYLLABLES = ['ba', 'ke', 'li', 'mo', 'nu', 'ra', 'se', 'ti', 'vo', 'zu', 'da', 'fe', 'gi', 'ho', 'pu'];

/** Texts of words, some common and most rare, so that the search index has as much work as with human texts. */
export class Bodies {
  private readonly text: string;
  private readonly wordStarts: number[] = [];

  /** @param lengths of the messages of a real chat; only for `irc` */
  constructor(
    private readonly kind: BodyKind,
    private readonly lengths: readonly number[] = [],
  ) {
    const pick = zipf(VOCABULARY);
    let text = '';
    for (let count = 0; count < WORDS_OF_TEXT; count += 1) {
      this.wordStarts.push(text.length);
      text += `${word(pick())} `;
    }
    this.text = text + text.slice(0, BODY_MAX_BYTES);
  }

  /** A sequence of bodies, the same for the same seed. */
  series(seed: number): () => string {
    const random = seededRandom(seed);
    return () => {
      const length = this.length(random);
      const start = this.wordStarts[Math.floor(random() * this.wordStarts.length)] ?? 0;
      return this.text.slice(start, start + length);
    };
  }

  /** A word that occurs in some of the texts. `rank` 0 is the most frequent word. */
  word(rank: number): string {
    return word(rank % VOCABULARY);
  }

  private length(random: () => number): number {
    if (this.kind === 'flat') return MEDIAN_BYTES;
    if (this.kind === 'irc') return this.lengths[Math.floor(random() * this.lengths.length)] ?? MEDIAN_BYTES;
    const deviation = Math.log(P95_BYTES / MEDIAN_BYTES) / P95_DEVIATIONS;
    const length = Math.round(MEDIAN_BYTES * Math.exp(deviation * normal(random)));
    return Math.min(Math.max(length, 1), BODY_MAX_BYTES);
  }
}

/** Two to four syllables; after all combinations are used, a number is added. */
function word(rank: number): string {
  let rest = rank + SYLLABLES.length;
  let letters = '';
  while (rest > 0) {
    letters += SYLLABLES[rest % SYLLABLES.length] ?? '';
    rest = Math.floor(rest / SYLLABLES.length);
  }
  return letters;
}

/** Lengths of the messages in the logs of a folder (`*.raw.txt` of the disentanglement corpus), in characters. */
export function ircLengths(folder: string): number[] {
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.raw.txt')) : [];
  if (files.length === 0)
    throw new Error(`no *.raw.txt in ${folder}: --irc names another folder, such as examples/irc`);
  return files.flatMap((name) =>
    parseLog(decodeLines(readFileSync(join(folder, name)))).flatMap((line) =>
      line.kind === 'text' || line.kind === 'action' ? [Math.max(1, Math.min(line.text.length, BODY_MAX_BYTES))] : [],
    ),
  );
}
