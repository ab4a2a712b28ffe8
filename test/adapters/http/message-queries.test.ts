import { expect } from 'chai';
import type { RestAnswer } from './rest-client.js';
import { RestHarness } from './rest-harness.js';

describe('REST queries about messages', () => {
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
});
