import { expect } from 'chai';
import { directChatId } from '../../../../../src/contract/messages/direct-chat-id.js';
import { RestHarness } from '../rest-harness.js';

describe('REST queries', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  for (const path of [
    '/v1/chats/1',
    `/v1/chats/${directChatId('default', 'a', 'b').toUpperCase()}/messages`,
    '/v1/users/%20',
    '/v1/receipts/a%2Fb',
  ])
    it(`answer 404 to ${path}, which is not a valid id`, async () => {
      expect((await rest.get(path)).body.type).to.equal('/problems/not_found');
    });

  const badQueries = [
    ...['limit=0', 'limit=201', 'limit=-1', 'limit=ten', 'limit=', 'limit=1e1', 'limit=1&limit=2'].map(
      (query) => `/v1/chats?${query}`,
    ),
    ...['kind=party', 'archived=yes', 'cursor=', 'colour=red'].map((query) => `/v1/chats?${query}`),
    ...['after=-1', 'before=x', 'after=1&before=3', 'limit=1000', 'from=3', `after=${'9'.repeat(20)}`].map(
      (query) => `MESSAGES?${query}`,
    ),
    ...['after=one', 'before=3'].map((query) => `EVENTS?${query}`),
    ...['after=-1', 'after=1&before=3', 'limit=201', 'cursor=x'].map((query) => `MESSAGES/ID/thread?${query}`),
    ...['limit=0', 'after=3', 'cursor=x'].flatMap((query) =>
      ['revisions', 'readers'].map((list) => `MESSAGES/ID/${list}?${query}`),
    ),
    '/v1/me/unread?kind=group',
  ];
  for (const query of badQueries)
    it(`refuse ${query} as a bad request that names the parameter`, async () => {
      const chatId = await rest.group();
      const { messageId } = await rest.say(chatId, 'hello');
      const path = query
        .replace('ID', messageId)
        .replace('MESSAGES', `/v1/chats/${chatId}/messages`)
        .replace('EVENTS', `/v1/chats/${chatId}/events`);
      const { status, body } = await rest.get(path);
      expect(status).to.equal(400);
      expect(body.type).to.equal('/problems/bad_request');
      expect(body.violations).to.have.length(1);
      expect(body.violations[0].path).to.equal(/\?.*?([a-z]+)=[^&]*$/.exec(query)?.[1]);
    });

  it('refuse parameters of operations without parameters', async () => {
    const chatId = await rest.group();
    const answers = [
      await rest.get(`/v1/chats/${chatId}?archived=true`),
      await rest.get('/v1/users/alice?limit=1'),
      await rest.post(`/v1/chats/${chatId}/messages?draft=true`, { body: 'x' }),
      await rest.call('DELETE', `/v1/chats/${chatId}/members/bob?dryRun=true&force=1`),
    ];
    expect(answers.map(({ status }) => status)).to.deep.equal([400, 400, 400, 400]);
    expect(answers.map(({ body }) => body.violations.map(({ path }: { path: string }) => path))).to.deep.equal([
      ['archived'],
      ['limit'],
      ['draft'],
      ['dryRun', 'force'],
    ]);
    expect((await rest.get(`/v1/chats/${chatId}/members`)).body.items).to.have.length(2);
  });
});
