import { expect } from 'chai';
import { BODY_MAX_BYTES, BODY_MAX_DEPTH, type CommandType } from '../../../../src/contract/messages/commands.js';
import { READABLE_MAX_BYTES } from '../../../../src/contract/messages/decode-command.js';
import { METADATA_MAX_BYTES } from '../../../../src/contract/messages/text.js';
import { bodyOf, decoded, incoming, refusalOf, violationPaths } from './incoming-command.js';

const attachment = { url: 'https://files.example/a', mediaType: 'image/png', size: 1, name: 'a' };
const file = (field: string) => (value: unknown) => ({ attachments: [{ ...attachment, [field]: value }] });

/** Text of that many code points, each of them two UTF-16 units and four bytes. */
const text = (length: number) => '😀'.repeat(length);
const link = (length: number) => 'https://a.example/'.padEnd(length, 'x');
const ids = (length: number) => Array.from({ length }, (_, index) => `user${index}`);
const id = (length: number) => 'u'.repeat(length);
/** A JSON object of exactly that many bytes, some of them in characters of two and four bytes. */
const ofBytes = (bytes: number) => ({ é: `😀${'m'.repeat(bytes - '{"":""}'.length - 6)}` });

/** One grapheme cluster of that many UTF-16 units: a letter with accents. */
const cluster = (length: number) => 'e'.padEnd(length, '\u0301').slice(0, length);
const emojiName = (length: number) => `:${'a'.repeat(length - 2)}:`;

interface Limit {
  type: CommandType;
  path: string;
  data: (value: unknown) => Record<string, unknown>;
  value: (length: number) => unknown;
  max: number;
  min?: number;
}

const mediaType = (length: number) => 'a/'.padEnd(length, 'x');

const field = (path: string) => (value: unknown) => ({ [path]: value });
const limits: Limit[] = [
  { type: 'user.upsert', path: 'data.displayName', data: field('displayName'), value: text, min: 1, max: 128 },
  { type: 'user.upsert', path: 'data.avatarUrl', data: field('avatarUrl'), value: link, max: 2048 },
  { type: 'user.upsert', path: 'data.metadata', data: field('metadata'), value: ofBytes, max: METADATA_MAX_BYTES },
  { type: 'chat.create', path: 'data.title', data: field('title'), value: text, min: 1, max: 256 },
  { type: 'chat.create', path: 'data.memberIds', data: field('memberIds'), value: ids, max: 100 },
  { type: 'chat.create', path: 'data.metadata', data: field('metadata'), value: ofBytes, max: METADATA_MAX_BYTES },
  { type: 'member.add', path: 'data.userIds', data: field('userIds'), value: ids, min: 1, max: 100 },
  { type: 'member.remove', path: 'data.userId', data: field('userId'), value: id, min: 1, max: 128 },
  { type: 'message.send', path: 'data.body', data: field('body'), value: text, min: 1, max: 16_384 },
  { type: 'message.send', path: 'data.contentType', data: field('contentType'), value: mediaType, min: 3, max: 255 },
  { type: 'message.send', path: 'data.mentions', data: field('mentions'), value: ids, max: 50 },
  { type: 'message.send', path: 'data.metadata', data: field('metadata'), value: ofBytes, max: METADATA_MAX_BYTES },
  {
    type: 'message.send',
    path: 'data.attachments',
    data: field('attachments'),
    value: (length) => Array.from({ length }, () => attachment),
    max: 10,
  },
  { type: 'message.send', path: 'data.attachments.0.url', data: file('url'), value: link, max: 2048 },
  {
    type: 'message.send',
    path: 'data.attachments.0.mediaType',
    data: file('mediaType'),
    value: mediaType,
    min: 3,
    max: 255,
  },
  { type: 'message.send', path: 'data.attachments.0.name', data: file('name'), value: text, min: 1, max: 255 },
  { type: 'chat.update', path: 'data.title', data: field('title'), value: text, min: 1, max: 256 },
  { type: 'chat.update', path: 'data.metadata', data: field('metadata'), value: ofBytes, max: METADATA_MAX_BYTES },
  { type: 'member.update', path: 'data.userId', data: field('userId'), value: id, min: 1, max: 128 },
  { type: 'message.edit', path: 'data.body', data: field('body'), value: text, min: 1, max: 16_384 },
  { type: 'message.edit', path: 'data.mentions', data: field('mentions'), value: ids, max: 50 },
  { type: 'message.edit', path: 'data.metadata', data: field('metadata'), value: ofBytes, max: METADATA_MAX_BYTES },
  ...(['message.react', 'message.unreact'] as const).map(
    // Of two UTF-16 units and more: a letter and what hangs on it.
    (type): Limit => ({ type, path: 'data.emoji', data: field('emoji'), value: cluster, min: 1, max: 64 }),
  ),
  ...(['message.react', 'message.unreact'] as const).map(
    (type): Limit => ({ type, path: 'data.emoji', data: field('emoji'), value: emojiName, min: 3, max: 64 }),
  ),
];

