/** Frames of a hostile realtime client. */
import fc from 'fast-check';
import { bytesOf, jsonText, mutatedJson } from './hostile-json.js';

export interface HostileFrame {
  bytes: Buffer;
  isBinary: boolean;
}

const CHAT = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
const VALID: readonly object[] = [
  { t: 'auth', token: 'a.b.c', since: 'now', device: 'phone' },
  { t: 'auth', pass: 'x' },
  {
    t: 'command',
    id: 'c1',
    type: 'message.send',
    chatId: CHAT,
    data: { body: 'hello', metadata: { a: [1, { b: null }] } },
  },
  { t: 'command', id: 'c2', type: 'user.upsert', data: { displayName: 'M' } },
  { t: 'open', chatId: CHAT },
  { t: 'close', chatId: CHAT },
  { t: 'typing', chatId: CHAT, on: true },
  { t: 'watch', userIds: ['alice', 'bob'] },
  { t: 'active' },
  { t: 'ack', n: 0 },
];
/** Around the limit of a frame (300 KiB), and around where a connection ends without an answer (64 KiB more). */
const LENGTHS = [300, 301, 363, 365].map((kib) => kib * 1024);

const oversized = fc
  .constantFrom(...LENGTHS)
  .map((length) => Buffer.from(JSON.stringify({ t: 'active', x: 'y'.repeat(length) })));

export const hostileFrame: fc.Arbitrary<HostileFrame> = fc.record({
  bytes: fc.oneof(
    { weight: 300, arbitrary: fc.constantFrom(...VALID).chain((frame) => bytesOf(mutatedJson(frame))) },
    { weight: 100, arbitrary: fc.constantFrom(...VALID).map((frame) => Buffer.from(JSON.stringify(frame))) },
    { weight: 100, arbitrary: bytesOf(jsonText) },
    { weight: 50, arbitrary: fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 2, arbitrary: oversized },
  ),
  isBinary: fc.oneof({ weight: 30, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
