import { expect } from 'chai';
import { SyncingClient } from '../../../application/sync/syncing-client.js';
import { ChangingView } from '../../../application/sync/views.js';
import { EPOCH } from '../deciding-gateway.js';
import type { RestAnswer } from '../rest-client.js';
import { RestHarness } from '../rest-harness.js';

describe('REST sync', () => {
  let rest: RestHarness;
  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  const sync = (as: string, since?: string, more = '') =>
    rest.get(`/v1/sync?limit=50${since === undefined ? '' : `&since=${since}`}${more}`, { as });
  const tokenOf = async (as: string, since?: string): Promise<string> => (await sync(as, since)).body.next;
  const expectRefused = ({ status, body }: RestAnswer) => {
    expect([status, body.type]).to.deep.equal([400, '/problems/bad_request']);
    expect(body.detail).to.equal('the token is not valid (any more): start again without a token');
    expect(body.violations).to.deep.equal([{ path: 'since', message: 'is not a valid token for this caller' }]);
  };

  it('returns everything without a token: each chat with reset, its state and its events', async () => {
    const chatId = await rest.group(['bob'], { title: 'Tea' });
    await rest.say(chatId, 'hello');
    const { status, body } = await sync('bob');
    expect(status).to.equal(200);
    expect(body.hasMore).to.equal(false);
    expect(body.items).to.have.length(1);
    const [item] = body.items;
    expect(item).to.include({ chatId, reset: true });
    expect(item.chat).to.deep.equal((await rest.get(`/v1/chats/${chatId}`, { as: 'bob' })).body);
    expect(item.events).to.deep.equal((await rest.get(`/v1/chats/${chatId}/events`, { as: 'bob' })).body.items);
    expect(item.events.map(({ type }: { type: string }) => type)).to.deep.equal(['chat.created', 'message.created']);
  });

  it('returns the events since the token in every chat, and then nothing', async () => {
    const [a, b] = [await rest.group(['bob']), await rest.group(['bob'])].sort() as [string, string];
    await rest.group(['bob']);
    const token = await tokenOf('bob');
    await rest.say(b, 'two');
    await rest.say(a, 'one');
    const { body } = await sync('bob', token);
    expect(body.items.map(({ chatId, reset }: { chatId: string; reset: boolean }) => [chatId, reset])).to.deep.equal([
      [a, false],
      [b, false],
    ]);
    const bodies = body.items.map(({ events }: { events: { data: { body: string } }[] }) =>
      events.map((event) => event.data.body),
    );
    expect(bodies).to.deep.equal([['one'], ['two']]);
    expect(body.items[0].chat).to.include({ unreadCount: 1 });
    expect((await sync('bob', body.next)).body)
      .to.include({ hasMore: false })
      .and.deep.include({ items: [] });
  });

  it('reports hiding and showing a chat only to the caller’s devices', async () => {
    const chatId = await rest.group(['bob']);
    await rest.say(chatId, 'hello');
    const [mine, theirs] = [await tokenOf('bob'), await tokenOf('alice')];
    await rest.put(`/v1/chats/${chatId}/hidden`, undefined, { as: 'bob' });
    const { items, next } = (await sync('bob', mine)).body;
    expect(items).to.have.length(1);
    expect(items[0]).to.deep.include({ chatId, reset: false, events: [] });
    expect(items[0].chat).to.include({ hidden: true });
    await rest.delete(`/v1/chats/${chatId}/hidden`, { as: 'bob' });
    const later = (await sync('bob', next)).body;
    expect(later.items[0].chat).to.include({ hidden: false });
    expect((await sync('bob', later.next)).body.items).to.deep.equal([]);
    expect((await sync('alice', theirs)).body.items).to.deep.equal([]);
  });

  it('returns only a token for since=now', async () => {
    const chatId = await rest.group(['bob']);
    const { body } = await sync('bob', 'now');
    expect(body).to.include({ hasMore: false }).and.deep.include({ items: [] });
    await rest.say(chatId, 'later');
    const later = await sync('bob', body.next);
    expect(later.body.items).to.have.length(1);
    expect(later.body.items[0]).to.include({ reset: false });
    expect(later.body.items[0].events).to.have.length(1);
  });

  it('reports a left chat once, and not to clients that never had it', async () => {
    const chatId = await rest.group(['bob']);
    const token = await tokenOf('bob');
    expect((await rest.call('DELETE', `/v1/chats/${chatId}/members/bob`)).status).to.equal(200);
    const { body } = await sync('bob', token);
    expect(body.items).to.deep.equal([{ chatId, left: true }]);
    expect((await sync('bob', body.next)).body.items).to.deep.equal([]);
    expect((await sync('bob')).body.items).to.deep.equal([]);
  });

  it('resets a chat for a member who left and returned, with all visible events', async () => {
    const open = await rest.group(['bob']);
    const hidden = await rest.group(['bob'], { historyVisibility: 'since-joined' });
    const token = await tokenOf('bob');
    for (const chatId of [open, hidden]) {
      await rest.call('DELETE', `/v1/chats/${chatId}/members/bob`);
      await rest.say(chatId, 'without bob');
      await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['bob'] });
    }
    const { body } = await sync('bob', token);
    const found = new Map<string, { reset: boolean; events: { type: string }[] }>(
      body.items.map((item: { chatId: string }) => [item.chatId, item]),
    );
    const types = (chatId: string) => found.get(chatId)?.events.map(({ type }) => type);
    expect([found.get(open)?.reset, found.get(hidden)?.reset]).to.deep.equal([true, true]);
    expect(types(open)).to.deep.equal(['chat.created', 'member.removed', 'message.created', 'member.added']);
    expect(types(hidden)).to.deep.equal(['member.added']);
  });

  it('has pages of any size, which can change between pages', async () => {
    const chats = [];
    for (let i = 0; i < 3; i += 1) {
      const chatId = await rest.group(['bob']);
      chats.push(chatId);
      for (let n = 0; n < 5; n += 1) await rest.say(chatId, `message ${n}`);
    }
    const client = new SyncingClient(async (since, limit) => {
      const path = `/v1/sync?limit=${limit}${since === undefined ? '' : `&since=${since}`}`;
      const { status, body } = await rest.get(path, { as: 'bob' });
      expect(status).to.equal(200);
      return body;
    });
    for (let limit = 1; await client.sync(limit); limit = (limit % 4) + 1);
    expect([...client.chats.keys()].sort()).to.deep.equal(chats.sort());
    expect([...client.chats.values()].map(({ lastSequence }) => lastSequence)).to.deep.equal([6, 6, 6]);
    expect(client.counts).to.include({ events: 18, resets: 3, walks: 1 });
  });

  describe('where a policy hides chats from their members', () => {
    const view = new ChangingView();
    let strict: RestHarness;
    beforeEach(async () => {
      view.shown = ['open owner', 'archived owner', 'open member'];
      strict = await new RestHarness({ policy: view.policy }).start();
    });
    afterEach(() => strict.stop());

    const page = async (since?: string, limit = 50) =>
      strict.get(`/v1/sync?limit=${limit}${since === undefined ? '' : `&since=${since}`}`, { as: 'bob' });
    const itemsSince = async (token: string) => (await page(token)).body.items;
    const newToken = async (): Promise<string> => (await page()).body.next;
    const archive = async (chatId: string) => void (await strict.put(`/v1/chats/${chatId}/archive`));
    const unarchive = async (chatId: string) => void (await strict.call('DELETE', `/v1/chats/${chatId}/archive`));

    it('omits hidden chats, and continues after them', async () => {
      const chats = [];
      for (let i = 0; i < 3; i += 1) chats.push(await strict.group(['bob']));
      const [first, second, third] = chats.sort() as [string, string, string];
      await archive(second);
      const client = new SyncingClient(async (since, limit) => (await page(since, limit)).body);
      while (await client.sync(1));
      expect([...client.chats.keys()]).to.deep.equal([first, third]);
    });

    it('reports a chat that became hidden once, and resets it when it becomes visible', async () => {
      const chatId = await strict.group(['bob']);
      const token = await newToken();
      await strict.say(chatId, 'seen');
      await archive(chatId);
      const { body } = await page(token);
      expect(body.items).to.deep.equal([{ chatId, left: true, hidden: true }]);
      expect(await itemsSince(body.next)).to.deep.equal([]);
      await unarchive(chatId);
      const [item] = await itemsSince(body.next);
      expect(item).to.include({ chatId, reset: true });
      expect(item.events.map(({ type }: { type: string }) => type)).to.deep.equal([
        ...['chat.created', 'message.created', 'chat.archived', 'chat.unarchived'],
      ]);
    });

    it('never names a chat that was always hidden, even if the caller leaves it', async () => {
      const chatId = await strict.group([]);
      await strict.post(`/v1/chats/${chatId}/members`, { userIds: ['bob'], role: 'reader' });
      const token = await newToken();
      await archive(chatId);
      await unarchive(chatId);
      expect(await itemsSince(token)).to.deep.equal([]);
      await strict.call('DELETE', `/v1/chats/${chatId}/members/bob`);
      expect(await itemsSince(token)).to.deep.equal([]);
    });

    it('refuses a token of another view, between and within walks, but accepts one of a policy with the same view', async () => {
      for (let i = 0; i < 2; i += 1) await strict.group(['bob']);
      const within: string = (await page(undefined, 1)).body.next;
      const between = await newToken();
      const fromNow: string = (await page('now')).body.next;
      view.shown = [...view.shown, 'archived member'];
      for (const token of [within, between, fromNow]) expectRefused(await page(token));
      view.shown = view.shown.slice(0, -1).reverse();
      for (const token of [within, between, fromNow]) expect((await page(token)).status).to.equal(200);
    });
  });

  describe('tokens', () => {
    it('are refused when changed, forged, or used by another caller or tenant', async () => {
      await rest.group(['bob']);
      const token = await tokenOf('bob');
      const middle = Math.floor(token.length / 2);
      const changed = `${token.slice(0, middle)}${token[middle] === 'A' ? 'B' : 'A'}${token.slice(middle + 1)}`;
      for (const bad of ['x', '.', 'later', changed, `${token}A`, token.split('.')[0] as string])
        expectRefused(await sync('bob', bad));
      expectRefused(await sync('alice', token));
      expectRefused(await sync('acme/bob', token));
      expect((await sync('bob', token)).status).to.equal(200);
    });

    it('are refused by another store, even with the same secret', async () => {
      const token = await tokenOf('bob');
      const other = await new RestHarness().start();
      try {
        expectRefused(await other.get(`/v1/sync?since=${token}`, { as: 'bob' }));
      } finally {
        await other.stop();
      }
    });

    it('are refused if the log has another number of partitions, or is behind them', async () => {
      const chatId = await rest.group(['bob']);
      await rest.say(chatId, 'hello');
      const token = await tokenOf('bob');
      const [row] = [...rest.world.partitions.values()];
      if (row === undefined) throw new Error('there is no partition');
      row.position -= 1;
      expectRefused(await sync('bob', token));
      row.position += 1;
      rest.world.partitions.set(1, { ...row, partition: 1, epoch: EPOCH });
      expectRefused(await sync('bob', token));
      rest.world.partitions.delete(1);
      expect((await sync('bob', token)).status).to.equal(200);
    });

    it('are not valid as list cursors, nor the other way round', async () => {
      await rest.group(['bob']);
      await rest.group(['bob']);
      const { body } = await rest.get('/v1/chats?limit=1', { as: 'bob' });
      expectRefused(await sync('bob', body.nextCursor));
      expect((await rest.get(`/v1/chats?cursor=${await tokenOf('bob')}`, { as: 'bob' })).status).to.equal(400);
    });

    it('may be long, up to the documented length', async () => {
      for (const [length, about] of [
        [8_192, 'is not a valid token for this caller'],
        [8_193, 'must have at most 8192 characters'],
      ] as const) {
        const { status, body } = await sync('bob', 'x'.repeat(length));
        expect([status, body.violations[0]]).to.deep.equal([400, { path: 'since', message: about }]);
      }
      for (const bad of ['&limit=0', '&limit=201', '&cursor=x'])
        expect((await rest.get(`/v1/sync?since=now${bad}`)).status, bad).to.equal(400);
    });
  });

  it('requires authentication', async () => {
    expect((await rest.get('/v1/sync', { as: null })).status).to.equal(401);
  });
});
