import { expect } from 'chai';
import { RestHarness } from '../rest-harness.js';

describe('REST queries about chats', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  it("list the caller's chats, latest activity first, with the last message and the unread count", async () => {
    const quiet = await rest.group(['bob'], { title: 'Quiet', metadata: { topic: 'tea' } });
    const loud = await rest.group(['bob', 'carol']);
    const { messageId } = await rest.say(loud, 'hello');
    await rest.say(loud, 'anyone?');
    // Activity has a resolution of a millisecond: these chats must have different ones.
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

  it('page the chat list without losing or repeating a chat, also with equal times', async () => {
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
    await rest.call('PUT', `/v1/chats/${archived}/archive`);

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

  it('list all chats, also those that move up during paging, and none again because of an edit', async () => {
    const chatIds: string[] = [];
    for (let minute = 0; minute < 7; minute += 1) {
      const chatId = await rest.group();
      chatIds.unshift(chatId);
      setActivity(chatId, `2026-11-20T10:0${minute}:00Z`);
    }
    const [read, , , next, edited, , last] = chatIds as [string, string, string, string, string, string, string];
    const { messageId } = await rest.say(edited, 'helo');
    setActivity(edited, '2026-11-20T10:02:00Z');
    const seen: string[] = [];
    let cursor: string | null = null;
    for (let page = 0; page === 0 || cursor !== null; page += 1) {
      const { body } = await rest.get(`/v1/chats?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`);
      seen.push(...(body.items as { chatId: string }[]).map(({ chatId }) => chatId));
      cursor = body.nextCursor;
      if (page === 0) {
        // One that was on the page already, two that are still to come; the last of them is not meant to be met by the
        // walk at all.
        for (const moved of [last, next, read]) await rest.say(moved, 'hello');
        await rest.patch(`/v1/chats/${edited}/messages/${messageId}`, { body: 'hello' });
      }
      if (page > 9) throw new Error('the walk does not end');
    }
    const [, two, three, , five, six] = chatIds;
    expect(seen).to.deep.equal([read, two, three, five, six, last, next, read]);
  });

  it('count unread messages of all chats, and chats with unread messages', async () => {
    const unread = async (as: string) => (await rest.get('/v1/me/unread', { as })).body;
    expect(await unread('bob')).to.deep.equal({ unreadCount: 0, chatCount: 0 });
    const [busy, calm, silent] = [await rest.group(), await rest.group(), await rest.group()];
    for (const chatId of [busy, busy, busy, calm]) await rest.say(chatId, 'hello');
    expect(await unread('bob')).to.deep.equal({ unreadCount: 4, chatCount: 2 });
    expect(await unread('alice')).to.deep.equal({ unreadCount: 0, chatCount: 0 });
    await rest.put(`/v1/chats/${busy}/read`, { upTo: 3 }, { as: 'bob' });
    expect(await unread('bob')).to.deep.equal({ unreadCount: 2, chatCount: 2 });
    await rest.put(`/v1/chats/${busy}/read`, { upTo: 4 }, { as: 'bob' });
    expect(await unread('bob')).to.deep.equal({ unreadCount: 1, chatCount: 1 });
    await rest.say(silent, 'hello', 'bob');
    expect(await unread('bob')).to.deep.equal({ unreadCount: 1, chatCount: 1 });
    expect(await unread('other/bob')).to.deep.equal({ unreadCount: 0, chatCount: 0 });
    await rest.delete(`/v1/chats/${calm}/members/bob`);
    expect(await unread('bob')).to.deep.equal({ unreadCount: 0, chatCount: 0 });
  });

  function setActivity(chatId: string, at: string): void {
    const chat = rest.world.chats.get(chatId);
    if (chat === undefined) throw new Error('no such chat');
    chat.lastActivityAt = new Date(at);
  }
});
