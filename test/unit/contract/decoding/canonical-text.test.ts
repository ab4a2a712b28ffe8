/** Different forms of the same text, invisible texts, and values that would not be stored unchanged. */
import { expect } from 'chai';
import { canonicalEmoji } from '../../../../src/contract/messages/text.js';
import { bodyOf, decoded, incoming, violationPaths } from './incoming-command.js';

const dataOf = (type: Parameters<typeof bodyOf>[0], data: Record<string, unknown>) =>
  decoded(incoming(type, bodyOf(type, data)), 'command').command.data as Record<string, unknown>;
const violations = (type: Parameters<typeof bodyOf>[0], data: Record<string, unknown>) =>
  violationPaths(incoming(type, bodyOf(type, data)));

const EMOJI = /^\p{Emoji}$/u;
// TypeScript's target has no `v` flag yet.
const regExp = (pattern: string, flags: string) => new RegExp(pattern, flags);
const RGI = regExp('^\\p{RGI_Emoji}$', 'v');
const EMOJI_PLANES_END = 0x1ffff;

describe('An emoji with several encodings', () => {
  for (const [canonical, ...others] of [
    ['👍', '👍\ufe0f', '👍\ufe0e'],
    ['❤\ufe0f', '❤', '❤\ufe0e'],
    ['1\ufe0f\u20e3', '1\u20e3'],
    ['🏳\ufe0f\u200d🌈', '🏳\u200d🌈'],
    ['✌🏽', '✌\ufe0f🏽'],
    ['👁\ufe0f\u200d🗨\ufe0f', '👁\u200d🗨', '👁\ufe0f\u200d🗨', '👁\u200d🗨\ufe0f'],
    ['🕵🏽\u200d♂\ufe0f', '🕵🏽\u200d♂'],
    ['é', 'e\u0301'],
    ['1', '1\ufe0f'],
  ] as const)
    it(`has one canonical form: ${[canonical, ...others].join(' ')}`, () => {
      for (const emoji of [canonical, ...others])
        for (const type of ['message.react', 'message.unreact'] as const)
          expect(dataOf(type, { emoji })).to.have.property('emoji', canonical);
    });

  it("becomes Unicode's fully-qualified form, for all single emoji and skin tones", () => {
    let seen = 0;
    for (let code = 0; code <= EMOJI_PLANES_END; code += 1) {
      const bare = String.fromCodePoint(code);
      if (!EMOJI.test(bare) || /[0-9#*]/.test(bare)) continue;
      const qualified = [bare, `${bare}\ufe0f`].find((form) => RGI.test(form));
      if (qualified === undefined) continue;
      seen += 1;
      for (const form of [bare, `${bare}\ufe0f`, `${bare}\ufe0e`]) expect(canonicalEmoji(form)).to.equal(qualified);
      const toned = `${bare}🏽`;
      if (RGI.test(toned)) expect(canonicalEmoji(`${bare}\ufe0f🏽`)).to.equal(toned);
    }
    expect(seen).to.be.above(1000);
  });
});

describe('A name or title', () => {
  it('is stored in Normalization Form C', () => {
    expect(dataOf('user.upsert', { displayName: 'Rene\u0301' })).to.have.property('displayName', 'René');
    expect(dataOf('chat.update', { title: 'Cafe\u0301' })).to.have.property('title', 'Café');
    expect(dataOf('chat.create', { title: 'Cafe\u0301' })).to.have.property('title', 'Café');
  });

  it('must have a visible character', () => {
    for (const blank of [' ', '\u00a0', '\u200b', '\u3164', '\u2800', '\u00ad\u2060', '\ufeff', '\t\n', '\u202e'])
      for (const [type, field] of [
        ['user.upsert', 'displayName'],
        ['chat.update', 'title'],
        ['chat.create', 'title'],
      ] as const)
        expect(violations(type, { [field]: blank }), `${type} ${JSON.stringify(blank)}`).to.deep.equal([
          `data.${field}`,
        ]);
    expect(dataOf('user.upsert', { displayName: ' 名 ' })).to.have.property('displayName', ' 名 ');
  });
});

describe('A message text', () => {
  it('must have a visible character, unless the message has attachments', () => {
    for (const body of [' ', '\n\n', '\u200b\u200d', '\u3164', '\u2800'.repeat(100)])
      expect(violations('message.send', { body }), JSON.stringify(body)).to.deep.equal(['data.body']);
    const attachments = [{ url: 'https://files.example/a.png', mediaType: 'image/png', size: 1, name: 'a.png' }];
    expect(dataOf('message.send', { body: ' ', attachments })).to.have.property('body', ' ');
  });

  it('is stored as sent', () => {
    for (const body of ['e\u0301', '❤', ' a ', 'zero\u200bwidth'])
      expect(dataOf('message.send', { body })).to.have.property('body', body);
  });
});

describe('A media type', () => {
  const attachment = (mediaType: string) => ({
    attachments: [{ url: 'https://files.example/a', mediaType, size: 1, name: 'a' }],
  });

  it('is a type, a subtype and parameters', () => {
    for (const type of ['text/plain', 'image/svg+xml', 'text/plain; charset=utf-8', 'a/b;c="d e";f=g']) {
      dataOf('message.send', { contentType: type });
      dataOf('message.send', attachment(type));
    }
  });

  it('must not contain line breaks or other characters that headers do not allow', () => {
    for (const type of [
      'text/plain\r\nx-injected: 1',
      'text',
      'text/',
      '/plain',
      'text/plain;',
      'a/b; c',
      'é/b',
      'a/b\t\n',
    ]) {
      expect(violations('message.send', { contentType: type }), type).to.deep.equal(['data.contentType']);
      expect(violations('message.send', attachment(type)), type).to.deep.equal(['data.attachments.0.mediaType']);
    }
  });
});

describe('The URL of an attachment or avatar', () => {
  it('must not contain credentials', () => {
    for (const url of [
      'https://alice:secret@files.example/a',
      'https://alice@files.example/a',
      'https://:x@files.example/a',
    ]) {
      const attachments = [{ url, mediaType: 'image/png', size: 1, name: 'a' }];
      expect(violations('message.send', { attachments }), url).to.deep.equal(['data.attachments.0.url']);
      expect(violations('user.upsert', { avatarUrl: url }), url).to.deep.equal(['data.avatarUrl']);
    }
    dataOf('user.upsert', { avatarUrl: 'https://files.example/@alice:1' });
  });
});

describe('An integer in metadata', () => {
  // As text: a literal of TypeScript is rounded already.
  const send = (value: string) =>
    incoming(
      'message.send',
      JSON.stringify(bodyOf('message.send', { metadata: { deep: [{ id: 0 }] } })).replace('"id":0', `"id":${value}`),
    );

  it('beyond 2^53 − 1 is refused, because it would be rounded silently', () => {
    for (const value of ['9007199254740993', '-9007199254740993', '9007199254740992', '12345678901234567890', '1e300'])
      expect(violationPaths(send(value)), value).to.deep.equal(['data.metadata']);
  });

  it('up to 2^53 − 1 is stored exactly, and so are fractions', () => {
    for (const value of ['9007199254740991', '-9007199254740991', '0.1', '1e-300', '-0'])
      expect(decoded(send(value), 'command').command.data).to.have.nested.property(
        'metadata.deep[0].id',
        Number(value),
      );
  });
});
