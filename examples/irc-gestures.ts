/** A line can also be a correction of its nick's last message, or a reaction to a message of another nick. */

const SUBSTITUTION = /^s\/([^/]+)\/([^/]*)\/?g?\s*$/;
const STARRED_WORD = /^(?:\*(\w+)|(\w+)\*)\s*$/;
const REACTIONS: [words: RegExp, emoji: string][] = [
  [/^(?:\+1|yes|yep|agreed|ok)$/i, '👍'],
  [/^(?:thanks|thank you|thx|ty|cheers)$/i, '🙏'],
  [/^(?:lol|rofl|haha|hehe|heh|:D)$/i, '😂'],
  [/^(?::\)|;\)|:-\)|;-\))$/, '🙂'],
];

/**
 * The corrected text: `s/this/that/` replaces the first occurrence, `*word` is appended. Null if the line is no
 * correction of that text.
 */
export function corrected(earlier: string, line: string): string | null {
  const [, from, to] = SUBSTITUTION.exec(line) ?? [];
  if (from !== undefined && to !== undefined) {
    const text = earlier.replace(from, () => to);
    return text === earlier || text === '' ? null : text;
  }
  const [, before, behind] = STARRED_WORD.exec(line) ?? [];
  const word = before ?? behind;
  return word === undefined ? null : `${earlier} *${word}`;
}

/** The emoji for a line that consists of one reaction word. */
export function reactionIn(line: string): string | null {
  const words = line.replace(/[.!\s]+$/, '');
  return REACTIONS.find(([pattern]) => pattern.test(words))?.[1] ?? null;
}
