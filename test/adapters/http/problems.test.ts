import { expect } from 'chai';
import { REQUEST_BODY_MAX_BYTES } from '../../../src/adapters/http/api-settings.js';
import { MemoryChatQueries } from '../../../src/adapters/memory/memory-chat-queries.js';
import { ProofUnavailable } from '../../../src/application/ports/actor-proof.js';
import { StoreError } from '../../../src/application/ports/command-store.js';
import { DoorClosed } from '../../../src/application/ports/transport.js';
import { BODY_MAX_BYTES } from '../../../src/contract/commands.js';
import type { ProblemCode, RefusalCode } from '../../../src/contract/problems.js';
import { type RestAnswer, tokenFor } from './rest-client.js';
import { RestHarness } from './rest-harness.js';

/** By the contract, section 1.3. */
const REFUSALS: Record<RefusalCode, number> = {
  invalid: 422,
  unsupported_type: 422,
  too_large: 413,
  unauthenticated: 401,
  not_found: 404,
  not_permitted: 403,
  muted: 403,
  archived: 403,
  conflict: 409,
  rate_limited: 429,
  moderated: 403,
};
const STATUS: Record<ProblemCode, number> = {
  ...REFUSALS,
  bad_request: 400,
  malformed: 400,
  method_not_allowed: 405,
  unsupported_media_type: 415,
  internal: 500,
  unavailable: 503,
};

function expectProblem({ status, headers, body }: RestAnswer, code: ProblemCode): void {
  expect(body).to.include({ type: `/problems/${code}`, status: STATUS[code] });
  expect(status).to.equal(STATUS[code]);
  expect(headers.get('content-type')).to.match(/^application\/problem\+json/);
}

