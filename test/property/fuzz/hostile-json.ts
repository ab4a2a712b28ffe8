/** Hostile JSON as text, since duplicate keys, 1e400 or `__proto__` do not survive as values. */
import fc from 'fast-check';

/** Texts that cause backtracking patterns, broken log lines, and errors of stores. */
const EVIL_TEXTS = [
  ...['', ' ', '\u0000', 'a\u0000b', '\ud800', '\udc00', '\udc00\ud800', '\ufeff', '\u202e', '\u2028', '\uffff'],
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'toJSON',
    'then',
    '$ref',
    '__defineGetter__',
  ],
  ...['\r\nX-Injected: yes', 'a\r\n\r\nGET / HTTP/1.1', '%00', '%0d%0a', '../../../../etc/passwd', '..%2f..%2f'],
  ...[
    "' OR 1=1 --",
    '"; DROP TABLE messages; --',
    '{{7*7}}',
    `\${jndi:ldap://x}`,
    '<script>alert(1)</script>',
    '*',
    '#',
    '$1',
  ],
  ...[
    'alice',
    'bob',
    'mallory',
    'acme',
    'default',
    'ALICE',
    'alice ',
    'al\u0456ce',
    '👍',
    '👩‍👩‍👧',
    'e\u0301',
    ':thumbsup:',
    ':',
  ],
  ...['https://', 'https://x', 'http://x', 'https://x\n', 'javascript:alert(1)', 'https://[::1', 'https://\u0000'],
  ...[
    '2026-11-21T08:00:00.000Z',
    '0000-00-00T00:00:00Z',
    '9999-12-31T23:59:60Z',
    '+010000-01-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
  ],
];

/** Mostly `usual`; about once in `oneIn` times something else. */
export function seldom<T>(oneIn: number, usual: T, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: oneIn - 1, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary });
}

/** Long values have names, so that shrinking and printing stay short. */
const LONG_TEXTS: readonly (readonly [string, number])[] = [
  ['a', 129],
  ['a', 16_385],
  ['a', 70_000],
  ['\u0301', 9_000],
  [':a', 5_000],
  ['a@', 4_000],
  ['👩‍', 3_000],
  ['😀', 16_384],
  ['https://x/', 1_000],
  ['00:', 3_000],
  [' \t', 20_000],
  ['\\"', 9_000],
];

const longText = fc.constantFrom(...LONG_TEXTS).map(([unit, times]) => unit.repeat(times));

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(...EVIL_TEXTS) },
  { weight: 20, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 20, arbitrary: fc.string({ maxLength: 20 }) },
  { weight: 1, arbitrary: longText },
);

/** Field names of the contract, and others. */
export const hostileKey: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...EVIL_TEXTS),
  fc.constantFrom(
    ...[
      'tenantId',
      'actorId',
      'chatId',
      'data',
      'body',
      'metadata',
      'memberIds',
      'userIds',
      'userId',
      'messageId',
      'kind',
    ],
    ...[
      'mentions',
      'attachments',
      'emoji',
      'upTo',
      'claims',
      'role',
      'displayName',
      'avatarUrl',
      'title',
      'mode',
      'type',
    ],
  ),
  fc.string({ unit: 'binary', maxLength: 8 }),
);

const SCALARS = [
  ...[
    '1e400',
    '-1e400',
    '-0',
    '0',
    '1',
    '-1',
    '9007199254740993',
    '1e21',
    '5e-324',
    '0.1',
    '1.0',
    '1E+2',
    '4294967296',
  ],
  ...['true', 'false', 'null', '""', '[]', '{}', '[[]]', '[null]', '{"":{}}'],
];
const NO_JSON = [
  ...[
    '0x10',
    '01',
    '.5',
    '+1',
    'NaN',
    'Infinity',
    'undefined',
    "'a'",
    '"\\x41"',
    '"\\ud800"',
    '"\\u0000"',
    '1,',
    '{"a":1,}',
  ],
  ...['/**/1', '"a\nb"', '[', '}', '"', '\\'],
];

const DEPTHS = [29, 30, 31, 32, 33, 100, 1_000, 10_000, 60_000];
const WIDTHS = [50, 51, 101, 1_000, 20_000];

const deep = fc
  .tuple(fc.constantFrom(...DEPTHS), fc.constantFrom('[', '{"a":', '[{"__proto__":', '{"constructor":{"prototype":'))
  .map(([depth, opening]) => {
    const closing = [...opening].reverse().map((sign) => ({ '[': ']', '{': '}' })[sign] ?? '');
    return `${opening.repeat(depth)}0${closing.join('').repeat(depth)}`;
  });

const wide = fc
  .tuple(fc.constantFrom(...WIDTHS), fc.constantFrom('0', '"a"', '{}', '[]', '"bob"', '"\\ud800"', '"a":1'))
  .map(([width, item]) => {
    if (!item.includes(':')) return `[${Array(width).fill(item).join(',')}]`;
    return `{${Array.from({ length: width }, (_, index) => `"a${index}":${index}`).join(',')}}`;
  });

