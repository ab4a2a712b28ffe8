import { expect } from 'chai';
import { v7 } from 'uuid';
import { RestHarness } from './rest-harness.js';

describe('REST queries', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  describe('about what the caller may not see', () => {
    it('answer as if it were not there, to the byte', async () => {
      const chatId = await rest.group();
      const { messageId } = await rest.say(chatId, 'secret');
      const missing = v7();
      for (const rest_ of ['', '/members', '/messages', `/messages/${messageId}`, '/events']) {
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

    it('do not find a message by way of another chat', async () => {
      const [mine, theirs] = [await rest.group(), await rest.group()];
      const { messageId } = await rest.say(theirs, 'hi');
      expect((await rest.get(`/v1/chats/${mine}/messages/${messageId}`)).status).to.equal(404);
    });

    it('close a chat to a member who was removed', async () => {
      const chatId = await rest.group();
      expect((await rest.get(`/v1/chats/${chatId}`, { as: 'bob' })).status).to.equal(200);
      await rest.call('DELETE', `/v1/chats/${chatId}/members/bob`);
      expect((await rest.get(`/v1/chats/${chatId}`, { as: 'bob' })).status).to.equal(404);
    });
  });
});
