/**
 * What reading a command costs grows with its length, whatever its texts are made of: it is done between a batch's
 * arrival and its transaction.
 */
import { expect } from 'chai';
import type { CommandType } from '../../../../src/contract/messages/commands.js';
import { decodeCommand, VIOLATIONS_MAX } from '../../../../src/contract/messages/decode-command.js';
import { DECOMPOSED_MAX_UNITS } from '../../../../src/contract/messages/text.js';
import { parseQuery } from '../../../../src/contract/rest/operations.js';
import { leastCpuMs } from './cpu-time.js';
import { bodyOf, incoming, MESSAGE, refusalOf, violationPaths } from './incoming-command.js';

const SHORT = 1024;
const LONG = 16 * SHORT;
/** Sixteen times as long, and some room for the clock. */
const RATIO_MAX = 20;
/** The cost of new memory. Repeated scanning took 20 to 400 ms. */
const MEMORY_MS = 2;
const TRIES = 8;

const attachment = { url: 'https://files.example/a', mediaType: 'image/png', size: 1, name: 'a' };

/** Each place in a command that can have a text of any length, valid or not. */
const PLACES: [name: string, type: CommandType, data: (text: string) => Record<string, unknown>][] = [
  ['displayName', 'user.upsert', (text) => ({ displayName: text })],
  ['userId', 'user.upsert', (text) => ({ userId: text })],
  ['the host of avatarUrl', 'user.upsert', (text) => ({ avatarUrl: `https://${text}` })],
  ['the host of avatarUrl, after further slashes', 'user.upsert', (text) => ({ avatarUrl: `https:////\\${text}` })],
  ['the path of avatarUrl', 'user.upsert', (text) => ({ avatarUrl: `https://a.example/${text}` })],
  ['a claim', 'user.upsert', (text) => ({ claims: { a: text, b: [text] } })],
  ['the name of a claim', 'user.upsert', (text) => ({ claims: { [text]: 1 } })],
  ['title', 'chat.update', (text) => ({ title: text })],
  ['memberIds', 'chat.create', (text) => ({ memberIds: [text] })],
  ['mutedUntil', 'member.update', (text) => ({ mutedUntil: text })],
  ['the fraction in mutedUntil', 'member.update', (text) => ({ mutedUntil: `2026-11-20T20:15:00.${text}Z` })],
  ['body', 'message.send', (text) => ({ body: text })],
  ['contentType', 'message.send', (text) => ({ contentType: `a/a${text}` })],
  ['mentions', 'message.send', (text) => ({ mentions: [text] })],
  ['metadata', 'message.send', (text) => ({ metadata: { a: text } })],
  ['the name of a metadata field', 'message.send', (text) => ({ metadata: { [text]: 1 } })],
  ['the url of an attachment', 'message.send', (url) => ({ attachments: [{ ...attachment, url: `https://${url}` }] })],
  ['the name of an attachment', 'message.send', (text) => ({ attachments: [{ ...attachment, name: text }] })],
  ['the mediaType of an attachment', 'message.send', (text) => ({ attachments: [{ ...attachment, mediaType: text }] })],
  ['inReplyTo', 'message.send', (text) => ({ inReplyTo: text })],
  ['emoji', 'message.react', (text) => ({ messageId: MESSAGE, emoji: text })],
  ['an unknown field', 'message.send', (text) => ({ [text]: text })],
];

const repeated = (unit: string) => (length: number) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
const TEXTS: [name: string, text: (length: number) => string][] = [
  ...['a', '1', ' ', '"', ';a=b', ';a="b', '../', 'a.', '%41', 'xn--a-', 'ä', '日本', '\u{1f600}'].map(
    (unit): [string, (length: number) => string] => [unit, repeated(unit)],
  ),
  ...[
    '\u0301',
    '\u0301\u0323',
    '\u0323\u0301\u0345\u0327',
    '\u1100\u1161',
    '\u{1f468}\u200d',
    '\u200d\ufe0f',
    '\ud800',
  ].map((unit): [string, (length: number) => string] => [JSON.stringify(unit), repeated(unit)]),
  ['accents above, then below', (length) => '\u0301'.repeat(length / 2) + '\u0323'.repeat(length / 2)],
  [
    'different ideographs',
    (length) => String.fromCodePoint(...Array.from({ length }, (_, n) => 0x4e00 + ((n * 7) % 20_000))),
  ],
];

