import { expect } from 'chai';
import { v4 } from 'uuid';
import { openApiDocument } from '../../../../src/adapters/apis/http/docs/openapi.js';
import { directChatId } from '../../../../src/contract/messages/direct-chat-id.js';
import { type RestOperationName, restOperationNames } from '../../../../src/contract/rest/operations.js';
import { eventually } from '../../../support/eventually.js';
import { makesKind } from '../../../support/fleet/made-kind.js';
import { RestStack } from './rest-stack.js';

/** The indexer waits up to a second for more messages. */
const INDEXED_WITHIN_MS = 10_000;

const key = (value: string) => ({ headers: { 'idempotency-key': value } });

describe('REST on a real broker, a real database and a process with both roles', () => {
  let rest: RestStack;

  before(async function () {
    this.timeout(60_000);
    rest = await RestStack.create();
    await rest.run('worker', 'api');
  });
  after(() => rest?.close());

  const seen = new Set<RestOperationName>();
  const sees = (operation: RestOperationName, status: number, expected: number) => {
    expect(status, operation).to.equal(expected);
    seen.add(operation);
  };

  it('serves the OpenAPI document that all responses here are checked against', async () => {
    const { status, body } = await rest.get('/openapi.json', { as: null });
    expect(status).to.equal(200);
    expect(body).to.deep.equal(JSON.parse(JSON.stringify(openApiDocument())));
    expect((await rest.get('/asyncapi.json', { as: null })).body.channels.commands.address).to.equal(
      `${rest.fleet.namespace}.commands`,
    );
    expect((await rest.get('/docs/', { as: null })).body).to.contain('Parley: REST');
  });

  it('processes a chat from its creation to the leaving of a member, and shows each step', async () => {
    const profile = await rest.call('PUT', '/v1/me', { json: { displayName: 'Alice', metadata: { x: [1] } } });
    sees('putMe', profile.status, 201);
    expect(profile.headers.get('location')).to.equal('/v1/users/alice');
    expect((await rest.call('PUT', '/v1/me', { json: { displayName: 'Alice A.' } })).status).to.equal(200);
    const shown = await rest.get('/v1/users/alice', { as: 'bob' });
    sees('getUser', shown.status, 200);
    expect(shown.body).to.include({ displayName: 'Alice A.', revision: 2 });
    const found = await rest.get('/v1/users?q=alice%20a', { as: 'bob' });
    sees('findUsers', found.status, 200);
    expect(found.body).to.deep.equal({ items: [shown.body], nextCursor: null });
    expect((await rest.get('/v1/users?ids=bob,alice', { as: 'bob' })).body).to.deep.equal(found.body);

    const created = await rest.post('/v1/chats', { kind: 'group', title: 'Tea', memberIds: ['bob', 'carol'] });
    sees('createChat', created.status, 201);
    const { chatId } = created.body;
    expect(created.headers.get('location')).to.equal(`/v1/chats/${chatId}`);

    const attachments = [{ url: 'https://files.example.com/1', mediaType: 'image/png', size: 3, name: 'one.png' }];
    const content = { body: 'Grüße 👋 "\\\n', mentions: ['bob'], attachments, metadata: { b: 1, a: [null, {}] } };
    const sent = await rest.post(`/v1/chats/${chatId}/messages`, content, key('first'));
    sees('sendMessage', sent.status, 201);
    const location = sent.headers.get('location') ?? '';
    const reply = { body: 'So do I', inReplyTo: sent.body.messageId };
    expect((await rest.post(`/v1/chats/${chatId}/messages`, reply, { as: 'bob' })).body.sequence).to.equal(3);

    const added = await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['dave', 'bob'], role: 'admin' });
    sees('addMembers', added.status, 201);
    const again = await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['dave'] });
    expect([again.status, again.body.sequence]).to.deep.equal([200, null]);
    const left = await rest.call('DELETE', `/v1/chats/${chatId}/members/carol`, { as: 'carol' });
    sees('removeMember', left.status, 200);

    const chat = await rest.get(`/v1/chats/${chatId}`, { as: 'bob' });
    sees('getChat', chat.status, 200);
    expect(chat.body).to.include({ title: 'Tea', memberCount: 3, lastSequence: 5, unreadCount: 0, createdBy: 'alice' });
    const members = await rest.get(`/v1/chats/${chatId}/members`);
    sees('listMembers', members.status, 200);
    expect(members.body.items.map(({ userId, role }: Record<string, string>) => `${userId} ${role}`)).to.deep.equal([
      'alice owner',
      'bob member',
      'dave admin',
    ]);

    const message = await rest.get(location, { as: 'bob' });
    sees('getMessage', message.status, 200);
    expect(message.body).to.deep.include({ ...content, chatId, commandId: 'first', actorId: 'alice', sequence: 2 });
    const history = await rest.get(`/v1/chats/${chatId}/messages`);
    sees('listMessages', history.status, 200);
    expect(history.body.items[0]).to.deep.equal(message.body);
    const chats = await rest.get('/v1/chats', { as: 'bob' });
    sees('listChats', chats.status, 200);
    expect(chats.body.items[0].lastMessage).to.deep.equal(history.body.items[1]);

    const events = await rest.get(`/v1/chats/${chatId}/events`);
    sees('listEvents', events.status, 200);
    expect(events.body.items.map(({ type }: { type: string }) => type)).to.deep.equal([
      'chat.created',
      'message.created',
      'message.created',
      'member.added',
      'member.removed',
    ]);
    const { recipients, forActor, recipientCount, ...data } = events.body.items[1].data;
    expect(forActor).to.equal(true);
    expect(recipients).to.have.members(['bob', 'dave']);
    expect(recipientCount).to.equal(2);
    expect(message.body).to.deep.include(data);

    const receipt = await rest.get('/v1/receipts/first');
    sees('getReceipt', receipt.status, 200);
    expect(receipt.body).to.deep.equal(sent.body);

    const refused = await rest.patch(`/v1/chats/${chatId}`, { title: 'Mine' }, { as: 'bob' });
    expect(refused.status).to.equal(403);
    const decision = await rest.get(`/v1/decisions/${refused.body.decisionId}`, { as: 'bob' });
    sees('getDecision', decision.status, 200);
    expect(decision.body).to.include({ chatId, action: 'chat.update', effect: 'deny', rule: null });
    expect(decision.body.explanation.join(' ')).to.include('role were owner or admin (it is member)');
  });

  it('edits, reacts to, reads and deletes messages, and shows each step', async () => {
    const chatId = await rest.group(['bob', 'carol'], { title: 'Tea' });
    const { messageId } = await rest.say(chatId, 'oolong or sencha');
    const path = `/v1/chats/${chatId}/messages/${messageId}`;
    const edited = await rest.patch(path, { body: 'oolong or gunpowder', mentions: ['bob'] }, key('edit'));
    sees('editMessage', edited.status, 200);
    expect(edited.body).to.include({ type: 'message.edit', messageId, sequence: 3, commandId: 'edit' });
    const revisions = await rest.get(`${path}/revisions`, { as: 'bob' });
    sees('listRevisions', revisions.status, 200);
    expect(revisions.body.items.map(({ body }: { body: string }) => body)).to.deep.equal(['oolong or sencha']);
    const found = await eventually(
      async () => {
        const answer = await rest.get(`/v1/search/messages?q=gunpowder&chatId=${chatId}`, { as: 'bob' });
        sees('searchMessages', answer.status, 200);
        return answer.body.items.length === 1 ? answer : null;
      },
      { within: INDEXED_WITHIN_MS, what: 'the message is indexed' },
    );
    expect(found.body.items[0].message).to.include({ messageId, revision: 2 });
    expect(Date.parse(found.body.indexedThrough)).to.be.greaterThan(0);

    const thumb = `${path}/reactions/${encodeURIComponent('👍🏽')}`;
    for (const as of ['alice', 'bob']) sees('react', (await rest.put(thumb, undefined, { as })).status, 201);
    expect((await rest.put(thumb)).body.sequence).to.equal(null);
    sees('unreact', (await rest.delete(thumb)).status, 200);
    const message = (await rest.get(path, { as: 'bob' })).body;
    expect(message).to.deep.include({ body: 'oolong or gunpowder', mentions: ['bob'], revision: 2 });
    expect(message.reactions).to.deep.equal([{ emoji: '👍🏽', count: 1, mine: true }]);

    const reply = { body: 'sencha', threadRootId: messageId };
    const { messageId: replyId } = (await rest.post(`/v1/chats/${chatId}/messages`, reply, { as: 'bob' })).body;
    const thread = await rest.get(`${path}/thread`, { as: 'carol' });
    sees('getThread', thread.status, 200);
    expect(thread.body.root).to.deep.equal({ ...message, reactions: [{ emoji: '👍🏽', count: 1, mine: false }] });
    expect(thread.body).to.include({ replyCount: 1, hasMore: false });
    expect(thread.body.items).to.deep.equal([thread.body.lastReply]);

    const unread = async () => (await rest.get('/v1/me/unread', { as: 'carol' })).body;
    expect(await unread()).to.deep.equal({ unreadCount: 2, chatCount: 1 });
    const read = await rest.put(`/v1/chats/${chatId}/read`, { upTo: 2 }, { as: 'carol' });
    sees('readChat', read.status, 200);
    sees('getUnread', (await rest.get('/v1/me/unread', { as: 'carol' })).status, 200);
    expect(await unread()).to.deep.equal({ unreadCount: 1, chatCount: 1 });
    const delivered = await rest.put(`/v1/chats/${chatId}/delivered`, { upTo: 7 }, { as: 'carol' });
    sees('markDelivered', delivered.status, 200);
    const readers = await rest.get(`${path}/readers`);
    sees('listReaders', readers.status, 200);
    expect(readers.body.items).to.deep.equal([
      { userId: 'bob', readSequence: 7, deliveredSequence: 7 },
      { userId: 'carol', readSequence: 2, deliveredSequence: 7 },
    ]);

    sees('deleteMessage', (await rest.delete(path)).status, 200);
    expect((await rest.get(path, { as: 'bob' })).body).to.deep.include({ body: null, erased: true, mentions: [] });
    expect((await rest.get(`${path}/revisions`)).body.items).to.deep.equal([]);
    expect((await rest.get(`/v1/search/messages?q=gunpowder&chatId=${chatId}`)).body.items).to.deep.equal([]);
    const hard = await rest.delete(`/v1/chats/${chatId}/messages/${replyId}?mode=hard`, { as: 'bob' });
    expect([hard.status, hard.body.sequence]).to.deep.equal([200, 9]);
    expect((await rest.get(`/v1/chats/${chatId}/messages/${replyId}`)).status).to.equal(404);
    expect((await rest.get(`/v1/chats/${chatId}/messages`)).body.items).to.have.length(1);
  });

  it('changes the chat and its members, archives and unarchives it, and shows each step', async () => {
    const chatId = await rest.group(['bob'], { title: 'Tea' });
    const chat = async () => (await rest.get(`/v1/chats/${chatId}`)).body;
    sees('updateChat', (await rest.patch(`/v1/chats/${chatId}`, { title: 'Coffee', metadata: { a: 1 } })).status, 200);
    expect(await chat()).to.deep.include({ title: 'Coffee', metadata: { a: 1 }, lastSequence: 2 });
    const muted = { role: 'admin', mutedUntil: '2099-01-01T00:00:00.000Z' };
    sees('updateMember', (await rest.patch(`/v1/chats/${chatId}/members/bob`, muted)).status, 200);
    expect((await rest.get(`/v1/chats/${chatId}/members`)).body.items[1]).to.include({ userId: 'bob', ...muted });
    sees('archiveChat', (await rest.put(`/v1/chats/${chatId}/archive`)).status, 200);
    expect(await chat()).to.include({ archived: true, lastSequence: 4 });
    expect((await rest.post(`/v1/chats/${chatId}/messages`, { body: 'x' })).body.type).to.equal('/problems/archived');
    sees('unarchiveChat', (await rest.delete(`/v1/chats/${chatId}/archive`)).status, 200);
    expect(await chat()).to.include({ archived: false, lastSequence: 5 });
    sees('hideChat', (await rest.put(`/v1/chats/${chatId}/hidden`)).status, 200);
    expect(await chat()).to.include({ hidden: true, lastSequence: 5 });
    sees('unhideChat', (await rest.delete(`/v1/chats/${chatId}/hidden`)).status, 200);
    expect(await chat()).to.include({ hidden: false, lastSequence: 5 });
    expect(
      (await rest.get(`/v1/chats/${chatId}/events`)).body.items.map(({ type }: { type: string }) => type),
    ).to.deep.equal(['chat.created', 'chat.updated', 'member.updated', 'chat.archived', 'chat.unarchived']);
  });

  it('updates a client with all its chats by sync', async () => {
    const [open, left] = [await rest.group(['gita']), await rest.group(['gita'])];
    const first = await rest.get('/v1/sync', { as: 'gita' });
    sees('sync', first.status, 200);
    expect(first.body.items.map(({ chatId }: { chatId: string }) => chatId)).to.deep.equal([open, left].sort());
    await rest.say(open, 'hello');
    await rest.delete(`/v1/chats/${left}/members/gita`);
    const { body } = await rest.get(`/v1/sync?since=${first.body.next}`, { as: 'gita' });
    const found = new Map<string, { left?: true; events: { data: { body: string } }[] }>(
      body.items.map((item: { chatId: string }) => [item.chatId, item]),
    );
    expect([...found.keys()]).to.have.members([open, left]);
    expect(found.get(left)?.left).to.equal(true);
    expect(found.get(open)?.events.map(({ data }) => data.body)).to.deep.equal(['hello']);
    expect((await rest.get(`/v1/sync?since=${body.next}`, { as: 'gita' })).body.items).to.deep.equal([]);
  });

  it('manages webhooks and the API keys of bots, for services', async () => {
    const as = { as: 'console' };
    await rest.fleet.query(makesKind('console', 'service'));
    await rest.fleet.query(makesKind('helper', 'bot'));
    const path = `/v1/webhooks/${v4()}`;
    const put = await rest.put(path, { url: 'https://bot.example/hooks', chatKinds: ['group'] }, as);
    sees('putWebhook', put.status, 201);
    expect((await rest.put(path, { url: 'https://bot.example/hooks', chatKinds: ['group'] }, as)).status).to.equal(200);
    const secret = await rest.post(`${path}/secrets`, { overlapSeconds: 10 }, as);
    sees('createWebhookSecret', secret.status, 201);
    expect(secret.body.secret).to.match(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const shown = await rest.get(path, as);
    sees('getWebhook', shown.status, 200);
    expect(shown.body).to.include({ state: 'active', secrets: 1, waiting: 0, revision: 1 });
    expect(JSON.stringify(shown.body)).to.not.contain('whsec_');
    const listed = await rest.get('/v1/webhooks', as);
    sees('listWebhooks', listed.status, 200);
    expect(listed.body.items).to.deep.equal([shown.body]);
    sees('listDeliveries', (await rest.get(`${path}/deliveries`, as)).status, 200);
    sees('replayWebhook', (await rest.post(`${path}/replay`, { parked: true }, as)).status, 200);
    expect((await rest.post(`${path}/replay`, { chatId: v4() }, as)).status).to.equal(422);
    const paused = await rest.post(`${path}/pause`, {}, as);
    sees('pauseWebhook', paused.status, 200);
    expect(paused.body.state).to.equal('paused');
    sees('resumeWebhook', (await rest.post(`${path}/resume`, {}, as)).status, 200);
    sees('deleteWebhook', (await rest.delete(path, as)).status, 200);
    expect((await rest.get(path, as)).status).to.equal(404);

    const made = await rest.post('/v1/users/helper/keys', { label: 'reads', scopes: ['read'] }, as);
    sees('createKey', made.status, 201);
    const keys = await rest.get('/v1/users/helper/keys', as);
    sees('listKeys', keys.status, 200);
    const { key, ...withoutKey } = made.body;
    expect(keys.body.items).to.deep.equal([withoutKey]);
    expect(key).to.match(/^parley_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$/);
    sees('deleteKey', (await rest.delete(`/v1/users/helper/keys/${made.body.keyId}`, as)).status, 200);
    expect((await rest.post('/v1/users/bob/keys', { label: 'x', scopes: ['read'] }, as)).status).to.equal(403);
  });

  it('has been called with every operation', () => {
    expect([...seen]).to.have.members(restOperationNames);
  });

  it('answers a repeated key with the first receipt, without a second effect', async () => {
    const first = await rest.post('/v1/chats', { kind: 'group', memberIds: ['bob'] }, key('create-once'));
    const second = await rest.post('/v1/chats', { kind: 'group', memberIds: ['bob'] }, key('create-once'));
    expect([first.status, second.status]).to.deep.equal([201, 200]);
    expect(second.body).to.deep.equal({ ...first.body, replayed: true });

    const path = `/v1/chats/${first.body.chatId}/messages`;
    const racing = await Promise.all(
      Array.from({ length: 20 }, () => rest.post(path, { body: 'x' }, key('send-once'))),
    );
    expect(racing.filter(({ status }) => status === 201)).to.have.length(1);
    expect(racing.filter(({ status, body }) => status === 200 && body.replayed)).to.have.length(19);
    expect(new Set(racing.map(({ body }) => body.messageId)).size).to.equal(1);
    expect((await rest.get(path)).body.items).to.have.length(1);

    const other = await rest.post(path, { body: 'y' }, key('send-once'));
    expect([other.status, other.body.type]).to.deep.equal([409, '/problems/conflict']);
    const refusedTwice = [
      await rest.post(path, { colour: 1 }, key('bad')),
      await rest.post(path, { colour: 1 }, key('bad')),
    ];
    expect(refusedTwice.map(({ status }) => status)).to.deep.equal([422, 422]);
    expect((await rest.get('/v1/receipts/bad')).body).to.include({ status: 'rejected' });
  });

  it('creates one direct chat for both users', async () => {
    const mine = await rest.post('/v1/chats', { kind: 'direct', memberIds: ['erin'] });
    const theirs = await rest.post('/v1/chats', { kind: 'direct', memberIds: ['alice'] }, { as: 'erin' });
    expect([mine.status, theirs.status]).to.deep.equal([201, 200]);
    expect([mine.body.chatId, theirs.body.chatId]).to.deep.equal(
      Array(2).fill(directChatId('default', 'alice', 'erin')),
    );
  });

  it('pages 120 messages in both directions, each once, and members and chats by cursor', async () => {
    const chatId = await rest.group(
      Array.from({ length: 100 }, (_, index) => `m${index}`),
      {},
      'pager',
    );
    await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['n1', 'n2'] }, { as: 'pager' });
    await Promise.all(Array.from({ length: 120 }, (_, index) => rest.say(chatId, `number ${index}`, 'pager')));
    const expected = Array.from({ length: 120 }, (_, index) => index + 3);

    const read = async (query: string) => {
      const { status, body } = await rest.get(`/v1/chats/${chatId}/messages?limit=50${query}`, { as: 'm7' });
      expect(status).to.equal(200);
      return { sequences: body.items.map(({ sequence }: { sequence: number }) => sequence), hasMore: body.hasMore };
    };
    const forward = [];
    for (let page = await read('&after=0'); ; page = await read(`&after=${page.sequences.at(-1)}`)) {
      forward.push(page.sequences);
      if (!page.hasMore) break;
    }
    const backward = [];
    for (let page = await read(''); ; page = await read(`&before=${page.sequences[0]}`)) {
      backward.unshift(page.sequences);
      if (!page.hasMore) break;
    }
    expect(forward.map(({ length }) => length)).to.deep.equal([50, 50, 20]);
    expect(backward.map(({ length }) => length)).to.deep.equal([20, 50, 50]);
    expect([forward.flat(), backward.flat()]).to.deep.equal([expected, expected]);

    const members = await rest.pages(`/v1/chats/${chatId}/members?limit=50`, 'm7');
    expect(members.map(({ length }) => length)).to.deep.equal([50, 50, 3]);
    expect(new Set(members.flat().map(({ userId }) => userId)).size).to.equal(103);

    const ids = await Promise.all(Array.from({ length: 7 }, () => rest.group(['lister'], {}, 'pager')));
    const chats = await rest.pages('/v1/chats?limit=3', 'lister');
    expect(chats.map(({ length }) => length)).to.deep.equal([3, 3, 1]);
    expect(chats.flat().map((chat) => chat.chatId)).to.have.members(ids);
  });

  it('separates tenants: chats, receipts, profiles, events and direct ids', async () => {
    const [red, blue] = ['red/alice', 'blue/alice'];
    const create = (as: string) =>
      rest.post('/v1/chats', { kind: 'group', memberIds: ['bob'] }, { ...key('same-key'), as });
    const ours = (await create(red)).body;
    const theirs = (await create(blue)).body;
    expect(ours.replayed || theirs.replayed).to.equal(false);
    expect(ours.chatId).to.not.equal(theirs.chatId);
    const { messageId } = await rest.say(ours.chatId, 'for red only', red);
    await rest.call('PUT', '/v1/me', { json: { displayName: 'Red' }, as: 'red/rosa' });

    for (const as of [blue, 'blue/bob', 'alice', 'bob']) {
      const ofMessage = ['', '/revisions', '/thread', '/readers'].map((path) => `/messages/${messageId}${path}`);
      for (const path of ['', '/members', '/messages', ...ofMessage, '/events'])
        expect((await rest.get(`/v1/chats/${ours.chatId}${path}`, { as })).status, `${as} ${path}`).to.equal(404);
      expect((await rest.post(`/v1/chats/${ours.chatId}/messages`, { body: 'x' }, { as })).status).to.equal(404);
      expect((await rest.post(`/v1/chats/${ours.chatId}/members`, { userIds: ['eve'] }, { as })).status).to.equal(404);
      expect((await rest.call('DELETE', `/v1/chats/${ours.chatId}/members/bob`, { as })).status).to.equal(404);
      expect((await rest.patch(`/v1/chats/${ours.chatId}`, { title: 'x' }, { as })).status).to.equal(404);
      expect((await rest.delete(`/v1/chats/${ours.chatId}/messages/${messageId}`, { as })).status).to.equal(404);
      expect((await rest.get('/v1/users/rosa', { as })).status).to.equal(404);
    }
    const taken = await rest.post('/v1/chats', { kind: 'group', memberIds: [], chatId: ours.chatId }, { as: blue });
    expect(taken.status).to.equal(409);
    const quoted = { body: 'x', inReplyTo: messageId };
    expect((await rest.post(`/v1/chats/${theirs.chatId}/messages`, quoted, { as: blue })).status).to.equal(404);
    expect(
      (await rest.get('/v1/chats', { as: 'blue/bob' })).body.items.map((chat: { chatId: string }) => chat.chatId),
    ).to.deep.equal([theirs.chatId]);
    expect((await rest.get('/v1/receipts/same-key', { as: red })).body.chatId).to.equal(ours.chatId);
    expect((await rest.get('/v1/receipts/same-key', { as: blue })).body.chatId).to.equal(theirs.chatId);
    const direct = await rest.post('/v1/chats', { kind: 'direct', memberIds: ['bob'] }, { as: red });
    expect(direct.body.chatId).to.equal(directChatId('red', 'alice', 'bob'));
  });

  it('counts and measures requests on the ops port', async () => {
    await rest.get('/v1/chats/no-chat');
    await rest.get('/nowhere/at/all');
    const requests = { route: '/v1/chats/:chatId', method: 'GET' };
    const many = async () => rest.counted('parley_rest_requests_total', { ...requests, status: '4xx' });
    // An answer is counted once its last byte is handed over: a moment after the client has it.
    await eventually(async () => (await many()) > 0, { within: 5_000, what: 'a counted request' });
    expect(await rest.counted('parley_rest_requests_total', { route: 'none', status: '4xx' })).to.equal(1);
    expect(
      await rest.counted('parley_rest_requests_total', { route: '/v1/chats', method: 'POST', status: '2xx' }),
    ).to.be.above(0);
    expect(await rest.counted('parley_rest_request_duration_count', requests)).to.be.at.least(await many());
    await eventually(async () => (await rest.counted('parley_rest_requests_in_flight')) === 0, {
      within: 5_000,
      what: 'no request in flight',
    });
  });
});
