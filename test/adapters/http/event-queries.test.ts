import { expect } from 'chai';
import { RestHarness } from './rest-harness.js';

describe('REST queries about events', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  it("give a chat's events as CloudEvents by sequence", async () => {
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

  it('leave recipients out of the events of chats that are too large for it', async () => {
    await rest.stop();
    rest = await new RestHarness({ settings: { recipientsMax: 2 } }).start();
    const chatId = await rest.group(['bob', 'carol', 'dave']);
    const { data } = (await rest.get(`/v1/chats/${chatId}/events`)).body.items[0];
    expect(data).to.include({ recipients: null, recipientCount: 4 });
  });
});
