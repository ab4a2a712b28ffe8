import amqp, { type Channel, type ChannelModel, type ConsumeMessage } from 'amqplib';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.js';
import { Fleet } from '../../../support/fleet/fleet.js';
import { startProcess } from '../../../support/fleet/processes.js';
import type { CliEnd } from './run-cli.js';
import { warmCli } from './warm-cli.js';

const TEST_TIMEOUT_MS = 120_000;
const within = 20_000;
const MESSAGES = 40;
const NOWHERE = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9aff';

describe('parley replay', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let fleet: Fleet;
  let connection: ChannelModel;
  let channel: Channel;
  let chat: { chatId: string; users: string[] };
  let partition: number;
  let again: string;
  /** As they went out the first time. */
  const first: ConsumeMessage[] = [];
  let queues = 0;

  before(async () => {
    fleet = await Fleet.create({ partitions: 2 });
    const worker = await fleet.startWorker();
    await worker.ready();
    await fleet.connect();
    connection = await amqp.connect(fleet.amqpUrl);
    channel = await connection.createChannel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, `${fleet.namespace}.events`, '#');
    await channel.consume(queue, (message) => message && first.push(message), { noAck: true });
    chat = await fleet.createGroup(2);
    const [owner = '', other = ''] = chat.users;
    const ask = (actorId: string, type: string, data: object) =>
      fleet.producer.request({
        type,
        commandId: `${type}-${first.length}-${Math.random()}`,
        actorId,
        chatId: chat.chatId,
        data,
      });
    const { messageId } = await ask(owner, 'message.send', {
      body: 'first',
      mentions: [other],
      metadata: { b: 1, a: [] },
    });
    await ask(owner, 'message.edit', { messageId, body: 'second' });
    await ask(other, 'message.react', { messageId, emoji: '👍' });
    await ask(other, 'chat.read', { upTo: 2 });
    for (let number = 0; number < MESSAGES; number += 1)
      await ask(owner, 'message.send', { body: `message ${number}` });
    await fleet.producer.request({ type: 'user.upsert', commandId: 'me', actorId: owner, data: { displayName: 'Me' } });
    await eventually(() => first.length === MESSAGES + 6, { within, what: 'all events' });
    // The worker saves the published position later; a replay compares after that.
    await eventually(
      async () => (await fleet.query('SELECT FROM partitions WHERE published_through < position')).length === 0,
      { within, what: 'all of it noted as published' },
    );
    const [row] = await fleet.query<{ partition: number }>('SELECT partition FROM chats WHERE chat_id = $1', [
      chat.chatId,
    ]);
    partition = row?.partition ?? 0;
  });
  after(async () => {
    await connection?.close();
    await fleet?.close();
  });
  beforeEach(async () => {
    queues += 1;
    again = `${fleet.namespace}.again${queues}`;
    await channel.assertQueue(again, { durable: true });
  });

  const env = () => ({ AMQP_URL: fleet.amqpUrl, CHAT_NAMESPACE: fleet.namespace, DATABASE_URL: fleet.databaseUrl });
  const run = (...args: string[]): Promise<CliEnd> => warmCli(['replay', '--queue', again, ...args], env());
  async function taken(queue = again): Promise<ConsumeMessage[]> {
    const messages: ConsumeMessage[] = [];
    for (;;) {
      const message = await channel.get(queue, { noAck: true });
      if (message === false) return messages;
      messages.push(message as unknown as ConsumeMessage);
    }
  }
  const ofChat = () =>
    first.filter(({ content }) => {
      const { sequence, partitionkey } = JSON.parse(content.toString()) as { sequence?: string; partitionkey: string };
      return sequence !== undefined && partitionkey === chat.chatId;
    });
  const sequencesOf = (messages: ConsumeMessage[]) =>
    messages.map(({ content }) => Number((JSON.parse(content.toString()) as { sequence: string }).sequence));
  const progressOf = (of: number) =>
    fleet.query<{ position: number; published: number }>(
      'SELECT position::int4, published_through::int4 AS published FROM partitions WHERE partition = $1',
      [of],
    );
  const progress = () =>
    fleet.query('SELECT partition, position, published_through FROM partitions ORDER BY partition');

  it('refuses invalid arguments in one line', async () => {
    const queue = ['--queue', again];
    const cases: [string[], RegExp][] = [
      [['--chat', chat.chatId], /^parley: required option '--queue <name>' not specified$/],
      [queue, /^parley: either --chat or --partition must be given$/],
      [['--chat', chat.chatId, '--partition', '0', ...queue], /^parley: either --chat or --partition must be given$/],
      [['--chat', chat.chatId, '--queue', 'nowhere'], /^parley: the broker has no queue nowhere$/],
      [['--chat', chat.chatId, '--queue', `${fleet.namespace}.commands.p1`], /commands\.p1 is not a queue for events$/],
      [['--chat', NOWHERE, ...queue], /^parley: there is no chat 0199c1de/],
      [['--partition', '2', ...queue], /^parley: there is no partition 2$/],
      [['--chat', chat.chatId, '--to', '999', ...queue], /ends with 44, before --to 999$/],
      [['--chat', chat.chatId, '--from', '45', ...queue], /has nothing from 45 to 44$/],
      [['--chat', chat.chatId, '--rate', '0', ...queue], /whole number, 1 or more/],
    ];
    for (const [args, expected] of cases) {
      const { code, stdout, stderr } = await warmCli(['replay', ...args], { ...env(), COMMAND_PARTITIONS: '2' });
      expect({ code, stdout }, args.join(' ')).to.deep.equal({ code: 1, stdout: [] });
      expect(stderr, stderr.join('\n')).to.have.length(1);
      expect(stderr[0]).to.match(expected);
    }
    expect(await taken()).to.deep.equal([]);
  });

  it('sends a chat’s events only to one queue, with the same bytes and properties, in order', async () => {
    const [before, dispatched, seen] = [await progress(), fleet.dispatch.events.length, first.length];
    const { code, stderr } = await run('--chat', chat.chatId);
    expect(code, stderr.join('\n')).to.equal(0);
    expect(stderr).to.deep.equal([`parley: replayed 44 events, 1 to 44, to ${again}`]);
    const copies = await taken();
    expect(sequencesOf(copies)).to.deep.equal(Array.from({ length: 44 }, (_, index) => index + 1));
    copies.forEach(({ content, properties }, index) => {
      expect(content.toString()).to.equal(ofChat()[index]?.content.toString());
      expect(properties).to.deep.equal(ofChat()[index]?.properties);
    });
    expect([await progress(), fleet.dispatch.events.length, first.length]).to.deep.equal([before, dispatched, seen]);
  });

  it('sends a range of a chat, or of a partition including events without a sequence', async () => {
    expect((await run('--chat', chat.chatId, '--from', '3', '--to', '7')).code).to.equal(0);
    expect(sequencesOf(await taken())).to.deep.equal([3, 4, 5, 6, 7]);
    const { code, stderr } = await run('--partition', String(partition));
    expect(code, stderr.join('\n')).to.equal(0);
    const copies = await taken();
    const ids = copies.map(({ properties }) => String(properties.messageId));
    expect(new Set(ids).size).to.equal(ids.length);
    const of = (type: string) => copies.filter(({ properties }) => properties.type === type).length;
    expect([of('chat.read'), of('message.created')]).to.deep.equal([1, MESSAGES + 1]);
    for (const { content, properties } of copies)
      expect(first.find((event) => event.properties.messageId === properties.messageId)?.content).to.deep.equal(
        content,
      );
  });

  it('limits its rate', async () => {
    const startedAt = Date.now();
    expect((await run('--chat', chat.chatId, '--to', '31', '--rate', '20')).code).to.equal(0);
    expect(Date.now() - startedAt).to.be.greaterThan(1_300);
    expect(await taken()).to.have.length(31);
  });

  it('waits for a full queue, and continues in order', async () => {
    const small = `${fleet.namespace}.small`;
    await channel.assertQueue(small, {
      durable: true,
      // A quorum queue takes a little more than its bound.
      arguments: { 'x-queue-type': 'classic', 'x-max-length': 10, 'x-overflow': 'reject-publish' },
    });
    const replaying = await startProcess({ args: ['replay', '--chat', chat.chatId, '--queue', small], env: env() });
    await replaying.line(/^parley: events not taken: refused$/);
    const received: ConsumeMessage[] = [];
    await channel.consume(small, (message) => message && received.push(message), { noAck: true });
    expect((await replaying.ended).code, replaying.output).to.equal(0);
    const firstCopies = [...new Set(sequencesOf(received))];
    expect(firstCopies).to.deep.equal(Array.from({ length: 44 }, (_, index) => index + 1));
    await channel.deleteQueue(small);
  });

  it('reports its progress if the queue is deleted or the log has a gap', async () => {
    const replaying = await startProcess({
      args: ['replay', '--chat', chat.chatId, '--queue', again, '--rate', '10'],
      env: env(),
    });
    await eventually(async () => (await channel.checkQueue(again)).messageCount > 3, { within, what: 'some events' });
    await channel.deleteQueue(again);
    expect((await replaying.ended).code).to.equal(1);
    expect(replaying.stderr.at(-1)).to.match(/^parley: the queue does not exist any more; continue with --from \d+$/);
    await channel.assertQueue(again, { durable: true });
    const where = `chat_id = '${chat.chatId}' AND sequence = 5`;
    await fleet.query(`CREATE TABLE kept AS SELECT * FROM chat_events WHERE ${where}`);
    await fleet.query(`DELETE FROM chat_events WHERE ${where}`);
    try {
      const { code, stderr } = await run('--chat', chat.chatId);
      expect(code).to.equal(1);
      expect(stderr.at(-1)).to.match(/^parley: the log has no event 5: run parley verify; continue with --from 1$/);
    } finally {
      await fleet.query('INSERT INTO chat_events SELECT * FROM kept');
      await fleet.query('DROP TABLE kept');
    }
  });

  it('reports the number of pruned events, and sends the rest of a partition in order', async () => {
    const [owner = ''] = chat.users;
    const send = (name: string, body: string) =>
      fleet.producer.request({
        ...{ type: 'message.send', commandId: name, actorId: owner, chatId: chat.chatId, data: { body } },
      });
    const names = ['one', 'two', 'three', 'four', 'five'];
    // Also the first and the last replayed event.
    for (const name of names) {
      await send(`refused-${name}`, '');
      if (name !== 'five') await send(`sent-${name}`, name);
    }
    const idsOf = (messages: ConsumeMessage[]) => messages.map(({ properties }) => String(properties.messageId));
    const isPublished = async () => {
      const [row] = await progressOf(partition);
      return row !== undefined && row.published === row.position;
    };
    await eventually(isPublished, { within, what: 'all of it noted as published' });
    const [row] = await progressOf(partition);
    const from = String((row?.position ?? 0) - 8);
    expect((await run('--partition', String(partition), '--from', from)).code).to.equal(0);
    const before = await taken();
    expect(before).to.have.length(9);
    const [pruned] = await fleet.query<{ pruned: number }>(
      "SELECT pruned::int4 FROM prune_rejected_commands($1, now() + interval '1 day', 10)",
      [partition],
    );
    expect(pruned?.pruned).to.equal(5);
    const { code, stderr } = await run('--partition', String(partition), '--from', from);
    expect(code, stderr.join('\n')).to.equal(0);
    expect(stderr).to.deep.equal([
      `parley: replayed 4 events, ${from} to ${row?.position}, to ${again}`,
      'parley: 5 events of rejected commands are missing: they were pruned from the log',
    ]);
    const left = before.filter(({ properties }) => properties.type !== 'command.rejected');
    expect(idsOf(await taken())).to.deep.equal(idsOf(left));
    const last = String(row?.position);
    const nothing = await run('--partition', String(partition), '--from', last);
    expect(nothing.stderr[0]).to.equal(`parley: replayed 0 events, ${last} to ${last}, to ${again}`);
  });

  it('sends deleted messages without text', async () => {
    const [message] = await fleet.query<{ message_id: string }>(
      'SELECT message_id FROM messages WHERE chat_id = $1 AND sequence = 10',
      [chat.chatId],
    );
    await fleet.producer.request({
      ...{ type: 'message.delete', commandId: 'away', actorId: chat.users[0] ?? '', chatId: chat.chatId },
      data: { messageId: message?.message_id, mode: 'hard' },
    });
    expect((await run('--chat', chat.chatId, '--from', '10', '--to', '10')).code).to.equal(0);
    const [copy] = await taken();
    expect((JSON.parse(copy?.content.toString() ?? '') as { data: object }).data).to.include({
      body: null,
      erased: true,
    });
  });
});
