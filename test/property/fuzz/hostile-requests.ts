/**
 * Requests as bytes, from the table of operations: valid ones with an error, and everything else that can be sent to a
 * socket. Words such as `~chat~` are placeholders for values that are known after the start.
 */
import fc from 'fast-check';
import { operationOf, type RestOperationName, restOperationNames } from '../../../src/contract/rest/operations.js';
import { bytesOf, hostileKey, hostileText, mutatedJson, seldom, wildBytes } from './hostile-json.js';
import { BAD_TOKENS, CALLERS } from './hostile-tokens.js';

export interface HostileRequest {
  method: string;
  target: string;
  headers: readonly (readonly [string, string])[];
  body: Buffer | null;
  framing: 'length' | 'chunked' | 'short' | 'long' | 'none' | 'both' | 'twice' | 'bad chunk' | 'negative';
  /** A name in `tokens`. Null: no header. */
  token: string | null;
}

const BODIES: { [name in RestOperationName]?: unknown } = {
  createChat: { kind: 'group', memberIds: ['bob'], title: 'Tea', metadata: { place: 'garden' } },
  updateChat: { title: 'Tea at five', metadata: null },
  readChat: { upTo: 1 },
  markDelivered: { upTo: 1 },
  addMembers: { userIds: ['erin'], role: 'reader' },
  updateMember: { role: 'admin', mutedUntil: '2026-11-21T08:00:00.000Z' },
  sendMessage: { body: 'hello', mentions: ['bob'], inReplyTo: '~message~', metadata: { a: 1 } },
  editMessage: { body: 'hello again', mentions: [] },
  putMe: { displayName: 'Alice', avatarUrl: 'https://images.example/alice.png', metadata: { a: 1 } },
};

const PATH_VALUES: { [name: string]: readonly string[] } = {
  chatId: ['~chat~', '~chat~', '~chat~', '~chat~', '~chat~', '~foreign~', '~closed~'],
  messageId: ['~message~', '~message~', '~message~', '~message~', '~foreignMessage~', '~closedMessage~', '~chat~'],
  userId: ['alice', 'bob', 'zoe', 'mallory'],
  commandId: ['story-1', '~closedReceipt~', 'nothing'],
  decisionId: ['~decision~', '~chat~'],
  webhookId: ['0199c1e0-1a2b-7c3d-8e4f-5a6b7c8d9e0f', '~chat~'],
  keyId: ['0199c1e0-2b3c-7d4e-9f50-6b7c8d9e0f1a', '~chat~'],
  emoji: [':thumbsup:', '%F0%9F%91%8D'],
};

const QUERIES = [
  ...['limit=1', 'limit=0', 'limit=201', 'limit=-1', 'limit=1e2', 'limit=%D9%A3', 'limit=', 'limit', 'limit=1&limit=2'],
  ...['cursor=~cursor~', 'cursor=~othersCursor~', 'cursor=~cursor~A', 'cursor=.', 'cursor=e30.e30', 'cursor=%00'],
  ...['since=~sync~', 'since=~othersSync~', 'since=now', 'since=AQ.AQ', 'since=~cursor~'],
  ...[
    'after=0',
    'after=999999999999999',
    'after=9999999999999999',
    'after=-1',
    'before=1',
    'after=1&before=1',
    'after=1e5',
  ],
  ...[
    'q=tea',
    'q=%22',
    'q=%00',
    'q=%ED%A0%80',
    'q=%',
    'q=%27%3A*%26%21',
    'q=((((((',
    'q=-',
    'q=or+or+or',
    'q[]=a',
    'q[x]=1',
  ],
  ...['kind=group', 'kind=__proto__', 'archived=true', 'mode=hard', 'mode=toString', '__proto__=x', '__proto__[a]=1'],
  ...[
    'constructor=1',
    'from=2026-11-21T08:00:00Z',
    'from=-271821-04-20T00:00:00Z',
    'to=x',
    'chatId=~foreign~',
    '&&&&',
    '=',
  ],
];

const ENCODERS: readonly ((text: string) => string)[] = [
  (text) => encodeURIComponent(text.toWellFormed()),
  (text) => encodeURIComponent(encodeURIComponent(text.toWellFormed())),
  (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  (text) => text.replaceAll(/[\s\p{Cc}\P{ASCII}]/gu, '%'),
  (text) => text,
];

const encoded = fc.tuple(hostileText, fc.constantFrom(...ENCODERS)).map(([text, encode]) => encode(text));
const query = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...QUERIES) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(hostileKey, encoded)
      .map(([key, value]) => `${encodeURIComponent(key.toWellFormed())}=${value}`),
  },
);
const queries = fc.array(query, { maxLength: 3 }).map((all) => (all.length === 0 ? '' : `?${all.join('&')}`));

