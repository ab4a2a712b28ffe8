import { expect } from 'chai';
import { READABLE_MAX_BYTES } from '../../../../src/contract/messages/decode-command.js';
import { bodyOf, decoded, incoming } from './incoming-command.js';

const send = bodyOf('message.send');
const json = JSON.stringify(send);
const malformed = (body: unknown, properties = {}) =>
  decoded(incoming('message.send', body, properties), 'malformed').detail;

describe('A command is malformed', () => {
  it('without a message id', () => {
    expect(malformed(send, { messageId: undefined })).to.match(/message_id/);
  });

  for (const messageId of ['', ' ', 'a b', 'a/b', 'é', 'a\n', 'x'.repeat(129), '\u0000'])
    it(`with an invalid message id (${JSON.stringify(messageId.slice(0, 8))})`, () => {
      expect(malformed(send, { messageId })).to.match(/message_id/);
    });

  const notJson: [string, string | Uint8Array][] = [
    ['an empty body', ''],
    ['a truncated body', json.slice(0, -1)],
    ['text after the object', `${json} x`],
    ['a trailing comma', `${json.slice(0, -1)},}`],
    ['single quotes', json.replaceAll('"', "'")],
    ['NaN', json.replace('"hello"', 'NaN')],
    ['a comment', `/* hello */${json}`],
    ['a raw line break in a string', json.replace('hello', 'hel\nlo')],
    ['a byte order mark', `\ufeff${json}`],
    ['UTF-16', Buffer.from(json, 'utf16le')],
  ];
  for (const [what, body] of notJson)
    it(`with ${what}`, () => {
      expect(malformed(body)).to.equal('body is not JSON');
    });

  const notUtf8: [string, number[]][] = [
    ['a stray continuation byte', [0x80]],
    ['Latin-1', [0xe9]],
    ['an overlong encoding', [0xc0, 0xaf]],
    ['an encoded surrogate', [0xed, 0xa0, 0x80]],
    ['a code point past U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ];
  for (const [what, bytes] of notUtf8)
    it(`with bytes that are not UTF-8: ${what}`, () => {
      const [before = '', after = ''] = json.split('hello');
      expect(malformed(Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]))).to.equal(
        'body is not UTF-8',
      );
    });

  for (const body of ['null', 'true', '7', '"text"', '[]', `[${json}]`])
    it(`with JSON that is not an object: ${body.slice(0, 8)}`, () => {
      expect(malformed(body)).to.equal('body is not a JSON object');
    });

  for (const actorId of [undefined, null, 7, {}, [], '', ' alice', '|alice', 'al ice', 'älice', 'a'.repeat(129), 'a\n'])
    it(`with an invalid actor id: ${JSON.stringify(actorId)?.slice(0, 12)}`, () => {
      expect(malformed({ ...send, actorId })).to.match(/^actorId /);
    });

  for (const tenantId of [null, 7, {}, '', 'Acme', '-acme', 'ac.me', 'a'.repeat(65), 'acme\n'])
    it(`with an invalid tenant id: ${JSON.stringify(tenantId).slice(0, 12)}`, () => {
      expect(malformed({ ...send, tenantId })).to.match(/^tenantId /);
    });

  it(`with a body of more than ${READABLE_MAX_BYTES} bytes`, () => {
    expect(malformed(json.padEnd(READABLE_MAX_BYTES + 1))).to.equal(`body of ${READABLE_MAX_BYTES + 1} bytes`);
  });

  it('for any type, and the detail contains nothing of its text', () => {
    const details = [malformed(`${json}oops`), malformed({ ...send, actorId: 'not an id' }), malformed('"hello"')];
    for (const detail of details) expect(detail).not.to.match(/hello|not an id|oops/);
  });
});
