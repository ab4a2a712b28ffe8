/** Chats move from one running system to another one, and go on there. */
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { v4 } from 'uuid';
import { eventually } from '../../support/eventually.js';
import { scratchFolder } from '../../support/services/services.js';
import { cli } from '../main/cli/run-cli.js';
import { RestStack } from './rest/rest-stack.js';

const START_TIMEOUT_MS = 120_000;
const WITHIN_MS = 10_000;

describe('A chat that moves between running systems', function () {
  this.timeout(START_TIMEOUT_MS);
  let from: RestStack;
  let to: RestStack;
  const file = join(scratchFolder('archive'), 'alice.jsonl');
  let chatId = '';

  before(async () => {
    [from, to] = await Promise.all([RestStack.create(), RestStack.create()]);
    await Promise.all([from.run('worker', 'api'), to.run('worker', 'api')]);
    await Promise.all([from.fleet.connect(), to.listen()]);
    chatId = await from.group(['bob', 'carol'], { title: 'A chat' });
    const { messageId } = await from.say(chatId, 'first');
    const gone = await from.say(chatId, 'wrong', 'bob');
    const erased = await from.say(chatId, 'secret', 'carol');
    const ask = async (type: string, actorId: string, data: object) => {
      const receipt = await from.fleet.producer.request({ type, commandId: v4(), actorId, chatId, data });
      expect(receipt.status, JSON.stringify(receipt)).to.equal('accepted');
    };
    await ask('message.edit', 'alice', { messageId, body: 'first, edited' });
    await ask('message.react', 'bob', { messageId, emoji: '👍' });
    await ask('message.delete', 'bob', { messageId: gone.messageId, mode: 'hard' });
    await ask('message.delete', 'carol', { messageId: erased.messageId, mode: 'soft' });
    await ask('message.send', 'bob', { body: 'a reply', inReplyTo: messageId, threadRootId: messageId });
    await ask('member.remove', 'alice', { userId: 'carol' });
    await ask('chat.read', 'bob', { upTo: 3 });
    const exported = await cli(['export', '--user', 'alice', '--out', file], from.fleet.env);
    expect(exported.code, exported.stderr.join('\n')).to.equal(0);
  });
  after(() => Promise.all([from?.close(), to?.close()]));

  const bring = (archive: string) => cli(['import', archive], to.fleet.env);
  const sayThere = () => to.post(`/v1/chats/${chatId}/messages`, { body: 'hello from here' });
  const readiness = async () =>
    Promise.all(to.processes.map(async ({ opsUrl }) => (await fetch(`${opsUrl}/readyz`)).status));

  it('is invisible during the import: no query finds it, and no command changes it', async () => {
    const lines = (await readFile(file, 'utf8')).split('\n');
    const half = join(scratchFolder('archive'), 'half.jsonl');
    writeFileSync(half, lines.slice(0, -2).join('\n'));
    const broken = await bring(half);
    expect(broken.code).to.equal(1);
    expect(broken.stderr.at(-1)).to.include(`the archive ends within chat ${chatId}`);

    const answer = await sayThere();
    expect([answer.status, answer.body.detail]).to.deep.equal([409, 'the chat is being imported']);
    for (const path of ['', '/messages', '/members', '/events'])
      expect((await to.get(`/v1/chats/${chatId}${path}`)).status, path).to.equal(404);
    expect((await to.get('/v1/chats')).body.items).to.deep.equal([]);
    const other = await to.group([]);
    expect(await to.say(other, 'meanwhile')).to.include({ sequence: 2 });
    expect(await readiness()).to.deep.equal([200]);
    expect(await to.counted('parley_dead_letters_total')).to.equal(0);
    expect(await to.counted('parley_partition_owned')).to.equal(to.fleet.partitions);
  });

  it('is visible when it is complete, and every query returns the same bytes as before', async () => {
    const brought = await bring(file);
    expect(brought.code, brought.stderr.join('\n')).to.equal(0);
    expect(brought.stderr.at(-1)).to.match(/^parley: \d+ lines; chats: 1 imported, 0 already present, 0 different$/);
    const store = async (stack: RestStack) =>
      (await stack.fleet.query('SELECT store_id::text FROM store'))[0]?.store_id;
    const stores = [await store(from), await store(to)];
    const { body: page } = await from.get(`/v1/chats/${chatId}/messages`);
    const paths = ['', '/members', '/messages', '/events'].map((path) => `/v1/chats/${chatId}${path}`);
    for (const { messageId } of page.items) paths.push(`/v1/chats/${chatId}/messages/${messageId}`);
    expect(page.items).to.have.length(3);
    for (const path of paths)
      for (const as of ['alice', 'bob', 'carol']) {
        const [there, here] = await Promise.all([from.get(path, { as }), to.get(path, { as })]);
        expect(here.status, path).to.equal(there.status);
        expect(there.status, path).to.equal(as === 'carol' ? 404 : 200);
        const text = JSON.stringify(here.body).replaceAll(stores[1], stores[0]);
        if (as !== 'carol') expect(text, path).to.equal(JSON.stringify(there.body));
      }
    const unread = async (stack: RestStack) => (await stack.get('/v1/chats', { as: 'bob' })).body.items[0].unreadCount;
    expect(await unread(to)).to.equal(await unread(from));
  });

  it('continues with the next sequence at a new partition, and only later events are published', async () => {
    const before = (await from.get(`/v1/chats/${chatId}`)).body.lastSequence;
    const receipts = await Promise.all([sayThere(), sayThere(), sayThere()]);
    const sequences = receipts.map(({ body }) => body.sequence).sort((a, b) => a - b);
    expect(sequences).to.deep.equal([before + 1, before + 2, before + 3]);
    const published = () =>
      to.events.map(({ properties }) => properties.messageId).filter((id) => id?.includes(chatId));
    await eventually(() => published().length === 3, { within: WITHIN_MS, what: 'the events of what was said here' });
    expect(published().sort()).to.deep.equal(sequences.map((sequence) => `${chatId}/${sequence}`));
    const [row] = await to.fleet.query('SELECT partition FROM chats WHERE chat_id = $1', [chatId]);
    expect(row?.partition).to.be.within(0, to.fleet.partitions - 1);
    expect((await to.get(`/v1/chats/${chatId}/events?after=${before}`)).body.items).to.have.length(3);
    expect(await readiness()).to.deep.equal([200]);
    expect(await to.counted('parley_dead_letters_total')).to.equal(0);
  });

  it('is not imported a second time', async () => {
    const before = await to.get(`/v1/chats/${chatId}/events`);
    const again = await bring(file);
    expect(again.code).to.equal(0);
    expect(again.stderr.at(-1)).to.include('0 imported, 1 already present');
    expect((await to.get(`/v1/chats/${chatId}/events`)).body).to.deep.equal(before.body);
  });
});
