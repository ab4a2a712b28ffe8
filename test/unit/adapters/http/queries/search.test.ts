import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { expectProblem } from '../expect-problem.js';
import { RestHarness } from '../rest-harness.js';

describe('REST search without a store that can search', () => {
  let rest: RestHarness;
  beforeEach(async () => {
    rest = await new RestHarness({ search: null }).start();
  });
  afterEach(() => rest.stop());

  it('is answered with 501 and a problem document, and other requests work', async () => {
    const { chatId } = (await rest.post('/v1/chats', { kind: 'group', memberIds: ['bob'] })).body;
    for (const query of ['q=tea', `q=tea&chatId=${chatId}`]) {
      const answer = await rest.get(`/v1/search/messages?${query}`);
      expectProblem(answer, 'not_implemented');
      expect(answer.body.detail).to.include('message search');
    }
    expect((await rest.get(`/v1/chats/${chatId}/messages`)).status).to.equal(200);
  });

  it('is still refused to a caller without a token, and for a query that cannot be read', async () => {
    expectProblem(await rest.get('/v1/search/messages?q=tea', { as: null }), 'unauthenticated');
    expectProblem(await rest.get('/v1/search/messages?q='), 'bad_request');
  });
});

describe('REST search', () => {
  let rest: RestHarness;
  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  async function chatWith(texts: string[]): Promise<string> {
    const { chatId } = (await rest.post('/v1/chats', { kind: 'group', memberIds: ['bob'] })).body;
    for (const text of texts) await rest.say(chatId, text);
    return chatId;
  }

  it('finds messages with highlights, page by page', async () => {
    const chatId = await chatWith(['one tea', 'two teas', 'more tea']);
    const first = await rest.get('/v1/search/messages?q=tea&limit=1');
    expect(first.status).to.equal(200);
    const [hit] = first.body.items;
    expect(hit.message).to.include({ chatId });
    expect(hit.highlights.flat().filter(({ match }: { match: boolean }) => match)).to.deep.equal([
      { text: 'tea', match: true },
    ]);
    const next = await rest.get(
      `/v1/search/messages?q=tea&limit=1&cursor=${encodeURIComponent(first.body.nextCursor)}`,
    );
    expect(next.body.items).to.have.length(1);
    expect(new Set([hit, ...next.body.items].map(({ message }) => message.body))).to.deep.equal(
      new Set(['one tea', 'more tea']),
    );
    expect(next.body.nextCursor).to.equal(null);
  });

  it("answers the same for a non-member's chat and an unknown chat", async () => {
    const chatId = await chatWith(['tea']);
    const answers = await Promise.all(
      [chatId, randomUUID()].map((id) => rest.get(`/v1/search/messages?q=tea&chatId=${id}`, { as: 'mallory' })),
    );
    expect(answers.map(({ status }) => status)).to.deep.equal([404, 404]);
    expect(answers[0]?.body).to.deep.equal(answers[1]?.body);
    expect((await rest.get('/v1/search/messages?q=tea', { as: 'mallory' })).body.items).to.deep.equal([]);
  });

  for (const [query, path] of [
    ['', 'q'],
    ['q=', 'q'],
    [`q=${'x'.repeat(257)}`, 'q'],
    ['q=a%00b', 'q'],
    ['q=tea&from=yesterday', 'from'],
    ['q=tea&to=2026-13-01T00:00:00Z', 'to'],
    ['q=tea&chatId=x', 'chatId'],
    ['q=tea&senderId=%20', 'senderId'],
    ['q=tea&cursor=made-up', 'cursor'],
    [`q=${'-'.repeat(33)}`, 'q'],
    ['q=%22%22+()', 'q'],
    ['q=tea&limit=0', 'limit'],
    ['q=tea&limit=51', 'limit'],
    ['q=tea&order=best', 'order'],
  ] as const)
    it(`refuses the query "${query.slice(0, 40)}" because of ${path}`, async () => {
      const { status, body } = await rest.get(`/v1/search/messages?${query}`);
      expect(status).to.equal(400);
      expect(body.violations.map((violation: { path: string }) => violation.path)).to.deep.equal([path]);
    });

  it('returns a cursor that is valid only for the same words', async () => {
    await chatWith(['tea', 'tea and coffee']);
    const { nextCursor } = (await rest.get('/v1/search/messages?q=tea&limit=1')).body;
    const other = await rest.get(`/v1/search/messages?q=coffee&cursor=${encodeURIComponent(nextCursor)}`);
    expect(other.status).to.equal(400);
  });
});
