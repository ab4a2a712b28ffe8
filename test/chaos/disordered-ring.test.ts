import amqp, { type ChannelModel } from 'amqplib';
import { expect } from 'chai';
import { names } from '../../src/contract/messages/topology.js';
import { cli } from '../integration/main/cli/run-cli.js';
import { Fleet } from '../support/fleet/fleet.js';
import { faultsOf } from '../support/fleet/ledger.js';

const PARTITIONS = 4;
const ROUNDS = 20;

/** Another client binds the command queues in another order; the marker of a correct order stays. */
describe('With a hash ring in the wrong order', function () {
  this.timeout(120_000);
  let fleet: Fleet;
  let connection: ChannelModel;
  let groups: { chatId: string; users: string[] }[];
  /** Groups, and those that were made to find some in each partition. */
  let chats: number;

  before(async () => {
    fleet = await Fleet.create({ partitions: PARTITIONS });
    const [worker] = await Promise.all([fleet.startWorker(), fleet.startWorker()]);
    await worker.ready();
    await fleet.connect();
    connection = await amqp.connect(fleet.amqpUrl);
    groups = await fleet.createGroupsEverywhere(2, 1);
    chats = (await fleet.query('SELECT 1 FROM chats')).length;
  });
  after(async () => {
    await connection?.close();
    await fleet?.close();
  });

  const check = (...options: string[]) => cli(['topology', '--check', ...options], fleet.env);

  async function disorder(): Promise<void> {
    const channel = await connection.createChannel();
    const hash = names.commandsByChat(fleet.namespace);
    for (let partition = PARTITIONS - 1; partition >= 0; partition -= 1) {
      await channel.unbindQueue(names.commandQueue(fleet.namespace, partition), hash, '1');
      await channel.bindQueue(names.commandQueue(fleet.namespace, partition), hash, '1');
    }
    await channel.close();
  }

  /** One after the other in each chat, all chats at once. */
  const talk = (from: number) =>
    Promise.all(
      groups.map(async ({ chatId, users: [actorId = ''] }) => {
        for (let number = from; number < from + ROUNDS; number += 1)
          await fleet.producer.publish({
            type: 'message.send',
            commandId: `${chatId}-${number}`,
            ...{ actorId, chatId },
            data: { body: `text ${number}` },
          });
      }),
    );

  it('the check finds nothing before', async () => {
    const { code, stdout, stderr } = await check();
    expect({ code, stdout, stderr }).to.deep.equal({
      code: 0,
      stdout: [`checked ${chats} chats: all commands are routed to the partition of their chat`],
      stderr: [],
    });
  });

  it("every chat's commands take effect in order, and none is dead-lettered", async () => {
    await talk(0);
    await disorder();
    await talk(ROUNDS);
    await fleet.allAnswered();
    const verdict = await fleet.ledger.close(fleet.databaseUrl);
    expect(faultsOf(verdict), JSON.stringify(verdict)).to.deep.equal([]);
    for (const { chatId } of groups) {
      const rows = await fleet.query<{ body: string }>(
        'SELECT body FROM messages WHERE chat_id = $1 ORDER BY sequence',
        [chatId],
      );
      expect(rows.map(({ body }) => body)).to.deep.equal(
        Array.from({ length: 2 * ROUNDS }, (_, number) => `text ${number}`),
      );
    }
    const channel = await connection.createChannel();
    expect((await channel.checkQueue(names.deadLetters(fleet.namespace))).messageCount).to.equal(0);
    await channel.close();
    const metrics = await Promise.all(
      fleet.workers.map(async ({ env }) => (await fetch(`http://127.0.0.1:${env.OPS_PORT}/metrics`)).text()),
    );
    const forwarded = metrics.map((text) =>
      Number(/^parley_commands_forwarded_total(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1] ?? 0),
    );
    expect(forwarded.reduce((sum, count) => sum + count, 0)).to.be.greaterThan(0);
    const warnings = fleet.workers.filter(({ output }) =>
      output.includes('misrouted commands forwarded to their partition'),
    );
    expect(warnings.length).to.be.greaterThan(0);
  });

  it('the check names and counts chats and exits with 1; the repair restores the ring', async () => {
    const found = await check('--all');
    expect(found.code).to.equal(1);
    const summary = found.stdout.at(-1) ?? '';
    expect(summary).to.match(
      new RegExp(`^checked ${chats} chats: commands of [1-9]\\d* chats are not routed to the partition of their chat$`),
    );
    expect(found.stdout[0]).to.match(
      /^chat [0-9a-f-]{36} belongs to partition \d; its commands are routed to partition \d$/,
    );
    expect(found.stderr).to.deep.equal([
      'parley: repair the hash ring with parley topology --repair, then check again',
    ]);
    const { code, stderr } = await cli(['topology', '--repair'], fleet.env);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: [] });
    expect((await check('--all')).code).to.equal(0);
  });

  it('the check reports a queue without a worker, and leaves nothing in it', async () => {
    await Promise.all(fleet.workers.map((worker) => worker.stop()));
    const { code, stderr } = await check();
    expect(code).to.equal(1);
    expect(stderr.join()).to.match(
      /^parley: no worker consumes \S+\.commands\.p0; the check needs running workers: start one$/,
    );
    const channel = await connection.createChannel();
    for (let partition = 0; partition < PARTITIONS; partition += 1)
      expect((await channel.checkQueue(names.commandQueue(fleet.namespace, partition))).messageCount).to.equal(0);
    await channel.close();
  });
});
