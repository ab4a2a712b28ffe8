import { expect } from 'chai';
import { type Decoded, decodeCommand } from '../../../../src/contract/messages/decode-command.js';
import type { IncomingCommand } from '../../../../src/contract/messages/delivery.js';
import { leastCpuMs } from './cpu-time.js';
import { bodyOf, CHAT, decoded, incoming, refusalOf, violationPaths } from './incoming-command.js';

const AT_ONCE_MS = 200;
const TRIES = 3;

/** What came of it; fails unless it was at once. */
function atOnce(delivery: IncomingCommand): Decoded {
  expect(leastCpuMs(TRIES, () => decodeCommand(delivery), AT_ONCE_MS)).to.be.below(AT_ONCE_MS);
  return decodeCommand(delivery);
}

/** A message whose metadata is this JSON text. */
const withMetadata = (json: string) =>
  incoming(
    'message.send',
    JSON.stringify(bodyOf('message.send', { metadata: 0 })).replace('"metadata":0', `"metadata":${json}`),
  );

describe('Hostile JSON', () => {
  it('with a repeated key means the last one, for every check', () => {
    const body = `{"actorId":"alice","actorId":"bob","chatId":"${CHAT}","data":{"body":1},"data":{"body":"x","body":"y"}}`;
    const { command, contentHash } = decoded(incoming('message.send', body), 'command');
    expect(command).to.deep.include({ actorId: 'bob', data: { body: 'y' } });
    const once = incoming('message.send', { actorId: 'bob', chatId: CHAT, data: { body: 'y' } });
    expect(contentHash).to.deep.equal(decoded(once, 'command').contentHash);
  });

  for (const key of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'])
    it(`cannot change a prototype with the key ${key}`, () => {
      const before = Object.getOwnPropertyNames(Object.prototype);
      const planted = `"${key}":{"polluted":true,"actorId":"mallory","prototype":{"polluted":true}}`;
      const json = JSON.stringify(bodyOf('message.send'));
      const bodies: [string, string][] = [
        [json.replace('{', `{${planted},`), key],
        [json.replace('"data":{', `"data":{${planted},`), `data.${key}`],
      ];
      for (const [body, path] of bodies) expect(violationPaths(incoming('message.send', body))).to.deep.equal([path]);
      const inMetadata = decodeCommand(withMetadata(`{"a":[{${planted}}]}`));
      expect(inMetadata.outcome).to.equal(key === '__proto__' ? 'refused' : 'command');
      expect(Object.getOwnPropertyNames(Object.prototype)).to.deep.equal(before);
      expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
      expect((Object as unknown as Record<string, unknown>).polluted).to.equal(undefined);
    });

  it('cannot take its actor from a prototype', () => {
    const body = `{"__proto__":{"actorId":"mallory"},"chatId":"${CHAT}","data":{"body":"x"}}`;
    expect(decoded(incoming('message.send', body), 'malformed').detail).to.match(/^actorId /);
  });

  for (const [what, escaped] of [
    ['U+0000', '\\u0000'],
    ['a lone high surrogate', '\\ud800'],
    ['a lone low surrogate', '\\udc00'],
    ['surrogates in the wrong order', '\\udc00\\ud800'],
  ] as const) {
    it(`is invalid with ${what} in text`, () => {
      const body = JSON.stringify(bodyOf('message.send')).replace('hello', `he${escaped}llo`);
      expect(violationPaths(incoming('message.send', body))).to.deep.equal(['data.body']);
    });
    it(`is invalid with ${what} in metadata, as a value or a key at any level`, () => {
      for (const json of [
        `{"a":"${escaped}"}`,
        `{"${escaped}":1}`,
        `{"a":[{"b":["x${escaped}"]}]}`,
        `{"a":[{"${escaped}":1}]}`,
      ])
        expect(violationPaths(withMetadata(json)), json).to.deep.equal(['data.metadata']);
    });
  }

  it('may contain escaped characters that are allowed in text', () => {
    const body = JSON.stringify(bodyOf('message.send')).replace('hello', '\\ud83d\\ude00\\u0001\\u007f\\ufffe\\/');
    expect(decoded(incoming('message.send', body), 'command').command.data).to.deep.equal({
      body: '😀\u0001\u007f\ufffe/',
    });
  });

  it('is invalid with numbers beyond the range of a double', () => {
    for (const json of ['{"a":1e400}', '{"a":[-1e400]}', `{"a":${'9'.repeat(400)}}`])
      expect(violationPaths(withMetadata(json)), json).to.deep.equal(['data.metadata']);
    const huge = JSON.stringify(bodyOf('message.send', { attachments: [{ size: 0 }] })).replace(
      '"size":0',
      '"size":1e400',
    );
    expect(violationPaths(incoming('message.send', huge))).to.include('data.attachments.0.size');
  });

  it('may contain all fractions of a double and all exact integers', () => {
    const metadata = { a: 0.1, b: 5e-324, c: -(2 ** 53) + 1, d: 2 ** 53 - 1 };
    decoded(incoming('message.send', bodyOf('message.send', { metadata })), 'command');
  });
});

describe('A hostile body', () => {
  const brackets = (count: number) => '['.repeat(count) + ']'.repeat(count);
  const named = (json: string) => `{"actorId":"alice","chatId":"${CHAT}","data":${json}}`;

  it('with a million levels is dead-lettered quickly', () => {
    expect(atOnce(incoming('message.send', '['.repeat(1_000_000)))).to.have.property('outcome', 'malformed');
    expect(atOnce(incoming('message.send', named('['.repeat(1_000_000))))).to.have.property('outcome', 'malformed');
    expect(atOnce(incoming('message.send', named(brackets(1_000_000))))).to.have.property('outcome', 'malformed');
  });

  it('with the maximum depth for its size is refused quickly, for its size or depth', () => {
    expect(atOnce(incoming('message.send', named(brackets(520_000))))).to.have.nested.property(
      'reason.code',
      'too_large',
    );
    const deep = atOnce(incoming('message.send', named(brackets(130_000))));
    expect(deep).to.deep.nested.include({
      'reason.violations': [{ path: '', message: 'must nest at most 32 levels deep' }],
    });
  });

  it('is refused at a lower cost than parsing', () => {
    const json = named(brackets(520_000));
    const delivery = incoming('message.send', json);
    const toParse = leastCpuMs(5, () => JSON.parse(json));
    expect(leastCpuMs(5, () => decodeCommand(delivery), toParse)).to.be.below(toParse);
  });

  it('of 100 MB is dead-lettered without parsing', () => {
    const body = Buffer.alloc(100_000_000, '{');
    expect(atOnce(incoming('message.send', body))).to.deep.equal({
      outcome: 'malformed',
      detail: 'body of 100000000 bytes',
    });
  });

  const wide: [string, string, string][] = [
    ['users', 'member.add', `{"userIds":[${'"",'.repeat(80_000)}""]}`],
    ['attachments', 'message.send', `{"body":"x","attachments":[${'{},'.repeat(80_000)}{}]}`],
    ['numbers in metadata', 'message.send', `{"body":"x","metadata":{"a":[${'0,'.repeat(120_000)}0]}}`],
    ['objects in metadata', 'message.send', `{"body":"x","metadata":{"a":[${'{},'.repeat(80_000)}0]}}`],
    [
      'unknown fields',
      'message.send',
      `{"body":"x"${Array.from({ length: 20_000 }, (_, i) => `,"f${i}":0`).join('')}}`,
    ],
    ['signs of text', 'message.send', `{"body":"${'x'.repeat(260_000)}"}`],
    ['escapes', 'message.send', `{"body":"${'\\u0001'.repeat(43_000)}"}`],
    ['values of a command nobody knows', 'message.shout', `[${'[],'.repeat(80_000)}0]`],
  ];
  for (const [what, type, data] of wide)
    it(`with very many ${what} is refused quickly`, () => {
      expect(Buffer.byteLength(named(data))).to.be.within(200_000, 262_144);
      expect(atOnce(incoming(type, named(data)))).to.have.property('outcome', 'refused');
    });

  it('with 1 MiB of values is refused quickly', () => {
    expect(refusalOf(incoming('message.send', named(`[${'{},'.repeat(340_000)}0]`))).code).to.equal('too_large');
    expect(atOnce(incoming('message.send', named(`[${'{},'.repeat(340_000)}0]`)))).to.have.property(
      'outcome',
      'refused',
    );
  });
});
