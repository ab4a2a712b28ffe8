/** What a line does besides being said: it corrects what its nick has said before, or reacts to what somebody else has. */

const SUBSTITUTION = /^s\/([^/]+)\/([^/]*)\/?g?\s*$/;
const STARRED_WORD = /^(?:\*(\w+)|(\w+)\*)\s*$/;
const REACTIONS: [words: RegExp, emoji: string][] = [
  [/^(?:\+1|yes|yep|agreed|ok)$/i, '👍'],
  [/^(?:thanks|thank you|thx|ty|cheers)$/i, '🙏'],
  [/^(?:lol|rofl|haha|hehe|heh|:D)$/i, '😂'],
  [/^(?::\)|;\)|:-\)|;-\))$/, '🙂'],
];

/**
 * The earlier text as a line corrects it: `s/this/that/` at its first place, `*word` behind it. Null: it is no correction, or none of that
 * text.
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

/** The emoji that stands for a line, if that is all it says. */
export function reactionIn(line: string): string | null {
  const words = line.replace(/[.!\s]+$/, '');
  return REACTIONS.find(([pattern]) => pattern.test(words))?.[1] ?? null;
}
