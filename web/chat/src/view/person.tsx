import type { ChatApp } from '../model/chat-app.js';

const COLOURS = 8;

/** The first letters of a name, in a colour of its own. Pictures are not loaded: they would tell others who reads. */
export function Avatar({ app, userId, name, big }: { app: ChatApp; userId: string; name: string; big?: boolean }) {
  const status = app.presence.value.get(userId)?.status ?? 'offline';
  return (
    <span class={`avatar colour-${colourOf(userId)} ${big === true ? 'big' : ''}`} aria-hidden="true">
      {initials(name)}
      {status !== 'offline' && <span class={`dot ${status}`} />}
    </span>
  );
}

export function initials(name: string): string {
  const words = name.split(/\s+/).filter((word) => /\p{L}|\p{N}/u.test(word));
  const [first = '?', last = ''] = [words[0], words.length > 1 ? words.at(-1) : ''];
  return ([...first][0] ?? '?').toUpperCase() + ([...last][0] ?? '').toUpperCase();
}

export function colourOf(text: string): number {
  let hash = 0;
  for (const character of text) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return hash % COLOURS;
}