describe('REST problems', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  const create = (more: object = {}) => rest.post('/v1/chats', { kind: 'group', memberIds: [], ...more });

  describe('for what a worker refuses', () => {
    for (const [code, status] of Object.entries(REFUSALS) as [RefusalCode, number][])
      it(`carry ${code} as its type with status ${status}`, async () => {
        rest.door.refuseNext(code);
        expectProblem(await create(), code);
      });

    it('carry everything the receipt says of it', async () => {
      const violations = [{ path: 'data.body', message: 'is too rude' }];
      rest.door.refuseNext('moderated', { detail: 'by rule 7', violations });
      const { body } = await rest.post(
        '/v1/chats',
        { kind: 'group', memberIds: [] },
        { headers: { 'idempotency-key': 'k1' } },
      );
      expect(body).to.deep.include({ detail: 'by rule 7', violations, commandId: 'k1' });
      expect(body).to.not.have.property('decisionId');
    });

    it('name the decision by which the policy refused', async () => {
      const chatId = (await create({ kind: 'channel', memberIds: ['bob'] })).body.chatId;
      const answer = await rest.post(`/v1/chats/${chatId}/messages`, { body: 'hi' }, { as: 'bob' });
      expectProblem(answer, 'not_permitted');
      expect(answer.body.detail).to.include('members-post');
      const receipt = await rest.get(`/v1/receipts/${answer.body.commandId}`, { as: 'bob' });
      expect(answer.body.decisionId).to.be.a('string').and.to.equal(receipt.body.decisionId);
    });

    it('say after how many seconds to try again', async () => {
      rest.door.refuseNext('rate_limited', { retryAfter: 2.5 });
      const { headers, body } = await create();
      expect([headers.get('retry-after'), body.retryAfter]).to.deep.equal(['3', 2.5]);
    });

    it('challenge for a proof of the actor', async () => {
      rest.door.refuseNext('unauthenticated');
      expect((await create()).headers.get('www-authenticate')).to.match(/^Bearer /);
    });

    it('tell state from permission: a muted member, an archived chat', async () => {
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

    it('do not tell a chat that the actor is not in from one that is not there', async () => {
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

  describe('for bodies', () => {
    const send = (raw: string | Uint8Array, headers: Record<string, string> = {}) =>
      rest.call('POST', '/v1/chats', { raw, headers: { 'content-type': 'application/json', ...headers } });

    for (const number of ['1e999', '-1e400', '9'.repeat(400)])
      it(`call ${number.slice(0, 6)} in one invalid, as for any producer, rather than store null in its place`, async () => {
        const answer = await send(`{"kind":"group","memberIds":[],"metadata":{"a":[${number}]}}`);
        expectProblem(answer, 'invalid');
        expect(answer.body.violations[0].message).to.contain('beyond the range of a double');
        expect(rest.door.published).to.deep.equal([]);
      });

    for (const [what, raw] of Object.entries({
      'that is no JSON': '{"kind":',
      'that is not UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      'that is empty': '',
      'with a byte order mark': '\ufeff{}',
    }))
      it(`call one ${what} malformed`, async () => {
        expectProblem(await send(raw), 'malformed');
      });

    it('call a missing one malformed', async () => {
      expectProblem(await rest.call('POST', '/v1/chats'), 'malformed');
    });

    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
      'application/merge-patch+json',
    ])
      it(`do not take ${type}`, async () => {
        expectProblem(await send('{}', { 'content-type': type }), 'unsupported_media_type');
      });

    it('do not take compressed ones', async () => {
      expectProblem(await send('{}', { 'content-encoding': 'gzip' }), 'unsupported_media_type');
    });

    it('take application/json in UTF-8, said in any way', async () => {
      const raw = JSON.stringify({ kind: 'group', memberIds: [] });
      for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'])
        expect((await send(raw, { 'content-type': type })).status).to.equal(201);
    });

    it('are too large past the limit, and are not published', async () => {
      expectProblem(await send(' '.repeat(REQUEST_BODY_MAX_BYTES + 1)), 'too_large');
      expect(rest.door.published).to.be.empty;
    });

    it('are too large past the limit, also where they come in chunks of unsaid number', async () => {
      const chunks = Array.from({ length: 9 }, () => new Uint8Array(64 * 1024).fill(0x20));
      const response = await fetch(`${rest.url}/v1/chats`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await tokenFor('alice')}`, 'content-type': 'application/json' },
        body: ReadableStream.from(chunks) as ReadableStream<Uint8Array>,
        duplex: 'half',
      });
      expect(response.status).to.equal(413);
    });

    it('are too large as commands where the envelope makes them so, or numbers that grow when written out', async () => {
      const chatId = await rest.group();
      const published = rest.door.published.length;
      const post = (raw: string) =>
        rest.call('POST', `/v1/chats/${chatId}/messages`, { raw, headers: { 'content-type': 'application/json' } });
      const fill = (bytes: number) => `{"body":"${'x'.repeat(bytes - 11)}"}`;
      expectProblem(await post(fill(BODY_MAX_BYTES)), 'too_large');
      expectProblem(await post(`{"body":"x","metadata":{"n":[${Array(40_000).fill('1e20').join(',')}]}}`), 'too_large');
      expect(rest.door.published).to.have.length(published);
      expectProblem(await post(fill(BODY_MAX_BYTES - 1024)), 'invalid');
    });

    it('may nest 31 levels deep, one less than the command around them, and no deeper', async () => {
      const nested = (levels: number) => {
        const inner = levels - 2;
        return `{"kind":"group","memberIds":[],"metadata":${'{"a":'.repeat(inner)}{}${'}'.repeat(inner)}}`;
      };
      expect((await send(nested(31))).status).to.equal(201);
      expectProblem(await send(nested(32)), 'invalid');
      const deep = await send(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`);
      expectProblem(deep, 'invalid');
    });

    it('are not read where the caller is unknown', async () => {
      const answer = await rest.call('POST', '/v1/chats', { as: null, raw: 'nonsense' });
      expectProblem(answer, 'unauthenticated');
    });
  });

  describe('for requests', () => {
    for (const path of ['/', '/v1', '/v1/nothing', '/v2/chats', '/V1/chats', '/v1/chats/a/b/c'])
      it(`say that nothing is at ${path}`, async () => {
        expectProblem(await rest.get(path), 'not_found');
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
      it(`say which methods ${path} knows when asked to ${method}`, async () => {
        const answer = await rest.call(method, path);
        expectProblem(answer, 'method_not_allowed');
        expect(answer.headers.get('allow')).to.equal(allow);
        const options = await rest.call('OPTIONS', path);
        expect([options.status, options.headers.get('allow')]).to.deep.equal([204, allow]);
      });

    it('say so where a path cannot be decoded', async () => {
      expectProblem(await rest.get('/v1/users/%E0%A4%A'), 'bad_request');
    });

    it('say after how long a caller may go on who asks too much, and leave others alone', async () => {
      await rest.stop();
      rest = await new RestHarness({ settings: { rateLimitRequests: 3, rateLimitWindowSeconds: 60 } }).start();
      for (let i = 0; i < 3; i += 1) expect((await rest.get('/v1/chats')).status).to.equal(200);
      const answer = await rest.get('/v1/chats');
      expectProblem(answer, 'rate_limited');
      expect(answer.body.retryAfter).to.be.within(1, 60);
      expect(answer.headers.get('retry-after')).to.equal(String(answer.body.retryAfter));
      expect((await rest.get('/v1/chats', { as: 'bob' })).status).to.equal(200);
      expect((await rest.get('/v1/chats', { as: 'acme/alice' })).status).to.equal(200);
    });
  });

  describe('while something is away', () => {
    const restart = async (overrides: ConstructorParameters<typeof RestHarness>[0]) => {
      await rest.stop();
      rest = await new RestHarness(overrides).start();
    };
    const expectAway = (answer: RestAnswer) => {
      expectProblem(answer, 'unavailable');
      expect(answer.headers.get('retry-after')).to.equal('1');
      expect(JSON.stringify(answer.body)).to.not.include('10.0.0.7');
    };
    /** Queries on a store that does not answer as long as it is said so. */
    class FailingQueries extends MemoryChatQueries {
      constructor(private readonly failure: Error) {
        super(rest.world);
      }
      override findChat(): Promise<never> {
        return Promise.reject(this.failure);
      }
    }
    const path = '/v1/chats/0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';

    it('say so of the broker', async () => {
      rest.door.onNext(async () => {
        throw new DoorClosed('connect to 10.0.0.7 refused');
      });
      expectAway(await create());
    });

    it('name the command that may have gone out all the same, for it to be sent again under that id', async () => {
      rest.door.onNext(async (command) => {
        await rest.door.decide(command);
        throw new DoorClosed('lost before it was confirmed');
      });
      const json = { kind: 'group', memberIds: ['bob'] };
      const { status, body } = await rest.post('/v1/chats', json);
      expect(status).to.equal(503);
      const again = await rest.post('/v1/chats', json, { headers: { 'idempotency-key': body.commandId } });
      expect([again.status, again.body.replayed, again.body.commandId]).to.deep.equal([200, true, body.commandId]);
      expect(rest.world.chats.size).to.equal(1);
    });

    it('name the command also where the answer takes too long', async () => {
      await restart({ settings: { answerTimeLimitMs: 50, receiptWaitMs: 0 } });
      rest.door.onNext(() => new Promise(() => undefined));
      const { status, body } = await create();
      expect([status, body.commandId]).to.deep.equal([503, rest.door.last.commandId]);
    });

    it('say so of the store', async () => {
      await restart({ queries: new FailingQueries(new StoreError('unavailable', 'connect to 10.0.0.7 refused')) });
      expectAway(await rest.get(path));
    });

    it('say so of the keys that tokens are checked by', async () => {
      await restart({ verifier: { verify: () => Promise.reject(new ProofUnavailable('10.0.0.7')) } });
      expectAway(await rest.get(path));
    });

    it('are our own fault where it is a bug: logged, with nothing of it in the answer', async () => {
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
});
