import { expect } from 'chai';
import { replayDeadLetters } from '../../../../src/adapters/transports/amqp/dead-letters/replay-dead-letters.js';
import { AmqpConnection } from '../../../../src/infrastructure/amqp/amqp-connection.js';
import { eventually } from '../../../support/eventually.js';
import { startProcess } from '../../../support/fleet/processes.js';
import { DeadLetterBench } from './dead-letter-bench.js';

const TEST_TIMEOUT_MS = 180_000;
const within = 20_000;

describe('parley dead-letters replay', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let bench: DeadLetterBench;

  before(async () => {
    bench = await DeadLetterBench.open();
  });
  after(() => bench?.close());
  beforeEach(async () => {
    await bench.channel.purgeQueue(bench.queue);
  });

  it('replay a poison command after its cause is fixed, with one effect', async () => {
    await bench.fleet.query(`ALTER TABLE messages ADD CONSTRAINT planted CHECK (body <> 'poison')`);
    const body = Buffer.from(
      JSON.stringify({ actorId: bench.chat.users[0], chatId: bench.chat.chatId, data: { body: 'poison' } }),
    );
    const publish = () =>
      bench.fleet.producer.publishRaw(body, {
        ...{ messageId: 'poisonous', type: 'message.send', routingKey: bench.chat.chatId, appId: 'gateway' },
        headers: { note: 'mine', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
      });
    await publish();
    await publish();
    await bench.untilThere(2);
    await bench.fleet.query('ALTER TABLE messages DROP CONSTRAINT planted');
    expect(await bench.succeeds('replay', '--reason', 'poison')).to.deep.equal(['replayed 2 of 2 dead letters']);
    await bench.untilThere(0);
    expect(await bench.receiptOf('poisonous')).to.deep.include({ status: 'accepted' });
    await eventually(async () => (await bench.bodies()).filter((text) => text === 'poison').length === 1, {
      within,
      what: 'one effect',
    });
    const [event] = await bench.fleet.query<{ traceparent: string }>(
      `SELECT traceparent FROM chat_events WHERE command_id = 'poisonous'`,
    );
    expect(event?.traceparent).to.match(/^00-4bf92f/);
  });

  it('replay misrouted and broker-dead-lettered commands with their original routing keys', async () => {
    await bench.letItExpire('late');
    // A partition that does not exist: the command cannot be sent home.
    await bench.fleet.query('UPDATE chats SET partition = partition + 100 WHERE chat_id = $1', [bench.chat.chatId]);
    const body = Buffer.from(
      JSON.stringify({ actorId: bench.chat.users[0], chatId: bench.chat.chatId, data: { body: 'strayed' } }),
    );
    await bench.fleet.producer.publishRaw(body, {
      messageId: 'strayed',
      type: 'message.send',
      routingKey: bench.chat.chatId,
    });
    await bench.untilThere(2);
    await bench.fleet.query('UPDATE chats SET partition = partition - 100 WHERE chat_id = $1', [bench.chat.chatId]);
    expect(await bench.succeeds('replay', '--id', 'strayed')).to.deep.equal(['replayed 1 of 2 dead letters']);
    expect(await bench.receiptOf('strayed')).to.deep.include({ status: 'accepted' });
    expect(await bench.listedIds()).to.deep.equal(['late']);
    expect(await bench.succeeds('replay', '--all')).to.deep.equal(['replayed 1 of 1 dead letter']);
    expect(await bench.receiptOf('late')).to.deep.include({ status: 'accepted' });
    expect((await bench.bodies()).slice(-2)).to.deep.equal(['strayed', 'too late']);
  });

  it('replay a dead letter with its properties, without our headers', async () => {
    const catcher = `${bench.fleet.namespace}.catch`;
    await bench.channel.assertQueue(catcher, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await bench.channel.bindQueue(catcher, `${bench.fleet.namespace}.commands`, '#');
    try {
      await bench.plant({ id: 'kept', properties: { timestamp: 1_700_000_000 } }, { reason: 'malformed', text: 'x' });
      expect(await bench.succeeds('replay', '--all')).to.deep.equal(['replayed 2 of 2 dead letters']);
      const [kept, nameless] = await eventually(
        async () => {
          if ((await bench.channel.checkQueue(catcher)).messageCount < 2) return null;
          return [await bench.channel.get(catcher, { noAck: true }), await bench.channel.get(catcher, { noAck: true })];
        },
        { within, what: 'the replayed commands' },
      );
      if (!kept || !nameless) throw new Error('not there');
      expect(kept.fields).to.include({ exchange: `${bench.fleet.namespace}.commands`, routingKey: bench.chat.chatId });
      expect(kept.properties).to.include({
        ...{ messageId: 'kept', type: 'message.send', correlationId: 'who kept', appId: 'gateway' },
        ...{ contentType: 'application/json', timestamp: 1_700_000_000, deliveryMode: 2 },
      });
      expect(kept.properties.headers).to.have.property('note', 'mine');
      expect(Object.keys(kept.properties.headers ?? {}).filter((name) => /parley|death/.test(name))).to.deep.equal([]);
      expect(nameless.properties.messageId).to.equal(undefined);
    } finally {
      await bench.channel.deleteQueue(catcher);
    }
    // The second reading gives the same result.
    await bench.untilThere(1);
    expect((await bench.list()).byReason).to.deep.equal({ malformed: 1 });
  });

  it('list dead letters that cannot be replayed, and keep them', async () => {
    await bench.plant({ id: 'homeless', reason: 'malformed', routingKey: null }, { id: 'fine', text: 'fine' });
    const { code, stdout, stderr } = await bench.run('replay', '--all');
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: ['replayed 1 of 2 dead letters'] });
    expect(stderr).to.deep.equal([
      'parley: homeless at place 1: nothing says what routing key it was published with',
      'parley: 1 cannot be replayed and stay in the queue',
    ]);
    expect(await bench.listedIds()).to.deep.equal(['homeless']);
  });

  it('process the existing dead letters once, in several passes, even if replayed ones return', async () => {
    const ids = Array.from({ length: 60 }, (_, number) => `pass-${number}`);
    // No JSON: a worker puts it away again at once.
    await bench.plant(
      ...ids.map((id, number) =>
        number % 3 === 0
          ? { id, reason: 'misrouted' }
          : { id, reason: 'malformed', routingKey: null, headers: { 'x-parley-routing-key': bench.chat.chatId } },
      ),
    );
    await bench.list(); // delivered once, as the command's own first look does
    await bench.untilThere(60);
    const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const brokers = ['consuming', 'publishing'].map(
      (name) => new AmqpConnection({ url: bench.fleet.amqpUrl, name, logger }),
    ) as [AmqpConnection, AmqpConnection];
    await Promise.all(brokers.map((broker) => broker.start()));
    let replayed = 0;
    try {
      const missed = await replayDeadLetters(...brokers, {
        ...{ namespace: bench.fleet.namespace, most: 60, perPass: 7 },
        isMeant: ({ reason }) => reason === 'malformed',
        pace: async () => undefined,
        onReplayed: () => {
          replayed += 1;
        },
        onUnwritable: () => expect.fail('cannot be written'),
      });
      expect({ missed, replayed }).to.deep.equal({ missed: 0, replayed: 40 });
    } finally {
      await Promise.all(brokers.map((broker) => broker.stop()));
    }
    await bench.untilThere(60);
    const { letters } = await bench.list('--limit', '100');
    const at = (reason: string) =>
      letters.filter((letter) => letter.reason === reason).map(({ messageId }) => messageId);
    expect(at('misrouted')).to.deep.equal(ids.filter((_, number) => number % 3 === 0));
    // Each of them has come back, and so each had gone out.
    expect(at('malformed')).to.have.members(ids.filter((_, number) => number % 3 !== 0));
    const again = await bench.succeeds('show', 'pass-1');
    expect(again.join('\n')).to.not.include('planted as');
  });

  it('lose nothing if a replay is killed halfway, and double nothing when it is run again', async () => {
    const ids = Array.from({ length: 60 }, (_, number) => `half-${number}`);
    await bench.plant(...ids.map((id) => ({ id, text: id })));
    const replaying = await startProcess({
      args: ['dead-letters', 'replay', '--all', '--rate', '20'],
      env: { ...bench.env },
    });
    await bench.receiptOf('half-10');
    expect(await replaying.kill()).to.deep.equal({ code: null, signal: 'SIGKILL' });
    const left = await eventually(
      async () => {
        const { messageCount } = await bench.channel.checkQueue(bench.queue);
        const done = await bench.fleet.query(`SELECT 1 FROM chat_events WHERE command_id LIKE 'half-%'`);
        return messageCount + done.length >= ids.length ? messageCount : null;
      },
      { within, what: 'every letter is there or done' },
    );
    expect(left).to.be.within(1, 55);
    await bench.succeeds('replay', '--all');
    for (const id of ids) expect(await bench.receiptOf(id)).to.deep.include({ status: 'accepted' });
    const said = (await bench.bodies()).filter((text) => text.startsWith('half-'));
    expect([...said].sort()).to.deep.equal([...ids].sort());
    expect(said).to.deep.equal(ids);
    await bench.untilThere(0);
  });
});
