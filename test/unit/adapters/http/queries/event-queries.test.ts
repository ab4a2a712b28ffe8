import { expect } from 'chai';
import { RestHarness } from '../rest-harness.js';

describe('REST queries about events', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  it("return a chat's events as CloudEvents by sequence", async () => {
    const chatId = await rest.group();
    const { messageId } = await rest.say(chatId, 'hello');
    await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['carol'] });
    await rest.call('DELETE', `/v1/chats/${chatId}/members/carol`);

    const { status, body } = await rest.get(`/v1/chats/${chatId}/events?limit=3`, { as: 'bob' });
    expect(status).to.equal(200);
    expect(body.hasMore).to.equal(true);
    expect(body.items.map(({ type }: { type: string }) => type)).to.deep.equal([
      'chat.created',
      'message.created',
      'member.added',
    ]);
    expect(body.items[1]).to.include({
      specversion: '1.0',
      id: `${chatId}/2`,
      source: `/parley/${rest.world.storeId}/default`,
      subject: `chats/${chatId}/messages/${messageId}`,
      partitionkey: chatId,
      sequence: '2',
    });
    const rest2 = await rest.get(`/v1/chats/${chatId}/events?after=3`, { as: 'bob' });
    expect(rest2.body.hasMore).to.equal(false);
    expect(rest2.body.items[0].data).to.include({ userId: 'carol', left: false, recipientCount: 2 });
    expect(rest2.body.items[0].data.recipients).to.deep.equal(['bob', 'carol']);
  });

  describe('of a since-joined chat', () => {
    let chatId: string;
    let messageId: string;
    /** Carol joins after the message; with the next numbers it is edited, reacted to, unreacted and deleted. */
    beforeEach(async () => {
      chatId = await rest.group(['bob'], { historyVisibility: 'since-joined' });
      messageId = (await rest.say(chatId, 'before')).messageId;
      await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['carol'] });
      const message = `/v1/chats/${chatId}/messages/${messageId}`;
      await rest.patch(message, { body: 'edited', metadata: { k: 1 } });
      await rest.put(`${message}/reactions/:tea:`);
      await rest.delete(`${message}/reactions/:tea:`);
      await rest.delete(message);
    });

    const numbersOf = (items: { data: { sequence: number } }[]) => items.map(({ data }) => data.sequence);
    const contentOf = ({ data, type }: { type: string; data: { [key: string]: unknown } }) => {
      const { messageSequence, body, metadata, emoji, erased, recipients, recipientCount } = data;
      return { type, messageSequence, body, metadata, emoji, erased, recipients, recipientCount };
    };
    const none = { body: undefined, metadata: undefined, emoji: undefined, erased: undefined };
    const ofMessage = { ...none, messageSequence: 2, recipients: ['bob'], recipientCount: 1 };

    it('have no gap for later members, and no content of invisible messages', async () => {
      const { body } = await rest.get(`/v1/chats/${chatId}/events`, { as: 'carol' });
      expect(numbersOf(body.items)).to.deep.equal([3, 4, 5, 6, 7]);
      expect(body.items.slice(1).map(contentOf)).to.deep.equal([
        { ...ofMessage, type: 'message.edited', body: null, metadata: {}, erased: true },
        { ...ofMessage, type: 'message.reacted', emoji: null, erased: true },
        { ...ofMessage, type: 'message.unreacted', emoji: null, erased: true },
        { ...ofMessage, type: 'message.deleted', erased: true },
      ]);
      const synced = (await rest.get('/v1/sync', { as: 'carol' })).body.items;
      expect(synced[0].events).to.deep.equal(body.items);
    });

    it('show the content to earlier members, and list only them', async () => {
      const { body } = await rest.get(`/v1/chats/${chatId}/events?after=3`, { as: 'bob' });
      expect(body.items.map(contentOf)).to.deep.equal([
        // Deleted since.
        { ...ofMessage, type: 'message.edited', body: null, metadata: {}, erased: true },
        { ...ofMessage, type: 'message.reacted', emoji: ':tea:' },
        { ...ofMessage, type: 'message.unreacted', emoji: ':tea:' },
        { ...ofMessage, type: 'message.deleted' },
      ]);
    });

    it("can be delivered with the members' first visible sequence", async () => {
      const { body } = await rest.get(`/v1/chats/${chatId}/members`);
      const first = Object.fromEntries(
        body.items.map(({ userId, firstVisibleSequence }: { userId: string; firstVisibleSequence: number }) => [
          userId,
          firstVisibleSequence,
        ]),
      );
      expect(first).to.deep.equal({ alice: 1, bob: 1, carol: 3 });
    });
  });

  it('omit recipients for large chats', async () => {
    await rest.stop();
    rest = await new RestHarness({ settings: { recipientsMax: 2 } }).start();
    const chatId = await rest.group(['bob', 'carol', 'dave']);
    const { data } = (await rest.get(`/v1/chats/${chatId}/events`)).body.items[0];
    expect(data).to.include({ recipients: null, recipientCount: 4 });
  });
});