const PATH_TRICKS: readonly ((path: string) => string)[] = [
  ...['/', '/.', '/..', '%2f', '%00', ';a=b', '//', '#x', '%', '%zz', '\\', ' ', '?'].map(
    (end) => (path: string) => path + end,
  ),
  (path) => path.replace('/v1/', '//v1/'),
  (path) => path.replace('/v1/', '/V1/'),
  (path) => path.replace('/v1/', '/./v1/'),
  (path) => path.replace('/v1/', '/x/%2e%2e/v1/'),
  (path) => `http://elsewhere.example${path}`,
  (path) => `//elsewhere.example${path}`,
  (path) => path.replaceAll('/', '%2F'),
  (path) => path.slice(1),
  (path) => `${path}${'/a'.repeat(3_000)}`,
];

const OTHER_TARGETS = [
  ...[
    '/',
    '*',
    '/livez',
    '/readyz',
    '/metrics',
    '/openapi.json',
    '/asyncapi.json',
    '/docs',
    '/docs/',
    '/docs/index.html',
  ],
  ...[
    '/docs/package.json',
    '/docs/../../package.json',
    '/docs/%2e%2e/%2e%2e/package.json',
    '/docs/..%5c..%5cpackage.json',
  ],
  ...['/v1', '/v1/', '/v2/chats', '/.env', '/__proto__', '/constructor', '/v1/chats/__proto__', '/v1/users/__proto__'],
];

const path = fc.constantFrom(...restOperationNames).chain((name) => {
  const { path: template } = operationOf(name);
  const parts = template.split('/').map((part) => {
    const parameter = /^\{(\w+)\}$/.exec(part)?.[1];
    if (parameter === undefined) return fc.constant(part);
    return fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...(PATH_VALUES[parameter] ?? [])) },
      { weight: 1, arbitrary: encoded },
    );
  });
  return fc.tuple(...parts).map((all) => ({ name, path: all.join('/') }));
});

const METHODS = [
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'PROPFIND',
  'get',
  'G T',
  '',
];
const HEADERS: readonly (readonly [string, string])[] = [
  ['Content-Type', 'application/json'],
  ['Content-Type', 'application/json; charset=utf-16'],
  ['Content-Type', 'application/json; charset="utf-8'],
  ['Content-Type', 'text/plain'],
  ['Content-Type', `application/json;${' '.repeat(5_000)}x`],
  ['Content-Type', 'multipart/form-data; boundary=x'],
  ['Content-Encoding', 'gzip'],
  ['Content-Encoding', 'br, identity'],
  ['Accept', 'text/html'],
  ['Accept-Encoding', 'gzip, deflate, br'],
  ['Accept-Encoding', `${'gzip;q=0.1,'.repeat(900)}*`],
  ['Expect', '100-continue'],
  ['Expect', 'the-unexpected'],
  ['Idempotency-Key', 'again'],
  ['Idempotency-Key', 'a b'],
  ['Idempotency-Key', ''],
  ['Idempotency-Key', '../../x'],
  ['Idempotency-Key', `${'a'.repeat(129)}`],
  ['Idempotency-Key', '\u00ff\u00fe'],
  ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
  ['traceparent', '00-00000000000000000000000000000000-0000000000000000-ff'],
  ['tracestate', 'a=b'.repeat(400)],
  ['Host', 'elsewhere.example'],
  ['Host', 'a b'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['X-Forwarded-For', '127.0.0.1'],
  ['Origin', 'null'],
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Connection', 'Authorization'],
  ['Range', 'bytes=0-1,2-'],
  ['If-None-Match', '*'],
  ['__proto__', 'x'],
  ['constructor', 'x'],
  ['Authorization', 'Bearer'],
  ['Authorization', `Bearer ${' '.repeat(8_000)}x`],
  ['Authorization', `Basic ${'a='.repeat(4_000)}`],
];

/** Requests that no HTTP server accepts. */
const BROKEN_HEADERS: readonly (readonly [string, string])[] = [
  ['Bad Name', 'x'],
  ['X-Line', 'a\r\nX-Injected: yes'],
  ['X-Nul', 'a\u0000b'],
  ['Cookie', 'a'.repeat(20_000)],
];

const headers = fc.array(
  fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...HEADERS) },
    { weight: 2, arbitrary: fc.constantFrom(...BROKEN_HEADERS) },
    { weight: 1, arbitrary: fc.tuple(hostileKey, hostileText) },
  ),
  { maxLength: 3 },
);
const token = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<string | null>(...CALLERS) },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.constantFrom<string | null>(...BAD_TOKENS) },
);
const framing = fc.oneof(
  { weight: 12, arbitrary: fc.constant<HostileRequest['framing']>('length') },
  {
    weight: 2,
    arbitrary: fc.constantFrom<HostileRequest['framing']>(
      ...(['chunked', 'short', 'long', 'none', 'both', 'twice', 'bad chunk', 'negative'] as const),
    ),
  },
);

