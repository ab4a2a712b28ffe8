import { expect } from 'chai';
import { expectProblem } from '../expect-problem.js';
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
