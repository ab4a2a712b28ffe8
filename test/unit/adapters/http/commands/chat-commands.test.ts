import { expect } from 'chai';
import { validate } from 'uuid';
import { directChatId } from '../../../../../src/contract/messages/direct-chat-id.js';
import { UUID_PATTERN } from '../../../../../src/contract/messages/identifiers.js';
import { RestHarness } from '../rest-harness.js';

describe('REST commands about chats', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  describe('that create a chat', () => {
    it('answer 201 with the receipt and the location of the chat', async () => {
      const { status, body, headers } = await rest.post('/v1/chats', {
        kind: 'group',
        title: 'Tea',
        memberIds: ['bob'],
      });
      expect(status).to.equal(201);
      expect(body).to.include({ type: 'chat.create', status: 'accepted', sequence: 1, replayed: false });
      expect(validate(body.chatId)).to.equal(true);
      expect(headers.get('location')).to.equal(`/v1/chats/${body.chatId}`);
      expect((await rest.get(`/v1/chats/${body.chatId}`)).body.title).to.equal('Tea');
    });

    it('use a given id, and conflict if it is taken', async () => {
      const chatId = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
      const create = () => rest.post('/v1/chats', { chatId, kind: 'channel', memberIds: [] });
      expect((await create()).body.chatId).to.equal(chatId);
      const { status, body } = await create();
      expect([status, body.type]).to.deep.equal([409, '/problems/conflict']);
    });

    it('compute the id of a direct chat, and answer 200 without a change if either user creates it again', async () => {
      const chatId = directChatId('default', 'alice', 'bob');
      const first = await rest.post('/v1/chats', { kind: 'direct', memberIds: ['bob'] });
      expect([first.status, first.body.chatId]).to.deep.equal([201, chatId]);
      const again = await rest.post('/v1/chats', { kind: 'direct', memberIds: ['alice'] }, { as: 'bob' });
      expect([again.status, again.body.chatId, again.body.sequence]).to.deep.equal([200, chatId, null]);
      const wrong = await rest.post('/v1/chats', {
        chatId: directChatId('x', 'a', 'b'),
        kind: 'direct',
        memberIds: ['bob'],
      });
      expect(wrong.body.violations).to.deep.include({
        path: 'chatId',
        message: 'must be the id computed from the tenant and the two users',
      });
    });

    for (const [what, given] of Object.entries({
      'a direct chat with nobody': { kind: 'direct', memberIds: [] },
      'a direct chat with two others': { kind: 'direct', memberIds: ['bob', 'carol'] },
      'members that are no list': { kind: 'direct', memberIds: 'bob' },
      'a member that is no user id': { kind: 'direct', memberIds: [{}] },
      'an unknown kind': { kind: 'party', memberIds: [] },
      'an id in upper case': { kind: 'group', memberIds: [], chatId: '0199C1DE-7C3A-7B1E-9A43-3F1B6A0F9D10' },
      'an id that is no string': { kind: 'group', memberIds: [], chatId: 7 },
      'an id of null': { kind: 'group', memberIds: [], chatId: null },
      'an unknown field': { kind: 'group', memberIds: [], colour: 'red' },
      'an array for a body': ['kind'],
      'null for a body': null,
      'a number for a body': 7,
    }))
      it(`answer 422 to ${what}, which the worker refuses`, async () => {
        const { status, body } = await rest.post('/v1/chats', given);
        expect([status, body.type]).to.deep.equal([422, '/problems/invalid']);
        expect(body.violations).to.not.be.empty;
        expect(rest.gateway.published).to.have.length(1);
        const { routingKey } = rest.gateway.last;
        expect(routingKey === 'alice' || UUID_PATTERN.test(routingKey)).to.equal(true);
      });
  });

  describe('that change a chat', () => {
    it('answer 200 with the receipt, and change the given fields', async () => {
      const chatId = await rest.group(['bob'], { title: 'Tea', metadata: { a: 1 } });
      const { status, body } = await rest.patch(`/v1/chats/${chatId}`, { title: 'Coffee' });
      expect(status).to.equal(200);
      expect(body).to.include({ type: 'chat.update', chatId, sequence: 2 });
      expect(rest.gateway.lastBody.data).to.deep.equal({ title: 'Coffee' });
      const changed = (await rest.get(`/v1/chats/${chatId}`)).body;
      expect(changed).to.include({ title: 'Coffee', historyVisibility: 'full' });
      expect(changed.metadata).to.deep.equal({ a: 1 });
      await rest.patch(`/v1/chats/${chatId}`, { title: null, metadata: null, historyVisibility: 'since-joined' });
      const cleared = (await rest.get(`/v1/chats/${chatId}`)).body;
      expect(cleared).to.include({ title: null, historyVisibility: 'since-joined' });
      expect(cleared.metadata).to.deep.equal({});
    });

    it('answer 200 without a sequence if nothing changes', async () => {
      const chatId = await rest.group([], { title: 'Tea' });
      const { status, body } = await rest.patch(`/v1/chats/${chatId}`, { title: 'Tea' });
      expect([status, body.sequence]).to.deep.equal([200, null]);
    });

    for (const [what, given] of Object.entries({
      'an empty title': { title: '' },
      'metadata that is no object': { metadata: [] },
      'an unknown visibility': { historyVisibility: 'none' },
      'another kind': { kind: 'channel' },
      'an array for a body': [],
      'null for a body': null,
    }))
      it(`answer 422 to ${what}`, async () => {
        const chatId = await rest.group();
        const { status, body } = await rest.patch(`/v1/chats/${chatId}`, given);
        expect([status, body.type]).to.deep.equal([422, '/problems/invalid']);
        expect(body.violations).to.not.be.empty;
      });

    it('answer 403 to a member without permission, and 404 to a non-member', async () => {
      const chatId = await rest.group();
      const change = (as: string) => rest.patch(`/v1/chats/${chatId}`, { title: 'Mine' }, { as });
      expect((await change('bob')).body.type).to.equal('/problems/not_permitted');
      expect((await change('mallory')).body.type).to.equal('/problems/not_found');
      expect((await rest.patch('/v1/chats/x', { title: 'x' })).status).to.equal(404);
    });
  });

  describe('that archive a chat', () => {
    it('answer 200, and 200 without a sequence if nothing changes; also when unarchiving', async () => {
      const chatId = await rest.group();
      const archive = `/v1/chats/${chatId}/archive`;
      const answers = [
        await rest.put(archive),
        await rest.put(archive),
        await rest.delete(archive),
        await rest.delete(archive),
      ];
      expect(answers.map(({ status, body }) => [status, body.type, body.sequence])).to.deep.equal([
        [200, 'chat.archive', 2],
        [200, 'chat.archive', null],
        [200, 'chat.unarchive', 3],
        [200, 'chat.unarchive', null],
      ]);
    });

    it('refuse messages in it, and accept them after unarchiving', async () => {
      const chatId = await rest.group();
      const send = () => rest.post(`/v1/chats/${chatId}/messages`, { body: 'hi' });
      await rest.put(`/v1/chats/${chatId}/archive`);
      expect((await rest.get(`/v1/chats/${chatId}`)).body.archived).to.equal(true);
      expect((await send()).body.type).to.equal('/problems/archived');
      await rest.delete(`/v1/chats/${chatId}/archive`);
      expect((await send()).status).to.equal(201);
    });

    it('accept no parameters, are denied to members, and answer 404 to non-members', async () => {
      const chatId = await rest.group();
      const archive = `/v1/chats/${chatId}/archive`;
      expect((await rest.put(`${archive}?now=true`)).body.type).to.equal('/problems/bad_request');
      expect((await rest.put(archive, undefined, { as: 'bob' })).body.type).to.equal('/problems/not_permitted');
      expect((await rest.delete(archive, { as: 'mallory' })).body.type).to.equal('/problems/not_found');
    });
  });

  describe('that hide a chat', () => {
    const listed = async (as: string, query = '') =>
      (await rest.get(`/v1/chats${query}`, { as })).body.items.map(({ chatId }: { chatId: string }) => chatId);

    it('answer 200, and omit it from the caller’s list and unread total until the next message', async () => {
      const [chatId, other] = [await rest.group(), await rest.group()];
      await rest.say(chatId, 'hello');
      await rest.say(other, 'hello');
      const { status, body } = await rest.put(`/v1/chats/${chatId}/hidden`, undefined, { as: 'bob' });
      expect(status).to.equal(200);
      expect(body).to.include({ type: 'chat.hide', chatId, sequence: null });
      expect((await rest.get(`/v1/chats/${chatId}`, { as: 'bob' })).body).to.include({ hidden: true, unreadCount: 1 });
      expect(await listed('bob')).to.deep.equal([other]);
      expect(await listed('bob', '?hidden=false')).to.deep.equal([other]);
      expect(await listed('bob', '?hidden=true')).to.deep.equal([chatId]);
      const unread = async () => (await rest.get('/v1/me/unread', { as: 'bob' })).body;
      expect(await unread()).to.deep.equal({ unreadCount: 1, chatCount: 1 });
      await rest.say(chatId, 'hello again');
      expect(await listed('bob', '?hidden=true')).to.deep.equal([]);
      expect(await listed('bob')).to.deep.equal([chatId, other]);
      expect(await unread()).to.deep.equal({ unreadCount: 3, chatCount: 2 });
    });

    it('change nothing when repeated, and nothing for other members', async () => {
      const chatId = await rest.group();
      const hidden = `/v1/chats/${chatId}/hidden`;
      const before = (await rest.get(`/v1/chats/${chatId}`)).body;
      const answers = [
        ...[await rest.put(hidden, undefined, { as: 'bob' }), await rest.put(hidden, undefined, { as: 'bob' })],
        ...[await rest.delete(hidden, { as: 'bob' }), await rest.delete(hidden, { as: 'bob' })],
      ];
      expect(answers.map(({ status, body }) => [status, body.type, body.sequence])).to.deep.equal([
        ...[[200, 'chat.hide', null] as const, [200, 'chat.hide', null] as const],
        ...[[200, 'chat.unhide', null] as const, [200, 'chat.unhide', null] as const],
      ]);
      await rest.put(hidden, undefined, { as: 'bob' });
      expect((await rest.get(`/v1/chats/${chatId}`)).body).to.deep.equal(before);
      expect((await rest.get(`/v1/chats/${chatId}/members`)).body.items).to.have.length(2);
      expect(JSON.stringify((await rest.get(`/v1/chats/${chatId}/members`)).body)).not.to.include('hid');
      expect((await rest.get(`/v1/chats/${chatId}/events`)).body.items).to.have.length(1);
    });

    it('accept no parameters, and answer 404 to non-members', async () => {
      const chatId = await rest.group();
      expect((await rest.put(`/v1/chats/${chatId}/hidden?for=ever`)).body.type).to.equal('/problems/bad_request');
      for (const answer of [
        await rest.put(`/v1/chats/${chatId}/hidden`, undefined, { as: 'mallory' }),
        await rest.delete(`/v1/chats/${chatId}/hidden`, { as: 'mallory' }),
      ])
        expect(answer.body.type).to.equal('/problems/not_found');
    });
  });

  describe('that move the delivery mark', () => {
    it('answer 200, and move it forward only, to at most the last sequence', async () => {
      const chatId = await rest.group(['bob']);
      for (const text of ['a', 'b']) await rest.say(chatId, text);
      const deliver = async (upTo: number) => {
        const { status, body } = await rest.put(`/v1/chats/${chatId}/delivered`, { upTo }, { as: 'bob' });
        expect([status, body.type, body.sequence]).to.deep.equal([200, 'chat.delivered', null]);
        const chat = (await rest.get(`/v1/chats/${chatId}`, { as: 'bob' })).body;
        return [chat.membership.readSequence, chat.membership.deliveredSequence, chat.unreadCount];
      };
      expect(await deliver(0), 'nothing is read, and the joining has arrived').to.deep.equal([1, 1, 2]);
      expect(await deliver(2)).to.deep.equal([1, 2, 2]);
      expect(await deliver(1_000)).to.deep.equal([1, 3, 2]);
      expect(await deliver(2)).to.deep.equal([1, 3, 2]);
    });

    for (const given of [{}, { upTo: -1 }, { upTo: '3' }, null])
      it(`answer 422 to ${JSON.stringify(given)}`, async () => {
        const chatId = await rest.group();
        expect((await rest.put(`/v1/chats/${chatId}/delivered`, given)).status).to.equal(422);
      });

    it('answer 404 to a user who is not in the chat', async () => {
      const chatId = await rest.group();
      expect((await rest.put(`/v1/chats/${chatId}/delivered`, { upTo: 1 }, { as: 'mallory' })).status).to.equal(404);
    });
  });

  describe('that move the read mark', () => {
    it('answer 200, and count earlier messages as read, only for the caller', async () => {
      const chatId = await rest.group(['bob', 'carol']);
      for (const text of ['a', 'b', 'c']) await rest.say(chatId, text);
      const { status, body } = await rest.put(`/v1/chats/${chatId}/read`, { upTo: 3 }, { as: 'bob' });
      expect(status).to.equal(200);
      expect(body).to.include({ type: 'chat.read', chatId, sequence: null });
      const chatOf = async (as: string) => (await rest.get(`/v1/chats/${chatId}`, { as })).body;
      expect((await chatOf('bob')).membership.readSequence).to.equal(3);
      expect((await chatOf('bob')).unreadCount).to.equal(1);
      expect((await chatOf('carol')).unreadCount).to.equal(3);
    });

    it('do not move it back, or beyond the last sequence', async () => {
      const chatId = await rest.group();
      await rest.say(chatId, 'a');
      const read = async (upTo: number) => {
        expect((await rest.put(`/v1/chats/${chatId}/read`, { upTo }, { as: 'bob' })).status).to.equal(200);
        return (await rest.get(`/v1/chats/${chatId}`, { as: 'bob' })).body.membership.readSequence;
      };
      expect([await read(1_000), await read(1), await read(0)]).to.deep.equal([2, 2, 2]);
    });

    for (const given of [{}, { upTo: -1 }, { upTo: 1.5 }, { upTo: '3' }, { upTo: 1, chatId: 'x' }, null])
      it(`answer 422 to ${JSON.stringify(given)}`, async () => {
        const chatId = await rest.group();
        const { status, body } = await rest.put(`/v1/chats/${chatId}/read`, given);
        expect([status, body.type]).to.deep.equal([422, '/problems/invalid']);
      });

    it('answer 404 to a non-member', async () => {
      const chatId = await rest.group();
      expect((await rest.put(`/v1/chats/${chatId}/read`, { upTo: 1 }, { as: 'mallory' })).status).to.equal(404);
    });
  });
});
