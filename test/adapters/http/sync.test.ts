import { expect } from 'chai';
import { PolicyEnforcementPoint } from '../../../src/application/policy/enforcement.js';
import type { Chat } from '../../../src/domain/chat.js';
import { SyncingClient } from '../../application/sync/syncing-client.js';
import { NO_CLAIMS } from '../../support/default-policy.js';
import { EPOCH } from './deciding-door.js';
import type { RestAnswer } from './rest-client.js';
import { RestHarness } from './rest-harness.js';

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
    expect(body.detail).to.equal('this store does not know the token: start again without one');
    expect(body.violations).to.deep.equal([
      { path: 'since', message: 'is not a token that this store has given to this caller' },
    ]);
  };

  it('gives everything to who comes without a token: each chat anew, as REST has it, with its events', async () => {
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

  it('gives what has happened since the token, in every chat, and then nothing more', async () => {
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

  it('begins with nothing from now on for who asks for that', async () => {
    const chatId = await rest.group(['bob']);
    const { body } = await sync('bob', 'now');
    expect(body).to.include({ hasMore: false }).and.deep.include({ items: [] });
    await rest.say(chatId, 'later');
    const later = await sync('bob', body.next);
    expect(later.body.items).to.have.length(1);
    expect(later.body.items[0]).to.include({ reset: false });
    expect(later.body.items[0].events).to.have.length(1);
  });

  it('says that a chat was left, once, and to nobody who never had it', async () => {
    const chatId = await rest.group(['bob']);
    const token = await tokenOf('bob');
    expect((await rest.call('DELETE', `/v1/chats/${chatId}/members/bob`)).status).to.equal(200);
    const { body } = await sync('bob', token);
    expect(body.items).to.deep.equal([{ chatId, left: true }]);
    expect((await sync('bob', body.next)).body.items).to.deep.equal([]);
    expect((await sync('bob')).body.items).to.deep.equal([]);
  });

  it('begins a chat anew for a member who was away from it, with all that a member may see', async () => {
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

  it('goes in pages of any size, which can change on the way', async () => {
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

  it('leaves out what the policy does not let the caller see, and goes on behind it', async () => {
    const strict = await new RestHarness({
      policy: new PolicyEnforcementPoint({
        ...NO_CLAIMS,
        decide: ({ action, chat }) =>
          action === 'chat.view' && chat?.archived
            ? { effect: 'deny', rule: 'no-archives', detail: 'no-archives' }
            : { effect: 'permit', rule: 'all' },
      }),
    }).start();
    try {
      const chats = [];
      for (let i = 0; i < 3; i += 1) chats.push(await strict.group(['bob']));
      const [first, second, third] = chats.sort() as [string, string, string];
      (strict.world.chats.get(second) as Chat).archivedAt = new Date(0);
      const client = new SyncingClient(async (since, limit) => {
        const path = `/v1/sync?limit=${limit}${since === undefined ? '' : `&since=${since}`}`;
        return (await strict.get(path, { as: 'bob' })).body;
      });
      while (await client.sync(1));
      expect([...client.chats.keys()]).to.deep.equal([first, third]);
    } finally {
      await strict.stop();
    }
  });

  describe('tokens', () => {
    it('are refused when changed, made up, or taken to another caller or tenant', async () => {
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

    it('are refused by another store, even one that signs with the same secret', async () => {
      const token = await tokenOf('bob');
      const other = await new RestHarness().start();
      try {
        expectRefused(await other.get(`/v1/sync?since=${token}`, { as: 'bob' }));
      } finally {
        await other.stop();
      }
    });

    it('are refused when the log has another number of partitions, or is behind them', async () => {
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

    it('are no cursors of lists, nor those tokens', async () => {
      await rest.group(['bob']);
      await rest.group(['bob']);
      const { body } = await rest.get('/v1/chats?limit=1', { as: 'bob' });
      expectRefused(await sync('bob', body.nextCursor));
      expect((await rest.get(`/v1/chats?cursor=${await tokenOf('bob')}`, { as: 'bob' })).status).to.equal(400);
    });

    it('may be long, and no longer than is documented', async () => {
      for (const [length, about] of [
        [8_192, 'is not a token that this store has given to this caller'],
        [8_193, 'Too big: expected string to have <=8192 characters'],
      ] as const) {
        const { status, body } = await sync('bob', 'x'.repeat(length));
        expect([status, body.violations[0]]).to.deep.equal([400, { path: 'since', message: about }]);
      }
      for (const bad of ['&limit=0', '&limit=201', '&cursor=x'])
        expect((await rest.get(`/v1/sync?since=now${bad}`)).status, bad).to.equal(400);
    });
  });

  it('is for those who prove who they are', async () => {
    expect((await rest.get('/v1/sync', { as: null })).status).to.equal(401);
  });
});
