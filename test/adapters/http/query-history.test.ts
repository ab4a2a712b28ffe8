import { expect } from 'chai';
import type { RestAnswer } from './rest-client.js';
import { RestHarness } from './rest-harness.js';

describe('REST queries for messages and events', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  const sequences = ({ body }: RestAnswer) => body.items.map(({ sequence }: { sequence: number }) => sequence);

  it('give history by sequence, either way, always ascending', async () => {
    const chatId = await rest.group();
    for (const text of ['a', 'b', 'c', 'd', 'e']) await rest.say(chatId, text);
    const history = (query: string) => rest.get(`/v1/chats/${chatId}/messages?${query}`, { as: 'bob' });

    const latest = await history('limit=2');
    expect([sequences(latest), latest.body.hasMore]).to.deep.equal([[5, 6], true]);
    const earlier = await history('limit=2&before=5');
    expect([sequences(earlier), earlier.body.hasMore]).to.deep.equal([[3, 4], true]);
    const earliest = await history('limit=2&before=3');
    expect([sequences(earliest), earliest.body.hasMore]).to.deep.equal([[2], false]);
    const onwards = await history('limit=3&after=2');
    expect([sequences(onwards), onwards.body.hasMore]).to.deep.equal([[3, 4, 5], true]);
    const fromStart = await history('after=0&limit=200');
    expect([sequences(fromStart), fromStart.body.hasMore]).to.deep.equal([[2, 3, 4, 5, 6], false]);
  });

  it('give pages of 50 where no size is asked for', async () => {
    const chatId = await rest.group();
    for (let i = 0; i < 51; i += 1) await rest.say(chatId, `number ${i}`);
    const { body } = await rest.get(`/v1/chats/${chatId}/messages`);
    expect(body.items).to.have.length(50);
    expect(body.hasMore).to.equal(true);
  });

  it("give a message as in its event's data, and what became of it since", async () => {
    const chatId = await rest.group();
    const first = await rest.say(chatId, 'hello');
    const { body: receipt } = await rest.post(
      `/v1/chats/${chatId}/messages`,
      {
        body: 'Grüße 👋',
        inReplyTo: first.messageId,
        mentions: ['alice'],
        metadata: { b: 1, a: [null] },
        attachments: [{ url: 'https://files.example.com/1', mediaType: 'image/png', size: 3, name: 'one.png' }],
      },
      { as: 'bob' },
    );

    const { status, body } = await rest.get(`/v1/chats/${chatId}/messages/${receipt.messageId}`);
    expect(status).to.equal(200);
    const events = await rest.get(`/v1/chats/${chatId}/events?after=2`);
    const { recipients, recipientCount, ...data } = events.body.items[0].data;
    expect({ recipients, recipientCount }).to.deep.equal({ recipients: ['alice'], recipientCount: 1 });
    expect(body).to.include({ commandId: receipt.commandId, actorId: 'bob' });
    expect(body).to.deep.equal({ ...data, revision: 1, editedAt: null, deletedAt: null, reactions: [] });
    expect(body).to.include({ body: 'Grüße 👋', contentType: 'text/plain', inReplyTo: first.messageId, sequence: 3 });
  });

  it('tell an erased text from an empty one', async () => {
    const chatId = await rest.group();
    const { messageId } = await rest.say(chatId, 'hello');
    const message = rest.world.messages.get(messageId);
    if (message === undefined) throw new Error('not stored');
    message.body = null;

    expect((await rest.get(`/v1/chats/${chatId}/messages/${messageId}`)).body).to.include({ body: null, erased: true });
    expect((await rest.get(`/v1/chats/${chatId}/events?after=1`)).body.items[0].data).to.include({
      body: null,
      erased: true,
    });
  });

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
    expect(data).to.include({ recipients: null, recipientCount: 3 });
  });
});
