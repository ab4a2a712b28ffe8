/**
 * Parses IRC logs in the format of the disentanglement corpus (Kummerfeld et al., ACL 2019): the kind of each line, and
 * the replies between lines. It knows nothing of chats or commands.
 */
import { isUtf8 } from 'node:buffer';

/** `line` counts from 0 over all lines of the file. */
export type IrcLine = { line: number } & (
  | { kind: 'text'; time: string; nick: string; text: string }
  /** `/me`. Older logs write it as a notice, without a time. */
  | { kind: 'action'; time: string | null; nick: string; text: string }
  | { kind: 'join'; nick: string }
  | { kind: 'leave'; nick: string }
  | { kind: 'rename'; from: string; to: string }
  /** A message without a text. */
  | { kind: 'empty'; nick: string }
  /** Channel modes and other notes of the log's writer. */
  | { kind: 'notice' }
  | { kind: 'unreadable' }
);

export type IrcLineKind = IrcLine['kind'];

const TEXT = /^\[(\d\d:\d\d)\] <([^>]+)>(?: (.*))?$/s;
const TIMED_ACTION = /^\[(\d\d:\d\d)\] +\* (\S+)(?: (.*))?$/s;
const JOIN = /^=== (.+?) +\[[^@]*@.*\] +has joined #\S+ *$/s;
const LEAVE = /^=== (.+?) +\[[^@]*@.*\] +has left #\S+(?: .*)?$/s;
const RENAME = /^=== (.+?) +is now known as (.+?) *$/s;
const NOTICE = /^=== (.*)$/s;

/**
 * The lines of a log as text. IRC has no encoding: a valid UTF-8 line is decoded as UTF-8, any other line as Latin-1.
 * So the same bytes always give the same text.
 */
export function decodeLines(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines: string[] = [];
  for (let start = 0; start < buffer.length; ) {
    const newline = buffer.indexOf(0x0a, start);
    const end = newline === -1 ? buffer.length : newline;
    const line = buffer.subarray(start, end);
    lines.push((isUtf8(line) ? line.toString('utf8') : line.toString('latin1')).replace(/\r$/, ''));
    start = end + 1;
  }
  if (lines[0] !== undefined) lines[0] = lines[0].replace(/^\ufeff/, '');
  return lines;
}

/** The kind of each line, in the order of the file. */
export function parseLog(lines: readonly string[]): IrcLine[] {
  const parsed = lines.map(parseLine);
  const nicks = nicksOf(parsed);
  return parsed.map((entry, line) => {
    if (entry.kind !== 'notice') return { line, ...entry };
    return { line, ...(actionOf(lines[line] ?? '', nicks) ?? entry) };
  });
}

type Unnumbered<L> = L extends { line: number } ? Omit<L, 'line'> : never;

function parseLine(text: string): Unnumbered<IrcLine> {
  const said = TEXT.exec(text) ?? TIMED_ACTION.exec(text);
  if (said !== null) {
    const [, time = '', rawNick = '', words = ''] = said;
    const nick = rawNick.trim();
    if (nick === '') return { kind: 'unreadable' };
    if (words === '') return { kind: 'empty', nick };
    return { kind: TEXT.test(text) ? 'text' : 'action', time, nick, text: words };
  }
  const join = JOIN.exec(text)?.[1];
  if (join !== undefined) return { kind: 'join', nick: join };
  const leave = LEAVE.exec(text)?.[1];
  if (leave !== undefined) return { kind: 'leave', nick: leave };
  const [, from, to] = RENAME.exec(text) ?? [];
  if (from !== undefined && to !== undefined) return { kind: 'rename', from, to };
  return NOTICE.test(text) ? { kind: 'notice' } : { kind: 'unreadable' };
}

/** All nicks that appear in unambiguous lines. */
function nicksOf(lines: readonly Unnumbered<IrcLine>[]): Set<string> {
  const nicks = new Set<string>();
  for (const line of lines) {
    if ('nick' in line) nicks.add(line.nick);
    if (line.kind === 'rename') nicks.add(line.from).add(line.to);
  }
  return nicks;
}

/**
 * Older logs write `/me` as `=== nick text`, like a notice. The line is an action if it begins with a nick of the same
 * file. The longest such nick counts, because nicks in these logs can contain a blank.
 */
function actionOf(text: string, nicks: ReadonlySet<string>): Unnumbered<IrcLine> | null {
  const said = NOTICE.exec(text)?.[1] ?? '';
  for (let blank = said.lastIndexOf(' '); blank > 0; blank = said.lastIndexOf(' ', blank - 1)) {
    const nick = said.slice(0, blank);
    const words = said.slice(blank + 1);
    if (nicks.has(nick) && words.trim() !== '') return { kind: 'action', time: null, nick, text: words.trimStart() };
  }
  return null;
}

/**
 * The messages that each message answers, by line number. `A B -` means that B answers A; `A A -` means that A begins a
 * conversation. Throws on any other line.
 */
export function parseReplies(lines: readonly string[]): Map<number, number[]> {
  const answered = new Map<number, number[]>();
  for (const [index, text] of lines.entries()) {
    const match = /^(\d+) (\d+) -\s*$/.exec(text);
    if (match === null) throw new Error(`line ${index + 1} is not of the form "A B -"`);
    const [one, other] = [Number(match[1]), Number(match[2])];
    if (one !== other) answered.set(other, [...(answered.get(other) ?? []), one]);
  }
  return answered;
}