describe('A limit of the contract', () => {
  it('on metadata is counted in bytes of UTF-8', () => {
    expect(Buffer.byteLength(JSON.stringify(ofBytes(METADATA_MAX_BYTES)))).to.equal(METADATA_MAX_BYTES);
  });

  for (const { type, path, data, value, min, max } of limits) {
    const delivery = (length: number) => incoming(type, bodyOf(type, data(value(length))));
    it(`accepts ${max} and refuses ${max + 1}: ${path} of ${type}`, () => {
      decoded(delivery(max), 'command');
      expect(violationPaths(delivery(max + 1))).to.deep.equal([path]);
    });
    if (min !== undefined)
      it(`accepts ${min} and refuses ${min - 1}: ${path} of ${type}`, () => {
        decoded(delivery(min), 'command');
        expect(violationPaths(delivery(min - 1))).to.deep.equal([path]);
      });
  }

  it('accepts a group with only its creator', () => {
    decoded(incoming('chat.create', bodyOf('chat.create', { memberIds: [] })), 'command');
  });

  it('accepts empty mentions, attachments and metadata', () => {
    const data = { mentions: [], attachments: [], metadata: {} };
    decoded(incoming('message.send', bodyOf('message.send', data)), 'command');
  });

  it('accepts attachment sizes from 0 to 2^53 - 1', () => {
    const sized = (size: unknown) => incoming('message.send', bodyOf('message.send', file('size')(size)));
    for (const size of [0, 1, Number.MAX_SAFE_INTEGER]) decoded(sized(size), 'command');
    for (const size of [-1, 0.5, 2 ** 53, '1', null])
      expect(violationPaths(sized(size)), String(size)).to.deep.equal(['data.attachments.0.size']);
  });

  it('accepts identifiers of maximum length', () => {
    const body = { ...bodyOf('message.send'), actorId: id(128), tenantId: 't'.repeat(64) };
    decoded(incoming('message.send', body, { messageId: '~'.repeat(128) }), 'command');
  });

  it('accepts every allowed character in identifiers', () => {
    const body = { ...bodyOf('message.send'), actorId: '0_@:.+-Zz', tenantId: '0_-z' };
    decoded(incoming('message.send', body, { messageId: '._~:-Aa0' }), 'command');
  });
});

describe("A body's size", () => {
  const sized = (bytes: number) =>
    incoming(
      'message.send',
      JSON.stringify(bodyOf('message.send', { body: `${'\u0001'.repeat(16_383)}a` })).padEnd(bytes),
    );

  it('may be 256 KiB', () => {
    expect(BODY_MAX_BYTES).to.equal(262_144);
    expect(sized(BODY_MAX_BYTES).body).to.have.length(BODY_MAX_BYTES);
    decoded(sized(BODY_MAX_BYTES), 'command');
  });

  it('is too large with one byte more, and the refusal has actor and chat', () => {
    const { reason, identity } = decoded(sized(BODY_MAX_BYTES + 1), 'refused');
    expect(reason.code).to.equal('too_large');
    expect(reason.detail).to.equal('the body has 262145 bytes; at most 262144 are allowed');
    expect(identity).to.include({ type: 'message.send', actorId: 'alice', chatId: bodyOf('message.send').chatId });
  });

  it('counts bytes, not characters', () => {
    const body = JSON.stringify(bodyOf('message.send', { body: '😀'.repeat(70_000) }));
    expect(body.length).to.be.below(BODY_MAX_BYTES);
    expect(refusalOf(incoming('message.send', body)).code).to.equal('too_large');
  });

  it('is answered up to 1 MiB, for any type', () => {
    expect(refusalOf(sized(READABLE_MAX_BYTES)).code).to.equal('too_large');
    expect(refusalOf({ ...sized(READABLE_MAX_BYTES), type: 'message.shout' }).code).to.equal('too_large');
  });
});

describe("A body's depth", () => {
  const within = (levels: number, wrap: (inner: unknown) => unknown, innermost: unknown): unknown =>
    levels === 0 ? innermost : wrap(within(levels - 1, wrap, innermost));
  // The body, its data and the metadata are three levels.
  const ofArrays = (depth: number) => ({ a: within(depth - 4, (inner) => [inner], []) });
  const ofObjects = (depth: number) => within(depth - 3, (inner) => ({ a: inner }), {});

  for (const [what, metadata] of Object.entries({ arrays: ofArrays, objects: ofObjects }))
    it(`may be 32 levels and no more (${what})`, () => {
      expect(BODY_MAX_DEPTH).to.equal(32);
      decoded(incoming('message.send', bodyOf('message.send', { metadata: metadata(32) })), 'command');
      expect(
        violationPaths(incoming('message.send', bodyOf('message.send', { metadata: metadata(33) }))),
      ).to.deep.equal(['']);
    });

  it('does not count brackets within strings', () => {
    decoded(incoming('message.send', bodyOf('message.send', { body: `\\"${'[{'.repeat(100)}` })), 'command');
  });

  it('does not add up siblings', () => {
    const metadata = { a: Array.from({ length: 100 }, () => [{}]) };
    decoded(incoming('message.send', bodyOf('message.send', { metadata })), 'command');
  });
});