/** An operation's method, body and content type, with one or two changes. */
const mutated: fc.Arbitrary<HostileRequest> = path.chain(({ name, path: target }) => {
  const { method } = operationOf(name);
  const body = BODIES[name];
  return fc.record({
    method: fc.constant(method.toUpperCase()),
    target: fc
      .tuple(seldom<((path: string) => string) | null>(12, null, fc.constantFrom(...PATH_TRICKS)), queries, fc.nat(3))
      .map(([trick, some, isAsked]) => (trick === null ? target : trick(target)) + (isAsked === 0 ? some : '')),
    headers: seldom<HostileRequest['headers']>(3, [], headers).map((some) =>
      body === undefined ? some : ([['Content-Type', 'application/json'], ...some] as const),
    ),
    body: body === undefined ? fc.constant(null) : bytesOf(mutatedJson(body)),
    framing,
    token,
  });
});

const wild: fc.Arbitrary<HostileRequest> = fc.record({
  method: fc.constantFrom(...METHODS),
  target: fc.oneof(
    fc.constantFrom(...OTHER_TARGETS),
    fc.tuple(path, fc.constantFrom(...PATH_TRICKS), queries).map(([{ path: good }, trick, some]) => trick(good) + some),
    fc.tuple(path, queries).map(([{ path: good }, some]) => good + some),
    encoded.map((text) => `/${text}`),
  ),
  headers,
  body: fc.option(wildBytes, { nil: null }),
  framing,
  token,
});

export const hostileRequest: fc.Arbitrary<HostileRequest> = fc.oneof(mutated, wild);

function chunked(body: Buffer): Buffer {
  const half = Math.ceil(body.length / 2);
  const parts = [body.subarray(0, half), body.subarray(half)].filter(({ length }) => length > 0);
  const framed = parts.flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]);
  return Buffer.concat([...framed, Buffer.from('0\r\n\r\n')]);
}

function framed(body: Buffer, how: HostileRequest['framing']): { lines: string[]; bytes: Buffer } {
  const length = (size: number | string) => `Content-Length: ${size}`;
  const { length: size } = body;
  switch (how) {
    case 'chunked':
      return { lines: ['Transfer-Encoding: chunked'], bytes: chunked(body) };
    case 'short':
      return { lines: [length(size + 10)], bytes: body };
    case 'long':
      return { lines: [length(Math.max(0, size - 3))], bytes: body };
    case 'none':
      return { lines: [], bytes: body };
    case 'both':
      return { lines: [length(size), 'Transfer-Encoding: chunked'], bytes: chunked(body) };
    case 'twice':
      return { lines: [length(size), length(size + 1)], bytes: body };
    case 'bad chunk':
      return { lines: ['Transfer-Encoding: chunked'], bytes: Buffer.concat([Buffer.from('zz\r\n'), body]) };
    case 'negative':
      return { lines: [length('-1')], bytes: body };
    default:
      return { lines: [length(size)], bytes: body };
  }
}

/** `fill` replaces the placeholders. */
export function requestBytes(request: HostileRequest, fill: (text: string) => string, bearer: string | null): Buffer {
  const { method, target, headers: given, body, framing: how } = request;
  const filled = body === null ? null : Buffer.from(fill(body.toString('latin1')), 'latin1');
  const { lines, bytes } = filled === null ? { lines: [], bytes: Buffer.alloc(0) } : framed(filled, how);
  const head = [
    `${method} ${fill(target)} HTTP/1.1`,
    'Host: localhost',
    ...(bearer === null ? [] : [`Authorization: Bearer ${bearer}`]),
    ...given.map(([name, value]) => `${name}: ${value}`),
    ...lines,
    '',
    '',
  ];
  return Buffer.concat([Buffer.from(head.join('\r\n'), 'latin1'), bytes]);
}