/** Milliseconds for one command with this text. */
function costOf(type: CommandType, data: Record<string, unknown>, calls: number, enough = 0): number {
  const command = incoming(type, bodyOf(type, data));
  const decode = () => {
    for (let call = 0; call < calls; call += 1) decodeCommand(command);
  };
  return leastCpuMs(TRIES, decode, enough * calls) / calls;
}

describe('The cost of decoding a command', function () {
  this.timeout(60_000);
  for (const [place, type, data] of PLACES)
    it(`is linear in its length for hostile text in ${place}`, () => {
      for (const [name, text] of TEXTS) {
        const short = costOf(type, data(text(SHORT)), LONG / SHORT);
        const most = RATIO_MAX * short + MEMORY_MS;
        expect(costOf(type, data(text(LONG)), 1, most), `milliseconds for ${LONG} of ${name}`).to.be.at.most(most);
      }
    });
});

describe('A name', () => {
  it('is normalized up to its limit, also if its decomposition is long', () => {
    // The longest decomposition there is, of a character of two units: three of two units each.
    const longest = '\u{16126}';
    expect(longest.normalize('NFD')).to.have.length(6);
    const title = longest.repeat(256);
    const result = decodeCommand(incoming('chat.update', bodyOf('chat.update', { title: title.normalize('NFD') })));
    expect(result).to.have.nested.property('command.data.title', title);
    expect(
      violationPaths(incoming('chat.update', bodyOf('chat.update', { title: `${title}${longest}` }))),
    ).to.deep.equal(['data.title']);
  });

  it('has no character with a decomposition above the assumed maximum', () => {
    for (let point = 0; point <= 0x10ffff; point += 1) {
      if (point >= 0xd800 && point < 0xe000) continue;
      const character = String.fromCodePoint(point);
      const most = DECOMPOSED_MAX_UNITS * [...character.normalize('NFC')].length;
      if (character.normalize('NFD').length > most) expect.fail(point.toString(16));
    }
  });
});

describe('A web address', () => {
  const url = (text: string) => incoming('user.upsert', bodyOf('user.upsert', { avatarUrl: text }));
  /** A host name of 253 characters, the most that there can be. */
  const host = `${'a'.repeat(62)}.`.repeat(3) + 'a'.repeat(64);

  it('may have the longest valid host with a port', () => {
    expect(host).to.have.length(253);
    expect(decodeCommand(url(`https://${host}:65535/a?b#c`))).to.have.property('outcome', 'command');
    expect(decodeCommand(url(`https://${host}?b`))).to.have.property('outcome', 'command');
  });

  it('is refused with a longer host, for any begin of the path', () => {
    for (const end of ['', '/a', '?a', '#a', '\\a'])
      for (const slashes of ['//', '///', '/\\\\/'])
        expect(violationPaths(url(`https:${slashes}${'a.'.repeat(130)}${end}`)), end).to.deep.equal(['data.avatarUrl']);
  });
});

describe('A refusal', () => {
  it('shortens the name of an unknown field to 64 characters', () => {
    const long = `!${'k'.repeat(100_000)}\u0000`;
    const { violations = [] } = refusalOf(incoming('user.upsert', bodyOf('user.upsert', { claims: { [long]: 1 } })));
    expect(violations.map(({ path }) => path)).to.deep.equal([`data.claims.!${'k'.repeat(63)}`]);
  });

  it('of a query lists at most as many violations as that of a command', () => {
    const query = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`p${n}`, '']));
    const parsed = parseQuery('getUnread', query);
    expect(parsed.ok ? 0 : parsed.violations.length).to.equal(VIOLATIONS_MAX);
  });
});
