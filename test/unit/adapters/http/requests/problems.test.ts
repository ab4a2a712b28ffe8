import { connect } from 'node:net';
import { expect } from 'chai';
import { REQUEST_BODY_MAX_BYTES } from '../../../../../src/adapters/apis/http/api-settings.js';
import { MemoryChatQueries } from '../../../../../src/adapters/stores/memory/queries/memory-chat-queries.js';
import { StoreError } from '../../../../../src/application/ports/store/command-store.js';
import { TokenKeysUnavailable } from '../../../../../src/application/ports/token-verifier.js';
import { CommandUnavailable } from '../../../../../src/application/ports/transport/transport.js';
import { BODY_MAX_BYTES } from '../../../../../src/contract/messages/commands.js';
import type { RefusalCode } from '../../../../../src/contract/messages/problems.js';
import { eventually } from '../../../../support/eventually.js';
import { expectProblem, REFUSAL_STATUS } from '../expect-problem.js';
import { type RestAnswer, tokenFor } from '../rest-client.js';
import { RestHarness } from '../rest-harness.js';

describe('REST problems for requests', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  for (const path of ['/', '/v1', '/v1/nothing', '/v2/chats', '/V1/chats', '/v1/chats/a/b/c'])
    it(`answer 404 to ${path}`, async () => {
      const answer = await rest.get(path);
      expectProblem(answer, 'not_found');
      expect(answer.body.detail).to.equal(
        'unknown path: GET /docs lists all paths, and GET /openapi.json describes them',
      );
    });

  for (const [method, path, allow] of [
    ['PUT', '/v1/chats', 'GET, POST, HEAD, OPTIONS'],
    ['POST', '/v1/me', 'PUT, OPTIONS'],
    ['GET', '/v1/chats/x/members/bob', 'PATCH, DELETE, OPTIONS'],
    ['POST', '/v1/chats/x/messages/x', 'GET, PATCH, DELETE, HEAD, OPTIONS'],
    ['GET', '/v1/chats/x/messages/x/reactions/x', 'PUT, DELETE, OPTIONS'],
    ['PATCH', '/v1/receipts/x', 'GET, HEAD, OPTIONS'],
    ['POST', '/readyz', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/openapi.json', 'GET, HEAD, OPTIONS'],
  ] as const)
    it(`list the methods of ${path} when asked to ${method}`, async () => {
      const answer = await rest.call(method, path);
      expectProblem(answer, 'method_not_allowed');
      expect(answer.headers.get('allow')).to.equal(allow);
      const options = await rest.call('OPTIONS', path);
      expect([options.status, options.headers.get('allow')]).to.deep.equal([204, allow]);
    });

  it('report a path that cannot be decoded', async () => {
    expectProblem(await rest.get('/v1/users/%E0%A4%A'), 'bad_request');
  });

  it('have Retry-After for a caller above the rate limit, and do not affect other callers', async () => {
    await rest.stop();
    rest = await new RestHarness({ limits: { requests: 3, windowSeconds: 60 } }).start();
    for (let i = 0; i < 3; i += 1) expect((await rest.get('/v1/chats')).status).to.equal(200);
    const answer = await rest.get('/v1/chats');
    expectProblem(answer, 'rate_limited');
    expect(answer.body.retryAfter).to.be.within(1, 60);
    expect(answer.headers.get('retry-after')).to.equal(String(answer.body.retryAfter));
    expect((await rest.get('/v1/chats', { as: 'bob' })).status).to.equal(200);
    expect((await rest.get('/v1/chats', { as: 'acme/alice' })).status).to.equal(200);
  });
});

