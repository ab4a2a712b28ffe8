import { expect } from 'chai';
import { v7 } from 'uuid';
import { RestHarness } from '../rest-harness.js';

describe('REST queries', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  describe('about objects that the caller may not see', () => {
    it('answer byte for byte like for unknown objects', async () => {
      const chatId = await rest.group();
      const { messageId } = await rest.say(chatId, 'secret');
      const missing = v7();
      const ofMessage = ['', '/revisions', '/thread', '/readers'].map((path) => `/messages/${messageId}${path}`);
      for (const rest_ of ['', '/members', '/messages', ...ofMessage, '/events']) {
        const reference = await rest.get(`/v1/chats/${missing}${rest_}`, { as: 'mallory' });
        expect(reference.status).to.equal(404);
        for (const as of ['mallory', 'other/alice']) {
          const forbidden = await rest.get(`/v1/chats/${chatId}${rest_}`, { as });
          expect(forbidden.status).to.equal(404);
          expect(forbidden.body).to.deep.equal(reference.body);
          const names = (headers: Headers) => [...headers.keys()].filter((name) => name !== 'date');
          expect(names(forbidden.headers)).to.deep.equal(names(reference.headers));
        }
      }
    });

    it('do not find a message through another chat', async () => {
      const [mine, theirs] = [await rest.group(), await rest.group()];
      const { messageId } = await rest.say(theirs, 'hi');
      for (const path of ['', '/revisions', '/thread', '/readers'])
        expect((await rest.get(`/v1/chats/${mine}/messages/${messageId}${path}`)).status, path).to.equal(404);
    });

    it('refuse a chat to a removed member', async () => {
      const chatId = await rest.group();
      expect((await rest.get(`/v1/chats/${chatId}`, { as: 'bob' })).status).to.equal(200);
      await rest.call('DELETE', `/v1/chats/${chatId}/members/bob`);
      expect((await rest.get(`/v1/chats/${chatId}`, { as: 'bob' })).status).to.equal(404);
    });
  });

  describe('about a since-joined chat', () => {
    let chatId: string;
    let before: { messageId: string; sequence: number };
    let since: { messageId: string; sequence: number };
    const asLate = { as: 'late' };

    beforeEach(async () => {
      chatId = await rest.group(['bob'], { historyVisibility: 'since-joined' });
      before = await rest.say(chatId, 'before');
      await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['late'] });
      since = await rest.say(chatId, 'since');
    });

    const texts = (items: { body: string }[]) => items.map(({ body }) => body);
    const messages = async (query = '') =>
      texts((await rest.get(`/v1/chats/${chatId}/messages${query}`, asLate)).body.items);

    it('return no earlier message to a later member in any query', async () => {
      expect(await messages()).to.deep.equal(['since']);
      expect(await messages('?after=0')).to.deep.equal(['since']);
      expect(await messages(`?before=${since.sequence}`)).to.deep.equal([]);
      expect((await rest.get(`/v1/chats/${chatId}/messages?limit=1`, asLate)).body.hasMore).to.equal(false);
      const missing = await rest.get(`/v1/chats/${chatId}/messages/${v7()}`, asLate);
      for (const path of ['', '/revisions', '/thread', '/readers']) {
        const { status, body } = await rest.get(`/v1/chats/${chatId}/messages/${before.messageId}${path}`, asLate);
        expect([status, body], path).to.deep.equal([404, missing.body]);
        expect((await rest.get(`/v1/chats/${chatId}/messages/${since.messageId}${path}`, asLate)).status).to.equal(200);
      }
      const events = (await rest.get(`/v1/chats/${chatId}/events`, asLate)).body.items;
      expect(events.map(({ data }: { data: { sequence: number } }) => data.sequence)).to.deep.equal([3, 4]);
    });

    it('return everything to the earlier members', async () => {
      const { items } = (await rest.get(`/v1/chats/${chatId}/messages`, { as: 'bob' })).body;
      expect(texts(items)).to.deep.equal(['before', 'since']);
    });

    it('return no last message and no unread count if all messages are earlier', async () => {
      await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['latest'] });
      const [item] = (await rest.get('/v1/chats', { as: 'latest' })).body.items;
      expect(item).to.include({ chatId, lastMessage: null, unreadCount: 0, lastSequence: 5 });
      expect((await rest.get('/v1/chats', asLate)).body.items[0].lastMessage.body).to.equal('since');
    });

    it('show that an earlier message was edited, without its text', async () => {
      await rest.patch(`/v1/chats/${chatId}/messages/${before.messageId}`, { body: 'secret', mentions: ['bob'] });
      const edited = async (as: string) =>
        (await rest.get(`/v1/chats/${chatId}/events?after=4`, { as })).body.items[0].data;
      expect(await edited('late')).to.deep.include({
        sequence: 5,
        body: null,
        erased: true,
        mentions: [],
        metadata: {},
      });
      expect(await edited('bob')).to.deep.include({ sequence: 5, body: 'secret', mentions: ['bob'] });
    });

    it('return everything after the history is opened', async () => {
      await rest.patch(`/v1/chats/${chatId}`, { historyVisibility: 'full' });
      expect(await messages()).to.deep.equal(['before', 'since']);
    });
  });
});