export const { jsonText } = fc.letrec<{ jsonText: string }>((tie) => ({
  jsonText: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    { weight: 600, arbitrary: fc.constantFrom(...SCALARS) },
    { weight: 60, arbitrary: fc.constantFrom(...NO_JSON) },
    { weight: 600, arbitrary: hostileText.map((text) => JSON.stringify(text)) },
    { weight: 200, arbitrary: fc.double().map(String) },
    { weight: 300, arbitrary: fc.array(tie('jsonText'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`) },
    {
      weight: 300,
      arbitrary: fc
        .array(fc.tuple(hostileKey, tie('jsonText')), { maxLength: 4 })
        .map((entries) => `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`),
    },
    { weight: 3, arbitrary: deep },
    { weight: 3, arbitrary: wide },
  ),
}));

interface Edit {
  steps: readonly number[];
  how: 'replace' | 'add' | 'repeat' | 'none';
  key: string;
  json: string;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  steps: fc.array(fc.nat(11), { maxLength: 5, size: 'max' }),
  how: fc.constantFrom('replace', 'replace', 'add', 'repeat', 'none', 'none'),
  key: hostileKey,
  json: jsonText,
});

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function applied(value: unknown, { how, key, json }: Edit): string {
  const entries = isContainer(value) && !Array.isArray(value) ? Object.entries(value) : null;
  if (how === 'none') return JSON.stringify(value);
  if (how === 'replace' || entries === null) return json;
  const kept = entries.map(([name, item]) => `${JSON.stringify(name)}:${JSON.stringify(item)}`);
  const name = how === 'repeat' ? (entries[0]?.[0] ?? key) : key;
  return `{${[...kept, `${JSON.stringify(name)}:${json}`].join(',')}}`;
}

function edited(value: unknown, steps: readonly number[], change: Edit): string {
  const [step, ...further] = steps;
  const entries = isContainer(value) ? Object.entries(value) : [];
  if (step === undefined || entries.length === 0) return applied(value, change);
  const parts = entries.map(([name, item], index) => {
    const text = index === step % entries.length ? edited(item, further, change) : JSON.stringify(item);
    return Array.isArray(value) ? text : `${JSON.stringify(name)}:${text}`;
  });
  return Array.isArray(value) ? `[${parts.join(',')}]` : `{${parts.join(',')}}`;
}

/** The JSON of a valid value, with at most one error. */
export function mutatedJson(valid: unknown): fc.Arbitrary<string> {
  return edit.map((change) => edited(valid, change.steps, change));
}

type Damage = (bytes: Buffer) => Buffer;
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.array(fc.tuple(fc.nat(5_000), fc.nat(255)), { minLength: 1, maxLength: 4 }).map(
    (edits): Damage =>
      (bytes) => {
        const copy = Buffer.from(bytes);
        for (const [at, byte] of edits) if (copy.length > 0) copy[at % copy.length] = byte;
        return copy;
      },
  ),
  fc.nat(5_000).map(
    (at): Damage =>
      (bytes) =>
        bytes.subarray(0, at % (bytes.length + 1)),
  ),
  fc.nat(5_000).map(
    (at): Damage =>
      (bytes) =>
        Buffer.concat([bytes, bytes.subarray(at % (bytes.length + 1))]),
  ),
  fc.constantFrom<Damage>(
    (bytes) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
    (bytes) => Buffer.from(bytes.toString('utf8'), 'utf16le'),
    (bytes) => Buffer.concat([bytes, Buffer.from([0xff, 0xfe])]),
    (bytes) => Buffer.concat([bytes, Buffer.from([0xed, 0xa0, 0x80])]),
    (bytes) => Buffer.concat([Buffer.from([0]), bytes]),
    (bytes) => Buffer.concat([bytes, Buffer.alloc(300_000, ' ')]),
  ),
);

/** Mostly unchanged. */
export function bytesOf(text: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  return fc
    .tuple(text, seldom<Damage | null>(4, null, damage))
    .map(([json, spoil]) => (spoil === null ? Buffer.from(json) : spoil(Buffer.from(json))));
}

const hugeBody = fc
  .constantFrom(262_144, 262_145, 264_000, 1_048_577, 3_000_000)
  .map((size) => Buffer.from(`{"actorId":"alice","data":"${'a'.repeat(size)}"}`));

/** Any data, with a valid actor. */
const framed = fc
  .tuple(jsonText, fc.constantFrom('alice', 'bob', 'mallory'), fc.constantFrom('data', 'chatId', 'tenantId'))
  .map(([json, actorId, name]) => {
    const chat = '"chatId":"0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10"';
    return `{"actorId":"${actorId}",${chat},"data":{"body":"x"},${JSON.stringify(name)}:${json}}`;
  });

/** Bytes that are not a command. */
export const wildBytes: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 600, arbitrary: bytesOf(framed) },
  { weight: 300, arbitrary: bytesOf(jsonText) },
  { weight: 200, arbitrary: fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: hugeBody },
);
