import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { decodeCommand } from '../../../../src/contract/messages/decode-command.js';
import { bodyOf, CHAT, incoming } from './incoming-command.js';

/** The hash a command is compared by, as hex. */
function hash(type: string, body: unknown, properties = {}): string {
  const result = decodeCommand(incoming(type, body, properties));
  if (result.outcome === 'malformed') throw new Error(result.detail);
  return result.contentHash;
}

const send = bodyOf('message.send', { metadata: { b: [1, 2], a: { y: null, x: 1.5 } } });
const original = hash('message.send', send);

describe('The same content', () => {
  it('has as its hash the first half of SHA-256 over type and canonical form', () => {
    const canonical = `{"actorId":"alice","chatId":"${CHAT}","data":{"body":"hello"},"tenantId":"default"}`;
    const expected = createHash('sha256').update(`message.send\n${canonical}`).digest('hex').slice(0, 32);
    expect(hash('message.send', bodyOf('message.send'))).to.equal(expected);
  });

  it('has the same hash for any order of keys', () => {
    const reordered = {
      data: { metadata: { a: { x: 1.5, y: null }, b: [1, 2] }, body: 'hello' },
      chatId: CHAT,
      actorId: 'alice',
      tenantId: 'default',
    };
    expect(hash('message.send', reordered)).to.equal(original);
  });

  it('has the same hash for any white space, escapes and number formats', () => {
    expect(hash('message.send', JSON.stringify(send, null, '\t'))).to.equal(original);
    const otherwise = JSON.stringify(send)
      .replace('hello', '\\u0068ell\\u006F')
      .replace('1.5', '15e-1')
      .replace('[1,', '[1.0,');
    expect(hash('message.send', otherwise)).to.equal(original);
  });

  it('has the same hash with and without the tenant `default`', () => {
    const { tenantId: _, ...unnamed } = send;
    expect(hash('message.send', unnamed)).to.equal(original);
  });

  it('has the same hash for any command id and other properties', () => {
    expect(hash('message.send', send, { messageId: 'other', appId: 'x', correlationId: 'y' })).to.equal(original);
  });

  it('has the same hash in a refused command', () => {
    const invalid = { actorId: 'alice', chatId: CHAT, data: { body: '', colour: 'red' } };
    const again = `{ "data": { "colour": "red", "body": "" }, "tenantId": "default", "chatId": "${CHAT}", "actorId": "alice" }`;
    expect(hash('message.send', again)).to.equal(hash('message.send', invalid));
    expect(hash('message.shout', again)).to.equal(hash('message.shout', invalid));
  });

  it('has the same hash if only the properties were wrong before', () => {
    expect(hash('message.send', send, { contentType: 'text/plain' })).to.equal(original);
    expect(hash('user.upsert', bodyOf('user.upsert'), { priority: 4 })).to.equal(
      hash('user.upsert', bodyOf('user.upsert')),
    );
  });

  it('has the same hash without a canonical form, by its bytes', () => {
    const deep = `{"actorId":"alice","data":${'['.repeat(50)}${']'.repeat(50)}}`;
    const large = JSON.stringify(send).padEnd(300_000);
    const infinite = JSON.stringify(send).replace('1.5', '1e999');
    for (const body of [deep, large, infinite]) {
      expect(hash('message.send', body)).to.equal(hash('message.send', body));
      expect(hash('message.send', `${body} `)).not.to.equal(hash('message.send', body));
    }
  });
});

describe('Other content', () => {
  const others: [string, string, unknown][] = [
    ['another type', 'member.remove', send],
    ['another actor', 'message.send', { ...send, actorId: 'bob' }],
    ['another tenant', 'message.send', { ...send, tenantId: 'acme' }],
    ['another text', 'message.send', bodyOf('message.send', { ...(send.data as object), body: 'hello ' })],
    [
      'another metadata value',
      'message.send',
      bodyOf('message.send', { metadata: { b: [2, 1], a: { y: null, x: 1.5 } } }),
    ],
    ['no metadata', 'message.send', bodyOf('message.send')],
    ['an unknown field', 'message.send', { ...send, extra: 1 }],
  ];
  for (const [what, type, body] of others)
    it(`has another hash: ${what}`, () => {
      expect(hash(type, body)).not.to.equal(original);
    });

  it('has another hash: another chat', () => {
    const chatId = CHAT.replace('0', '1');
    expect(hash('message.send', { ...send, chatId }, { routingKey: chatId })).not.to.equal(original);
  });

  it('has another hash for each unknown type, by its whole name', () => {
    const name = 't'.repeat(200);
    expect(hash(`${name}a`, send)).not.to.equal(hash(`${name}b`, send));
  });
});
