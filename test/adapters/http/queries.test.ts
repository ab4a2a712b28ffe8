import { expect } from 'chai';
import { v7 } from 'uuid';
import { directChatId } from '../../../src/contract/direct-id.js';
import type { RestAnswer } from './rest-client.js';
import { RestHarness } from './rest-harness.js';

describe('REST queries', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  const sequences = ({ body }: RestAnswer) => body.items.map(({ sequence }: { sequence: number }) => sequence);

  it("list the caller's chats, newest activity first, with the last message and what is unread", async () => {
    const quiet = await rest.group(['bob'], { title: 'Quiet', metadata: { topic: 'tea' } });
    const loud = await rest.group(['bob', 'carol']);
    const { messageId } = await rest.say(loud, 'hello');
    await rest.say(loud, 'anyone?');
    // Activity is told apart by the millisecond: these chats must not share one.
    setActivity(quiet, '2026-01-01T00:00:00.000Z');

    const { status, body } = await rest.get('/v1/chats', { as: 'bob' });
    expect(status).to.equal(200);
    expect(body.nextCursor).to.equal(null);
    const [first, second, ...more] = body.items;
    expect(more).to.deep.equal([]);
    expect(first).to.include({ chatId: loud, kind: 'group', title: null, memberCount: 3, role: 'member' });
    expect(first).to.include({ lastSequence: 3, unreadCount: 2, archived: false });
    expect(first.lastMessage).to.include({ body: 'anyone?', senderId: 'alice', sequence: 3 });
    expect(first.lastMessage.messageId).to.not.equal(messageId);
    expect(second).to.include({ chatId: quiet, title: 'Quiet', unreadCount: 0, lastMessage: null });
    expect(second.metadata).to.deep.equal({ topic: 'tea' });
    expect((await rest.get('/v1/chats')).body.items[0]).to.include({ role: 'owner', unreadCount: 0 });
    expect((await rest.get('/v1/chats', { as: 'dave' })).body).to.deep.equal({ items: [], nextCursor: null });
  });

  it('page the chat list without losing or repeating a chat, those of one millisecond included', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 7; i += 1) ids.push(await rest.group());
    for (const chatId of ids.slice(0, 4)) setActivity(chatId, '2026-01-01T00:00:00.000Z');

    const found = await rest.pages('/v1/chats?limit=3');
    expect(found.map((items) => items.length)).to.deep.equal([3, 3, 1]);
    expect(found.flat().map(({ chatId }) => chatId)).to.have.members(ids);
  });

  it('list only chats of a kind, and only archived or unarchived ones', async () => {
    const group = await rest.group();
    const direct = (await rest.post('/v1/chats', { kind: 'direct', memberIds: ['bob'] })).body.chatId;
    const archived = await rest.group();
    archive(archived);

    const listed = async (query: string) =>
      (await rest.get(`/v1/chats?${query}`)).body.items.map(({ chatId }: { chatId: string }) => chatId);
    expect(await listed('kind=direct')).to.deep.equal([direct]);
    expect(await listed('archived=true')).to.deep.equal([archived]);
    expect(await listed('archived=false&kind=group')).to.deep.equal([group]);
    expect(await listed('')).to.have.members([group, direct, archived]);
  });

  it("give one chat with the caller's membership", async () => {
    const chatId = await rest.group(['bob'], { title: 'Tea' });
    await rest.say(chatId, 'hello');

    const { status, body } = await rest.get(`/v1/chats/${chatId}`, { as: 'bob' });
    expect(status).to.equal(200);
    expect(body).to.include({
      chatId,
      tenantId: 'default',
      title: 'Tea',
      createdBy: 'alice',
      role: 'member',
      unreadCount: 1,
    });
    expect(body.membership).to.include({
      userId: 'bob',
      role: 'member',
      joinedSequence: 1,
      readSequence: 1,
      mutedUntil: null,
    });
  });

  it('list members with roles by user id, in pages', async () => {
    const chatId = await rest.group(['bob', 'Zoe', 'carol', 'b+1@x.org']);
    const found = await rest.pages(`/v1/chats/${chatId}/members?limit=2`, 'bob');
    expect(found.map((items) => items.map(({ userId, role }) => `${userId}: ${role}`))).to.deep.equal([
      ['Zoe: member', 'alice: owner'],
      ['b+1@x.org: member', 'bob: member'],
      ['carol: member'],
    ]);
  });

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
    Object.assign(message, { body: null, deletedAt: new Date() });

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

  it("give the caller's stored receipt, and nobody else's", async () => {
    const chatId = await rest.group();
    const { body: receipt } = await rest.post(`/v1/chats/${chatId}/messages`, { body: 'hi' });
    const path = `/v1/receipts/${receipt.commandId}`;
    expect((await rest.get(path)).body).to.deep.equal(receipt);
    expect((await rest.get(path, { as: 'bob' })).status).to.equal(404);
    expect((await rest.get(path, { as: 'acme/alice' })).status).to.equal(404);
    expect((await rest.get('/v1/receipts/unheard-of')).status).to.equal(404);
  });

  it("give profiles of the caller's tenant; a user without one is not found", async () => {
    await rest.call('PUT', '/v1/me', {
      json: { displayName: 'Alice', avatarUrl: 'https://a.example.com/1', metadata: { x: 1 } },
    });
    const { status, body } = await rest.get('/v1/users/alice', { as: 'bob' });
    expect(status).to.equal(200);
    expect(body).to.include({ tenantId: 'default', userId: 'alice', displayName: 'Alice', kind: 'human', revision: 1 });
    expect(body.metadata).to.deep.equal({ x: 1 });
    expect((await rest.get('/v1/users/alice', { as: 'acme/bob' })).status).to.equal(404);
    expect((await rest.get('/v1/users/bob')).status).to.equal(404);
  });

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

  for (const path of [
    '/v1/chats/1',
    `/v1/chats/${directChatId('default', 'a', 'b').toUpperCase()}/messages`,
    '/v1/users/%20',
    '/v1/receipts/a%2Fb',
  ])
    it(`find nothing under ${path}, which can be no id`, async () => {
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
  ];
  for (const query of badQueries)
    it(`refuse ${query} as a bad request that names the parameter`, async () => {
      const chatId = await rest.group();
      const path = query
        .replace('MESSAGES', `/v1/chats/${chatId}/messages`)
        .replace('EVENTS', `/v1/chats/${chatId}/events`);
      const { status, body } = await rest.get(path);
      expect(status).to.equal(400);
      expect(body.type).to.equal('/problems/bad_request');
      expect(body.violations).to.have.length(1);
      expect(body.violations[0].path).to.equal(/\?.*?([a-z]+)=[^&]*$/.exec(query)?.[1]);
    });

  it('refuse parameters where there are none to give, too', async () => {
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

  function setActivity(chatId: string, at: string): void {
    const chat = rest.world.chats.get(chatId);
    if (chat === undefined) throw new Error('no such chat');
    chat.lastActivityAt = new Date(at);
  }

  function archive(chatId: string): void {
    const chat = rest.world.chats.get(chatId);
    if (chat === undefined) throw new Error('no such chat');
    chat.archivedAt = new Date();
  }
});
