import { expect } from 'chai';
import { v7 } from 'uuid';
import { BODY_MAX_BYTES } from '../../../../src/contract/messages/commands.js';
import type { ProblemCode } from '../../../../src/contract/messages/problems.js';
import { problemKind } from '../../../../src/contract/rest/operations.js';
import { signToken } from '../../../../src/infrastructure/jwt.js';
import { type RestAnswer, type RestRequest, tokenFor } from '../../../unit/adapters/http/rest-client.js';
import { RestStack } from './rest-stack.js';

const RATE_LIMIT = 60;
const JSON_TYPE = { 'content-type': 'application/json' };

function expectProblem({ status, headers, body }: RestAnswer, code: ProblemCode): void {
  expect(body.type).to.equal(`/problems/${code}`);
  expect(status).to.equal(problemKind(code).status);
  expect(headers.get('content-type')).to.match(/^application\/problem\+json/);
}

describe('REST on the real stack refuses', () => {
  let rest: RestStack;
  let chatId: string;
  let messages: string;
  let owner = '';
  let count = 0;

  before(async function () {
    this.timeout(60_000);
    rest = await RestStack.create({ REST_RATE_LIMIT: String(RATE_LIMIT), REST_RATE_WINDOW: '10m' });
    await rest.run('worker', 'api');
  });
  after(() => rest?.close());

  beforeEach(async () => {
    count += 1;
    owner = `owner-${count}`;
    chatId = await rest.group(['bob'], {}, owner);
    messages = `/v1/chats/${chatId}/messages`;
  });

  const send = (request: RestRequest) => rest.call('POST', messages, { as: owner, ...request });

  it('missing, forged, expired and userless tokens as unauthenticated', async () => {
    const forged = await signToken('another secret of more than thirty-two bytes', { subject: owner }, 60);
    const [head = '', , signature = ''] = (await tokenFor(owner)).split('.');
    const claims = Buffer.from(JSON.stringify({ sub: owner, exp: 9_999_999_999 })).toString('base64url');
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`;
    const requests: RestRequest[] = [
      { as: null },
      { token: forged },
      { token: await tokenFor(owner, -10) },
      { token: await tokenFor('no/such user!') },
      { token: `${head}.${claims}.${signature}` },
      { token: unsigned },
      { as: null, headers: { authorization: 'Basic b3duZXI6eA==' } },
    ];
    for (const request of requests) {
      const answers = [await rest.get('/v1/chats', request), await send({ ...request, json: { body: 'x' } })];
      for (const answer of answers) {
        expectProblem(answer, 'unauthenticated');
        expect(answer.headers.get('www-authenticate')).to.match(/^Bearer/);
      }
    }
    expect((await rest.get(messages, { as: owner })).body.items).to.deep.equal([]);
  });

  it('commands that policy or state forbid', async () => {
    const add = { userIds: ['eve'] };
    expectProblem(await rest.post(`/v1/chats/${chatId}/members`, add, { as: 'bob' }), 'not_permitted');
    expectProblem(await rest.call('DELETE', `/v1/chats/${chatId}/members/${owner}`, { as: 'bob' }), 'not_permitted');
    await rest.fleet.query("UPDATE members SET muted_until = now() + '1 hour' WHERE chat_id = $1 AND user_id = 'bob'", [
      chatId,
    ]);
    expectProblem(await send({ json: { body: 'x' }, as: 'bob' }), 'muted');
    await rest.fleet.query('UPDATE chats SET archived_at = now() WHERE chat_id = $1', [chatId]);
    expectProblem(await send({ json: { body: 'x' } }), 'archived');
  });

  it('unknown and invisible objects with the same response', async () => {
    const absent = `/v1/chats/${v7()}`;
    for (const path of ['', '/members', '/messages', '/events', `/messages/${v7()}`]) {
      const missing = await rest.get(absent + path, { as: 'mallory' });
      const hidden = await rest.get(`/v1/chats/${chatId}${path}`, { as: 'mallory' });
      expectProblem(hidden, 'not_found');
      expect(hidden.body).to.deep.equal(missing.body);
    }
    expectProblem(await send({ json: { body: 'x' }, as: 'mallory' }), 'not_found');
    expectProblem(await send({ json: { body: 'x', inReplyTo: v7() } }), 'not_found');
    for (const path of ['/v1/users/nobody', '/v1/users/%00', '/v1/receipts/none', '/v1/nowhere', '/', '//v1/chats'])
      expectProblem(await rest.get(path, { as: owner }), 'not_found');
  });

  it('unknown methods of a path, with the allowed ones', async () => {
    for (const [method, path, allow] of [
      ['DELETE', '/v1/chats', 'GET, POST, HEAD, OPTIONS'],
      ['PATCH', messages, 'GET, POST, HEAD, OPTIONS'],
      ['POST', '/v1/me', 'PUT, OPTIONS'],
      ['PUT', '/openapi.json', 'GET, HEAD, OPTIONS'],
    ] as const) {
      const answer = await rest.call(method, path, { as: owner });
      expectProblem(answer, 'method_not_allowed');
      expect(answer.headers.get('allow')).to.equal(allow);
    }
  });

  it('a taken id, and leaving a chat without an owner, as conflicts', async () => {
    const taken = { kind: 'group', memberIds: [], chatId };
    expectProblem(await rest.post('/v1/chats', taken, { as: 'bob' }), 'conflict');
    expectProblem(await rest.call('DELETE', `/v1/chats/${chatId}/members/${owner}`, { as: owner }), 'conflict');
  });

  it('too large bodies, with and without a Content-Length', async () => {
    const json = { body: 'x', metadata: { x: 'x'.repeat(BODY_MAX_BYTES + 2_048) } };
    expectProblem(await send({ json }), 'too_large');
    const body = new Blob([JSON.stringify(json)]).stream();
    const headers = { authorization: `Bearer ${await tokenFor(owner)}`, ...JSON_TYPE };
    const chunked = await fetch(`${rest.url}${messages}`, { method: 'POST', headers, body, duplex: 'half' });
    expect([chunked.status, ((await chunked.json()) as { type: string }).type]).to.deep.equal([
      413,
      '/problems/too_large',
    ]);
    const justOver = { body: 'x', metadata: { x: 'x'.repeat(BODY_MAX_BYTES - 60) } };
    expectProblem(await send({ json: justOver }), 'too_large');
  });

  it('bodies that are not JSON in UTF-8, by type or bytes', async () => {
    for (const type of ['text/plain', 'application/xml', 'application/json; charset=latin1', 'application/jsonp'])
      expectProblem(await send({ raw: '{"body":"x"}', headers: { 'content-type': type } }), 'unsupported_media_type');
    const gzipped = { ...JSON_TYPE, 'content-encoding': 'gzip' };
    expectProblem(await send({ raw: 'x', headers: gzipped }), 'unsupported_media_type');
    for (const raw of ['', '{', '{"body":"x"} {}', "{'body':1}", new Uint8Array([0x22, 0xff, 0x22]), 'NaN', '\ufeff{'])
      expectProblem(await send({ raw, headers: JSON_TYPE }), 'malformed');
  });

  it('invalid content, with the path', async () => {
    const wrong: [string, string][] = [
      ['{"body":""}', 'data.body'],
      [JSON.stringify({ body: 'x'.repeat(16_385) }), 'data.body'],
      ['{"body":"a\\u0000b"}', 'data.body'],
      ['{"body":"\\ud800"}', 'data.body'],
      ['{"body":"x","colour":1}', 'data'],
      ['{"body":"x","__proto__":{"a":1}}', 'data'],
      ['{"body":"x","metadata":{"a":"\\u0000"}}', 'data.metadata'],
      [`{"body":"x","metadata":{"a":"${'x'.repeat(8_192)}"}}`, 'data.metadata'],
      [
        '{"body":"x","attachments":[{"url":"http://x.org","mediaType":"a/b","size":1,"name":"x"}]}',
        'data.attachments.0.url',
      ],
      [`{"body":"x","metadata":${'{"a":'.repeat(50)}1${'}'.repeat(50)}}`, 'data'],
      ['{"body":"x","metadata":{"a":1e999}}', 'data'],
      ['null', 'data'],
      ['[]', 'data'],
      ['"x"', 'data'],
    ];
    for (const [raw, path] of wrong) {
      const answer = await send({ raw, headers: JSON_TYPE });
      expectProblem(answer, 'invalid');
      expect(answer.body.violations[0].path, raw.slice(0, 80)).to.match(new RegExp(`^${path}(\\.|$)`));
    }
    for (const json of [
      {},
      { kind: 'party', memberIds: [] },
      { kind: 'direct', memberIds: [] },
      { kind: 'group', memberIds: ['a b'] },
      { kind: 'group', memberIds: [], chatId: 7 },
      { kind: 'direct', memberIds: ['bob'], chatId },
    ])
      expectProblem(await rest.post('/v1/chats', json, { as: owner }), 'invalid');
    expectProblem(await rest.call('PUT', '/v1/me', { json: { displayName: 'A', kind: 'bot' }, as: owner }), 'invalid');
  });

  it('requests that cannot be read', async () => {
    for (const query of [
      'limit=0',
      'limit=201',
      'limit=x',
      'after=-1',
      'after=1&before=2',
      'page=2',
      'after=1&after=2',
    ])
      expectProblem(await rest.get(`${messages}?${query}`, { as: owner }), 'bad_request');
    expectProblem(await rest.get(`/v1/chats/${chatId}?limit=1`, { as: owner }), 'bad_request');
    const { nextCursor } = (await rest.get(`/v1/chats/${chatId}/members?limit=1`, { as: owner })).body;
    for (const [as, path] of [
      ['bob', `/v1/chats/${chatId}/members?cursor=${nextCursor}`],
      [owner, `/v1/chats?cursor=${nextCursor}`],
      [owner, `/v1/chats/${chatId}/members?cursor=${nextCursor}x`],
    ] as const)
      expectProblem(await rest.get(path, { as }), 'bad_request');
    expectProblem(await rest.get('/v1/users/%E0%A4%A', { as: owner }), 'bad_request');
    for (const name of ['', 'x'.repeat(129), 'a b', 'a,b'])
      expectProblem(await send({ json: { body: 'x' }, headers: { 'idempotency-key': name } }), 'malformed');
  });

  it('callers above the rate limit, each separately, with Retry-After', async () => {
    const eager = () => rest.get('/v1/chats', { as: 'eager' });
    const allowed = await Promise.all(Array.from({ length: RATE_LIMIT }, eager));
    expect(allowed.map(({ status }) => status)).to.deep.equal(Array(RATE_LIMIT).fill(200));
    const refused = await eager();
    expectProblem(refused, 'rate_limited');
    expect(Number(refused.headers.get('retry-after'))).to.be.within(1, 600);
    expect(refused.body.retryAfter).to.equal(Number(refused.headers.get('retry-after')));
    expect((await rest.get('/v1/chats', { as: 'red/eager' })).status).to.equal(200);
  });
});
