import { expect } from 'chai';
import fc from 'fast-check';
import { commandBody, commandTypes } from '../../../../src/contract/messages/commands.js';
import { CONTENT_HASH_DIGITS } from '../../../../src/contract/messages/content-hash.js';
import { decodeCommand } from '../../../../src/contract/messages/decode-command.js';
import type { IncomingCommand } from '../../../../src/contract/messages/delivery.js';
import { USER_ID_PATTERN } from '../../../../src/contract/messages/identifiers.js';
import { receipt } from '../../../../src/contract/messages/receipts.js';
import { isStorableText } from '../../../../src/contract/messages/text.js';
import { leastCpuMs } from './cpu-time.js';
import { bodyOf, incoming } from './incoming-command.js';

const SLOWEST_MS = 200;
const TRIES = 3;
const TIMEOUT_MS = 120_000;

/** What must hold whatever comes in: one of three outcomes, at once, and an answer that can be stored and sent. */
function holdsUp(delivery: IncomingCommand): void {
  const prototype = Object.getOwnPropertyNames(Object.prototype);
  expect(leastCpuMs(TRIES, () => decodeCommand(delivery), SLOWEST_MS)).to.be.below(SLOWEST_MS);
  const result = decodeCommand(delivery);
  expect(Object.getOwnPropertyNames(Object.prototype)).to.deep.equal(prototype);
  switch (result.outcome) {
    case 'command': {
      const { type, tenantId, actorId, chatId, data, commandId } = result.command;
      const body = { tenantId, actorId, data, ...(chatId === null ? {} : { chatId }) };
      expect(commandBody[type].parse(body)).to.deep.equal(body);
      expect(delivery).to.include({ type, messageId: commandId, routingKey: chatId ?? actorId });
      expect(result.contentHash).to.have.length(CONTENT_HASH_DIGITS);
      return;
    }
    case 'refused': {
      const { identity, reason, contentHash } = result;
      const { actorId, ...named } = identity;
      const rest = { messageId: null, sequence: null, at: '', decisionId: null, replayed: false };
      const answer = { ...named, ...rest, status: 'rejected', reason };
      expect(actorId).to.match(USER_ID_PATTERN);
      expect(receipt.parse(answer)).to.deep.equal(answer);
      expect(isStorableText(JSON.stringify(answer)) && !JSON.stringify(answer).includes('\\u0000')).to.equal(true);
      expect(JSON.stringify(answer)).not.to.match(/\\ud[89a-f]/);
      expect(contentHash).to.have.length(CONTENT_HASH_DIGITS);
      return;
    }
    default:
      expect(result.outcome).to.equal('malformed');
      expect(result).to.have.all.keys('outcome', 'detail');
  }
}

const anyType = fc.oneof(fc.constantFrom(...commandTypes), fc.string({ unit: 'binary', maxLength: 255 }));
const anyText = fc.option(fc.string({ unit: 'binary', maxLength: 255 }), { nil: undefined });
const anyProperties = fc.record(
  {
    routingKey: fc.string({ maxLength: 255 }),
    messageId: anyText,
    contentType: anyText,
    contentEncoding: anyText,
    replyTo: anyText,
    correlationId: anyText,
    appId: anyText,
    userId: anyText,
    priority: fc.option(fc.integer({ min: 0, max: 255 }), { nil: undefined }),
    headers: fc.dictionary(fc.string(), fc.anything()),
  },
  { requiredKeys: [] },
);
/** Any JSON, with lone surrogates, U+0000 and hostile keys in it. */
const hostileText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', 'toJSON', 'actorId', 'chatId', 'data', '', '\u0000', '\ud800'),
);
const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(fc.constant(null), fc.boolean(), fc.double({ noNaN: true }), fc.integer(), hostileText),
    fc.array(tie('json'), { maxLength: 5 }),
    fc.dictionary(hostileText, tie('json'), { maxKeys: 5, noNullPrototype: true }),
  ),
}));

describe('Decoding untrusted input', function () {
  this.timeout(TIMEOUT_MS);

  const many = { numRuns: 1000 };

  it('gives one of three outcomes quickly for random bytes and properties', () => {
    fc.assert(
      fc.property(anyType, fc.uint8Array({ maxLength: 4096 }), anyProperties, (type, body, properties) => {
        holdsUp(incoming(type, body, properties as Partial<IncomingCommand>));
      }),
      many,
    );
  });

  it('gives one of three outcomes quickly for random JSON', () => {
    fc.assert(
      fc.property(anyType, json, (type, body) => {
        holdsUp(incoming(type, body));
        if (typeof body === 'object') holdsUp(incoming(type, { ...bodyOf('message.send'), ...body }));
      }),
      many,
    );
  });

  it('gives one of three outcomes quickly for a valid command with one changed value', () => {
    const path = fc.array(fc.nat(), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...commandTypes), path, hostileText, json, (type, steps, name, value) => {
        const body = structuredClone(bodyOf(type));
        let at = body;
        let key = name;
        for (const step of steps) {
          const keys = [...Object.keys(at), name];
          key = keys[step % keys.length] as string;
          const next = Object.hasOwn(at, key) ? at[key] : undefined;
          if (typeof next !== 'object' || next === null) break;
          at = next as Record<string, unknown>;
        }
        Object.defineProperty(at, key, { value, enumerable: true, configurable: true, writable: true });
        holdsUp(incoming(type, body));
      }),
      many,
    );
  });

  it('gives one of three outcomes quickly for a valid command with changed bytes', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...commandTypes), changes, (type, edits) => {
        const body = Buffer.from(JSON.stringify(bodyOf(type)));
        for (const [index, byte] of edits) body[index % body.length] = byte;
        holdsUp(incoming(type, body));
      }),
      many,
    );
  });

  it('gives one of three outcomes quickly for a truncated or doubled valid command', () => {
    fc.assert(
      fc.property(fc.constantFrom(...commandTypes), fc.nat(), fc.nat(), (type, cut, again) => {
        const text = JSON.stringify(bodyOf(type));
        holdsUp(incoming(type, text.slice(0, cut % text.length) + text.slice(again % text.length)));
      }),
      many,
    );
  });
});
