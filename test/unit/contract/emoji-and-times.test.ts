import { expect } from 'chai';
import { time } from '../../../src/contract/messages/text.js';
import { bodyOf, decoded, incoming, violationPaths } from './decoding/incoming-command.js';

const reaction = (emoji: unknown) => incoming('message.react', bodyOf('message.react', { emoji }));
const mute = (mutedUntil: unknown) => incoming('member.update', bodyOf('member.update', { mutedUntil }));
const readUpTo = (upTo: unknown) => incoming('chat.read', bodyOf('chat.read', { upTo }));
const shown = (value: unknown) => JSON.stringify(value) ?? String(value);

describe('An emoji', () => {
  for (const [what, emoji] of [
    ['one code point', '👍'],
    ['one with a colour of skin', '👍🏽'],
    ['one with its variation selector', '❤️'],
    ['a family joined by zero-width joiners', '👩🏽‍👩🏿‍👧‍👦'],
    ['the longest kiss', '👩🏽‍❤️‍💋‍👨🏿'],
    ['a flag of two letters', '🇪🇺'],
    ['a flag of tags', '🏴󠁧󠁢󠁥󠁮󠁧󠁿'],
    ['a keycap', '1️⃣'],
    ['a letter', 'a'],
    ['a letter with an accent', 'é'],
    ['a syllable', '한'],
    ['a name', ':party_parrot:'],
    ['a name with every sign it may have', ':Az09_+-:'],
  ] as const)
    it(`may be ${what}: ${emoji}`, () => {
      const { command } = decoded(reaction(emoji), 'command');
      expect(command.data).to.have.property('emoji', emoji);
      decoded(incoming('message.unreact', bodyOf('message.unreact', { emoji })), 'command');
    });

  for (const [what, emoji] of [
    ['nothing', ''],
    ['two', '👍👍'],
    ['two flags', '🇪🇺🇩🇪'],
    ['two letters', 'ok'],
    ['an emoji and a blank', '👍 '],
    ['a blank', ' '],
    ['a blank of another width', '\u2003'],
    ['a blank that breaks no line', '\u00a0'],
    ['a line break', '\n'],
    ['a carriage return and a line feed, which are one cluster', '\r\n'],
    ['a tab', '\t'],
    ['a control character', '\u0007'],
    ['a later control character', '\u0085'],
    ['a byte order mark', '\ufeff'],
    ['a space of no width', '\u200b'],
    ['a joiner alone', '\u200d'],
    ['a variation selector alone', '\ufe0f'],
    ['a mark of direction', '\u202e'],
    ['a filler', '\u3164'],
    ['a blank behind a sign that takes what follows into its cluster', '\u0600 '],
    ['U+0000', '\u0000'],
    ['half a surrogate pair', '\ud83d'],
    ['a name without an end', ':tea'],
    ['no name between the colons', '::'],
    ['a name with a blank', ':green tea:'],
    ['a name with a letter beyond ASCII', ':thé:'],
    ['two names', ':a::b:'],
    ['a name and a line break', ':tea:\n'],
    ['a number', 1],
    ['null', null],
    ['a list', ['👍']],
  ] as const)
    it(`cannot be ${what}: ${shown(emoji)}`, () => {
      for (const type of ['message.react', 'message.unreact'] as const)
        expect(violationPaths(incoming(type, bodyOf(type, { emoji })))).to.deep.equal(['data.emoji']);
    });

  it('of 65 UTF-16 units is refused, even as one cluster', () => {
    decoded(reaction(`e${'\u0301'.repeat(63)}`), 'command');
    expect(violationPaths(reaction(`e${'\u0301'.repeat(64)}`))).to.deep.equal(['data.emoji']);
    // A family without an end would be one cluster, too.
    expect(violationPaths(reaction(Array(1000).fill('👩').join('\u200d')))).to.deep.equal(['data.emoji']);
  });
});

describe('The end of a mute', () => {
  for (const time of [
    '2026-11-20T20:15:00Z',
    '2026-11-20T20:15:00.123456789Z',
    '2026-11-20T20:15:00+05:30',
    '2024-02-29T00:00:00-11:00',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999Z',
    '9999-12-31T23:59:59+01:00',
    null,
  ])
    it(`may be ${time}`, () => {
      const { command } = decoded(mute(time), 'command');
      expect(command.data).to.have.property('mutedUntil', time);
    });

  for (const time of [
    '2026-11-20',
    '2026-11-20T20:15:00',
    '2026-11-20 20:15:00Z',
    '2026-02-30T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-20T24:00:00Z',
    '2026-11-20T20:60:00Z',
    '+010000-01-01T00:00:00Z',
    // There is no year 0 in PostgreSQL, nor five digits in RFC 3339; an offset must not lead there either.
    '0000-12-31T23:59:59Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    'tomorrow',
    '',
    1_795_205_700,
    {},
  ])
    it(`cannot be ${shown(time)}`, () => {
      expect(violationPaths(mute(time))).to.deep.equal(['data.mutedUntil']);
    });
});

describe('A read mark', () => {
  for (const upTo of [0, 1, Number.MAX_SAFE_INTEGER])
    it(`may be ${upTo}`, () => {
      decoded(readUpTo(upTo), 'command');
    });

  for (const upTo of [-1, 0.5, 2 ** 53, 1e300, '1', null, true])
    it(`cannot be ${shown(upTo)}`, () => {
      expect(violationPaths(readUpTo(upTo))).to.deep.equal(['data.upTo']);
    });
});

describe('A time in a command', () => {
  const isAdmitted = (value: string) => time.safeParse(value).success;

  it('may have an offset, within the years 1 to 9999 of UTC', () => {
    for (const value of [
      '0001-01-01T00:00:00Z',
      '9999-12-31T23:59:59.999Z',
      '9999-12-31T23:59:59+01:00',
      '2026-11-20T20:15:00+05:30',
    ])
      expect(isAdmitted(value), value).to.equal(true);
  });

  it('is invalid if its offset moves it outside these years', () => {
    for (const value of [
      '9999-12-31T23:59:59-01:00',
      '0001-01-01T00:00:00+01:00',
      '0000-12-31T23:59:59Z',
      '2026-02-30T00:00:00Z',
    ])
      expect(isAdmitted(value), value).to.equal(false);
  });
});