describe('REST problems for bodies', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  const send = (raw: string | Uint8Array, headers: Record<string, string> = {}) =>
    rest.call('POST', '/v1/chats', { raw, headers: { 'content-type': 'application/json', ...headers } });

  for (const number of ['1e999', '-1e400', '9'.repeat(400)])
    it(`are invalid for ${number.slice(0, 6)}, which would be stored as null`, async () => {
      const answer = await send(`{"kind":"group","memberIds":[],"metadata":{"a":[${number}]}}`);
      expectProblem(answer, 'invalid');
      expect(answer.body.violations[0].message).to.contain('beyond the range of a double');
      expect(rest.gateway.published).to.deep.equal([]);
    });

  for (const [what, raw] of Object.entries({
    'that is no JSON': '{"kind":',
    'that is not UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    'that is empty': '',
    'with a byte order mark': '\ufeff{}',
  }))
    it(`are malformed for a body ${what}`, async () => {
      expectProblem(await send(raw), 'malformed');
    });

  it('log no error for a complete body whose client disconnected before it was read', async () => {
    const head = `POST /v1/chats HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await tokenFor('alice')}\r\n`;
    const request = `${head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
    connect({ port: rest.server.port, host: '127.0.0.1' }).end(request).resume();
    const logged = () => rest.lines.find(({ message }) => message === 'request failed' || message === 'request');
    await eventually(logged, { within: 5_000, what: 'the end of the request' });
    // The previous test has finished its output.
    await rest.get('/v1/chats');
    expect(rest.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });

  it('are malformed for a missing body', async () => {
    expectProblem(await rest.call('POST', '/v1/chats'), 'malformed');
  });

  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=latin1',
    'application/merge-patch+json',
  ])
    it(`refuse ${type}`, async () => {
      expectProblem(await send('{}', { 'content-type': type }), 'unsupported_media_type');
    });

  it('refuse compressed bodies', async () => {
    expectProblem(await send('{}', { 'content-encoding': 'gzip' }), 'unsupported_media_type');
  });

  it('accept any spelling of application/json in UTF-8', async () => {
    const raw = JSON.stringify({ kind: 'group', memberIds: [] });
    for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'])
      expect((await send(raw, { 'content-type': type })).status).to.equal(201);
  });

  it('are too large above the limit, and nothing is published', async () => {
    expectProblem(await send(' '.repeat(REQUEST_BODY_MAX_BYTES + 1)), 'too_large');
    expect(rest.gateway.published).to.be.empty;
  });

  it('are too large above the limit, also with chunked encoding', async () => {
    const chunks = Array.from({ length: 9 }, () => new Uint8Array(64 * 1024).fill(0x20));
    const response = await fetch(`${rest.url}/v1/chats`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await tokenFor('alice')}`, 'content-type': 'application/json' },
      body: ReadableStream.from(chunks) as ReadableStream<Uint8Array>,
      duplex: 'half',
    });
    expect(response.status).to.equal(413);
  });

  it('are too large if the envelope or written-out numbers exceed the limit of commands', async () => {
    const chatId = await rest.group();
    const published = rest.gateway.published.length;
    const post = (raw: string) =>
      rest.call('POST', `/v1/chats/${chatId}/messages`, { raw, headers: { 'content-type': 'application/json' } });
    const fill = (bytes: number) => `{"body":"${'x'.repeat(bytes - 11)}"}`;
    expectProblem(await post(fill(BODY_MAX_BYTES)), 'too_large');
    expectProblem(await post(`{"body":"x","metadata":{"n":[${Array(40_000).fill('1e20').join(',')}]}}`), 'too_large');
    expect(rest.gateway.published).to.have.length(published);
    expectProblem(await post(fill(BODY_MAX_BYTES - 1024)), 'invalid');
  });

  it('accept 31 levels, one less than a command, and refuse more', async () => {
    const nested = (levels: number) => {
      const inner = levels - 2;
      return `{"kind":"group","memberIds":[],"metadata":${'{"a":'.repeat(inner)}{}${'}'.repeat(inner)}}`;
    };
    expect((await send(nested(31))).status).to.equal(201);
    expectProblem(await send(nested(32)), 'invalid');
    const deep = await send(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`);
    expectProblem(deep, 'invalid');
  });

  it('do not read the body of an unauthenticated caller', async () => {
    const answer = await rest.call('POST', '/v1/chats', { as: null, raw: 'nonsense' });
    expectProblem(answer, 'unauthenticated');
  });
});

describe('REST problems for refusals of the worker', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  const create = (more: object = {}) => rest.post('/v1/chats', { kind: 'group', memberIds: [], ...more });

  for (const [code, status] of Object.entries(REFUSAL_STATUS) as [RefusalCode, number][])
    it(`have the type ${code} and status ${status}`, async () => {
      rest.gateway.refuseNext(code);
      expectProblem(await create(), code);
    });

  it('contain all details of the receipt', async () => {
    const violations = [{ path: 'data.body', message: 'is too rude' }];
    rest.gateway.refuseNext('moderated', { detail: 'by rule 7', violations });
    const { body } = await rest.post(
      '/v1/chats',
      { kind: 'group', memberIds: [] },
      { headers: { 'idempotency-key': 'k1' } },
    );
    expect(body).to.deep.include({ detail: 'by rule 7', violations, commandId: 'k1' });
    expect(body).to.not.have.property('decisionId');
  });

  it('name the policy decision', async () => {
    const chatId = (await create({ kind: 'channel', memberIds: ['bob'] })).body.chatId;
    const answer = await rest.post(`/v1/chats/${chatId}/messages`, { body: 'hi' }, { as: 'bob' });
    expectProblem(answer, 'not_permitted');
    expect(answer.body.detail).to.include('members-post');
    const receipt = await rest.get(`/v1/receipts/${answer.body.commandId}`, { as: 'bob' });
    expect(answer.body.decisionId).to.be.a('string').and.to.equal(receipt.body.decisionId);
  });

  it('have Retry-After in seconds', async () => {
    rest.gateway.refuseNext('rate_limited', { retryAfter: 2.5 });
    const { headers, body } = await create();
    expect([headers.get('retry-after'), body.retryAfter]).to.deep.equal(['3', 2.5]);
  });

  it('have a challenge for authentication', async () => {
    rest.gateway.refuseNext('unauthenticated');
    expect((await create()).headers.get('www-authenticate')).to.match(/^Bearer /);
  });

  it('distinguish state from permission: a muted member, an archived chat', async () => {
    const chatId = await rest.group();
    const send = () => rest.post(`/v1/chats/${chatId}/messages`, { body: 'hi' }, { as: 'bob' });
    const [chat, bob] = [rest.world.chats.get(chatId), rest.world.members.get(chatId)?.get('bob')];
    if (chat === undefined || bob === undefined) throw new Error('not stored');
    bob.mutedUntil = new Date(Date.now() + 60_000);
    expectProblem(await send(), 'muted');
    bob.mutedUntil = null;
    chat.archivedAt = new Date();
    expectProblem(await send(), 'archived');
  });

  it("are the same for a non-member's chat and an unknown chat", async () => {
    const chatId = await rest.group();
    const missing = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
    const answers = [chatId, missing].map((id) =>
      rest.post(`/v1/chats/${id}/messages`, { body: 'hi' }, { as: 'mallory' }),
    );
    const [theirs, none] = (await Promise.all(answers)).map(({ status, body: { commandId, ...body } }) => ({
      status,
      body,
    }));
    expect(theirs).to.deep.equal(none);
    expect(none?.status).to.equal(404);
  });
});

describe('REST problems while a dependency is unavailable', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  const create = (more: object = {}) => rest.post('/v1/chats', { kind: 'group', memberIds: [], ...more });

  const restart = async (overrides: ConstructorParameters<typeof RestHarness>[0]) => {
    await rest.stop();
    rest = await new RestHarness(overrides).start();
  };
  const expectAway = (answer: RestAnswer) => {
    expectProblem(answer, 'unavailable');
    expect(answer.headers.get('retry-after')).to.equal('1');
    expect(JSON.stringify(answer.body)).to.not.include('10.0.0.7');
  };
  /** Queries on a store that does not respond until the test continues it. */
  class FailingQueries extends MemoryChatQueries {
    constructor(private readonly failure: Error) {
      super(rest.world);
    }
    override findChat(): Promise<never> {
      return Promise.reject(this.failure);
    }
  }
  const path = '/v1/chats/0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';

  it('report the broker', async () => {
    rest.gateway.onNext(async () => {
      throw new CommandUnavailable('connect to 10.0.0.7 refused');
    });
    expectAway(await create());
  });

  it('name a command that may have been published, so that the client can repeat it with its id', async () => {
    rest.gateway.onNext(async (command) => {
      await rest.gateway.decide(command);
      throw new CommandUnavailable('lost before it was confirmed');
    });
    const json = { kind: 'group', memberIds: ['bob'] };
    const { status, body } = await rest.post('/v1/chats', json);
    expect(status).to.equal(503);
    const again = await rest.post('/v1/chats', json, { headers: { 'idempotency-key': body.commandId } });
    expect([again.status, again.body.replayed, again.body.commandId]).to.deep.equal([200, true, body.commandId]);
    expect(rest.world.chats.size).to.equal(1);
  });

  it('name the command also after the time limit', async () => {
    await restart({ settings: { answerTimeLimitMs: 50, receiptTimeoutMs: 0 } });
    rest.gateway.onNext(() => new Promise(() => undefined));
    const { status, body } = await create();
    expect([status, body.commandId]).to.deep.equal([503, rest.gateway.last.commandId]);
  });

  it('report the store', async () => {
    await restart({ queries: new FailingQueries(new StoreError('unavailable', 'connect to 10.0.0.7 refused')) });
    expectAway(await rest.get(path));
  });

  it('report the token keys', async () => {
    await restart({ verifier: { verify: () => Promise.reject(new TokenKeysUnavailable('10.0.0.7')) } });
    expectAway(await rest.get(path));
  });

  it('report a bug as `internal`, logged, without details in the response', async () => {
    await restart({ queries: new FailingQueries(new Error('column secret_text does not exist')) });
    const answer = await rest.get(path);
    expectProblem(answer, 'internal');
    expect(Object.keys(answer.body)).to.deep.equal(['type', 'title', 'status']);
    const errors = rest.lines.filter(({ level }) => level === 'error');
    expect(errors.map(({ fields }) => (fields.error as Error).message)).to.deep.equal([
      'column secret_text does not exist',
    ]);
  });
});
