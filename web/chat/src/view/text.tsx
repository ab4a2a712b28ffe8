/** The text of a message. It becomes text nodes only, except that web addresses become links. */
import type { ComponentChild } from 'preact';

const LINK = /https?:\/\/[^\s<>"'`]+/gu;
/** They end a sentence more often than an address. */
const TRAILING = /[.,;:!?)\]}…]+$/u;
const MENTION = /(^|[\s(])@([A-Za-z0-9_-][A-Za-z0-9_@:.+|-]{0,127})/gu;

interface MessageTextProps {
  text: string;
  mentions: readonly string[];
  me: string | null;
  /** Of the links. */
  tabIndex?: number;
  nameOf(userId: string): string;
}

export function MessageText({ text, mentions, me, tabIndex = 0, nameOf }: MessageTextProps) {
  const parts: ComponentChild[] = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const address = match[0].replace(unbalanced(match[0]) ? TRAILING : /[.,;:!?…]+$/u, '');
    const href = safeAddress(address);
    if (href === null) continue;
    parts.push(...withMentions(text.slice(from, match.index), mentions, me, nameOf));
    parts.push(
      <a href={href} target="_blank" rel="noopener noreferrer nofollow" tabIndex={tabIndex}>
        {address}
      </a>,
    );
    from = match.index + address.length;
  }
  parts.push(...withMentions(text.slice(from), mentions, me, nameOf));
  return <>{parts}</>;
}

/** `(https://example.org)` without its last bracket, but all of `https://example.org/a_(b)`. */
function unbalanced(address: string): boolean {
  return (address.match(/\)/g) ?? []).length > (address.match(/\(/g) ?? []).length;
}

/** Null: not an address of the web, so it stays text. */
export function safeAddress(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const { protocol, href } = new URL(text);
  return protocol === 'https:' || protocol === 'http:' ? href : null;
}

function withMentions(
  text: string,
  mentions: readonly string[],
  me: string | null,
  nameOf: (userId: string) => string,
): ComponentChild[] {
  if (mentions.length === 0) return [text];
  const parts: ComponentChild[] = [];
  let from = 0;
  for (const match of text.matchAll(MENTION)) {
    const [, before = '', written = ''] = match;
    const userId = [written, written.replace(/[.:+|-]+$/, '')].find((name) => mentions.includes(name));
    if (userId === undefined) continue;
    const start = match.index + before.length;
    parts.push(text.slice(from, start));
    parts.push(<span class={userId === me ? 'mention mine' : 'mention'}>@{nameOf(userId)}</span>);
    from = start + 1 + userId.length;
  }
  parts.push(text.slice(from));
  return parts;
}
