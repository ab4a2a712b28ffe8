import { expect } from 'chai';
import type { RestAnswer } from '../rest-client.js';
import { RestHarness } from '../rest-harness.js';

describe('REST queries about messages', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  const sequences = ({ body }: RestAnswer) => body.items.map(({ sequence }: { sequence: number }) => sequence);

  it('return messages by sequence in both directions, always ascending', async () => {
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

  it('return pages of 50 by default', async () => {
    const chatId = await rest.group();
    for (let i = 0; i < 51; i += 1) await rest.say(chatId, `number ${i}`);
    const { body } = await rest.get(`/v1/chats/${chatId}/messages`);
    expect(body.items).to.have.length(50);
    expect(body.hasMore).to.equal(true);
  });

  it('return a message with the data of its event and its present state', async () => {
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
    const { recipients, forActor, recipientCount, ...data } = events.body.items[0].data;
    expect(forActor).to.equal(true);
    expect({ recipients, recipientCount }).to.deep.equal({ recipients: ['alice'], recipientCount: 1 });
    expect(body).to.include({ commandId: receipt.commandId, actorId: 'bob' });
    expect(body).to.deep.equal({
      ...data,
      revision: 1,
      editedAt: null,
      deletedAt: null,
      reactions: [],
      reactionKinds: 0,
    });
    expect(body).to.include({ body: 'Grüße 👋', contentType: 'text/plain', inReplyTo: first.messageId, sequence: 3 });
  });

  it("return each message with its reactions, the most frequent first, and mark the caller's own", async () => {
    const chatId = await rest.group(['bob', 'carol']);
    const { messageId } = await rest.say(chatId, 'hello');
    const react = (emoji: string, as: string) =>
      rest.put(`/v1/chats/${chatId}/messages/${messageId}/reactions/${encodeURIComponent(emoji)}`, undefined, { as });
    for (const [emoji, as] of [
      [':wave:', 'bob'],
      ['👍', 'alice'],
      [':tea:', 'carol'],
      ['👍', 'carol'],
    ] as const)
      expect((await react(emoji, as)).status).to.equal(201);
    const seenBy = (mine: string[]) => [
      { emoji: '👍', count: 2, mine: mine.includes('👍') },
      { emoji: ':tea:', count: 1, mine: mine.includes(':tea:') },
      { emoji: ':wave:', count: 1, mine: mine.includes(':wave:') },
    ];
    for (const [as, mine] of [
      ['alice', ['👍']],
      ['bob', [':wave:']],
      ['carol', ['👍', ':tea:']],
    ] as const) {
      const expected = seenBy([...mine]);
      const path = `/v1/chats/${chatId}/messages`;
      expect((await rest.get(`${path}/${messageId}`, { as })).body.reactions).to.deep.equal(expected);
      expect((await rest.get(path, { as })).body.items[0].reactions).to.deep.equal(expected);
      expect((await rest.get(`${path}/${messageId}/thread`, { as })).body.root.reactions).to.deep.equal(expected);
      expect((await rest.get('/v1/chats', { as })).body.items[0].lastMessage.reactions).to.deep.equal(expected);
    }
  });

  describe('of earlier texts', () => {
    it('return them oldest first, in pages, with author and time', async () => {
      const chatId = await rest.group();
      const sent = await rest.post(`/v1/chats/${chatId}/messages`, {
        body: 'one',
        mentions: ['bob'],
        metadata: { a: 1 },
      });
      const path = `/v1/chats/${chatId}/messages/${sent.body.messageId}`;
      expect((await rest.get(`${path}/revisions`)).body).to.deep.equal({ items: [], nextCursor: null });
      const second = await rest.patch(path, { body: 'two', mentions: [], metadata: {} });
      await rest.patch(path, { body: 'three' });
      await rest.patch(path, { body: 'four' });

      const found = await rest.pages(`${path}/revisions?limit=2`, 'bob');
      expect(found.map((items) => items.map(({ body }) => body))).to.deep.equal([['one', 'two'], ['three']]);
      expect(found[0]).to.deep.equal([
        { ...{ revision: 1, body: 'one', mentions: ['bob'], metadata: { a: 1 } }, actorId: 'alice', at: sent.body.at },
        { ...{ revision: 2, body: 'two', mentions: [], metadata: {} }, actorId: 'alice', at: second.body.at },
      ]);
      expect((await rest.get(path)).body).to.include({ body: 'four', revision: 4 });
      await rest.delete(path);
      expect((await rest.get(`${path}/revisions`)).body).to.deep.equal({ items: [], nextCursor: null });
    });

    it('refuse the cursor of another message', async () => {
      const chatId = await rest.group();
      const path = async () => {
        const { messageId } = await rest.say(chatId, 'one');
        const message = `/v1/chats/${chatId}/messages/${messageId}`;
        for (const body of ['two', 'three']) await rest.patch(message, { body });
        return `${message}/revisions`;
      };
      const [one, other] = [await path(), await path()];
      const { nextCursor } = (await rest.get(`${one}?limit=1`)).body;
      expect((await rest.get(`${one}?cursor=${nextCursor}`)).body.items).to.have.length(1);
      expect((await rest.get(`${other}?cursor=${nextCursor}`)).body.violations[0].path).to.equal('cursor');
    });
  });

  describe('of a thread', () => {
    it('return its root, the number of replies, the last reply, and a page in both directions', async () => {
      const chatId = await rest.group();
      const { messageId: threadRootId } = await rest.say(chatId, 'what of it?');
      const path = `/v1/chats/${chatId}/messages/${threadRootId}/thread`;
      const root = (await rest.get(`/v1/chats/${chatId}/messages/${threadRootId}`)).body;
      const nothing = { root, replyCount: 0, lastReply: null, items: [], hasMore: false };
      expect((await rest.get(path)).body).to.deep.equal(nothing);
      for (const body of ['a', 'b', 'c']) {
        await rest.post(`/v1/chats/${chatId}/messages`, { body, threadRootId }, { as: 'bob' });
        await rest.say(chatId, 'something else');
      }

      const thread = await rest.get(path);
      expect(thread.status).to.equal(200);
      expect(thread.body).to.deep.include({ root, replyCount: 3, hasMore: false });
      expect(thread.body.items.map(({ body }: { body: string }) => body)).to.deep.equal(['a', 'b', 'c']);
      expect(thread.body.lastReply).to.deep.equal(thread.body.items[2]);
      const latest = await rest.get(`${path}?limit=1`);
      expect([sequences(latest), latest.body.hasMore]).to.deep.equal([[7], true]);
      const before = await rest.get(`${path}?limit=1&before=7`);
      expect([sequences(before), before.body.hasMore, before.body.lastReply.sequence]).to.deep.equal([[5], true, 7]);
      const after = await rest.get(`${path}?limit=2&after=3`);
      expect([sequences(after), after.body.hasMore]).to.deep.equal([[5, 7], false]);
    });

    it('count and show tombstones of soft-deleted replies, but no hard-deleted replies', async () => {
      const chatId = await rest.group();
      const { messageId: threadRootId } = await rest.say(chatId, 'what of it?');
      const reply = async (body: string) =>
        (await rest.post(`/v1/chats/${chatId}/messages`, { body, threadRootId })).body.messageId;
      const [soft, hard] = [await reply('soft'), await reply('hard')];
      await rest.delete(`/v1/chats/${chatId}/messages/${soft}`);
      await rest.delete(`/v1/chats/${chatId}/messages/${hard}?mode=hard`);
      const { body } = await rest.get(`/v1/chats/${chatId}/messages/${threadRootId}/thread`);
      expect(body.replyCount).to.equal(1);
      expect(body.lastReply).to.include({ messageId: soft, body: null, erased: true });
      expect(body.items).to.deep.equal([body.lastReply]);
    });
  });

  describe('of readers', () => {
    it('return readers by user id, in pages, without the sender and later members', async () => {
      const chatId = await rest.group(['bob', 'Carl', 'dave', 'erin']);
      const { messageId, sequence } = await rest.say(chatId, 'read this', 'bob');
      await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['late'] });
      const read = (as: string, upTo: number) => rest.put(`/v1/chats/${chatId}/read`, { upTo }, { as });
      for (const as of ['bob', 'Carl', 'late']) await read(as, 9);
      await read('dave', sequence);
      await read('erin', sequence - 1);
      await rest.say(chatId, 'so did I');

      const found = await rest.pages(`/v1/chats/${chatId}/messages/${messageId}/readers?limit=2`, 'erin');
      expect(found).to.deep.equal([
        [
          { userId: 'Carl', readSequence: 3, deliveredSequence: 3 },
          { userId: 'alice', readSequence: 4, deliveredSequence: 4 },
        ],
        [{ userId: 'dave', readSequence: 2, deliveredSequence: 2 }],
      ]);
    });

    it('return, for the delivery mark, also members whom the message has reached', async () => {
      const chatId = await rest.group(['bob', 'carol', 'dave', 'erin']);
      const { messageId, sequence } = await rest.say(chatId, 'read this', 'bob');
      await rest.put(`/v1/chats/${chatId}/delivered`, { upTo: sequence }, { as: 'carol' });
      await rest.put(`/v1/chats/${chatId}/delivered`, { upTo: sequence - 1 }, { as: 'erin' });
      await rest.put(`/v1/chats/${chatId}/read`, { upTo: sequence }, { as: 'dave' });
      const path = `/v1/chats/${chatId}/messages/${messageId}/readers`;
      const carol = { userId: 'carol', readSequence: sequence - 1, deliveredSequence: sequence };
      const dave = { userId: 'dave', readSequence: sequence, deliveredSequence: sequence };
      expect((await rest.get(`${path}?mark=delivered`)).body.items).to.deep.equal([carol, dave]);
      expect((await rest.get(path)).body.items).to.deep.equal([dave]);
      expect(await rest.pages(`${path}?mark=delivered&limit=1`)).to.deep.equal([[carol], [dave]]);
      const { nextCursor } = (await rest.get(`${path}?mark=delivered&limit=1`)).body;
      const elsewhere = await rest.get(`${path}?limit=1&cursor=${nextCursor}`);
      expect([elsewhere.status, (await rest.get(`${path}?mark=seen`)).status]).to.deep.equal([400, 400]);
    });

    it('are not permitted in chats of more than 1,000 members', async () => {
      const chatId = await rest.group();
      const { messageId } = await rest.say(chatId, 'read this');
      const chat = rest.world.chats.get(chatId);
      if (chat === undefined) throw new Error('no such chat');
      const readers = () => rest.get(`/v1/chats/${chatId}/messages/${messageId}/readers`);
      chat.memberCount = 1_000;
      expect((await readers()).status).to.equal(200);
      chat.memberCount = 1_001;
      const { status, body } = await readers();
      expect([status, body.type]).to.deep.equal([403, '/problems/not_permitted']);
      expect(body.detail).to.include('up to 1000 members');
    });
  });
});
