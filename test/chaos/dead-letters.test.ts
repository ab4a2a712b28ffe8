import amqp, { type ChannelModel, type ConsumeMessage } from 'amqplib';
import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { Fleet } from '../support/fleet/fleet.js';
import { faultsOf } from '../support/fleet/ledger.js';

const within = 20_000;

describe('A dead letter on the broker', () => {
  let fleet: Fleet;
  let connection: ChannelModel;
  const deadLettered: ConsumeMessage[] = [];
  let chat: { chatId: string; users: string[] };

  before(async function () {
    this.timeout(60_000);
    fleet = await Fleet.create({ partitions: 2 });
    const worker = await fleet.startWorker({ MAX_COMMAND_ATTEMPTS: '2' });
    await worker.ready();
    await fleet.connect();
    connection = await amqp.connect(fleet.amqpUrl);
    const channel = await connection.createChannel();
    await channel.consume(`${fleet.namespace}.dead-letters`, (message) => message && deadLettered.push(message), {
      noAck: true,
    });
    chat = await fleet.createGroup(1);
  });
  after(async () => {
    await connection?.close();
    await fleet?.close();
  });

  const properties = (messageId: string) => ({
    ...{
      messageId,
      type: 'message.send',
      correlationId: `who ${messageId}`,
      appId: 'gateway',
      routingKey: chat.chatId,
    },
    headers: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', note: 'mine' },
  });
  const bodyOf = (text: string, actorId = chat.users[0]) =>
    Buffer.from(JSON.stringify({ actorId, chatId: chat.chatId, data: { body: text } }));

  async function letter(messageId: string): Promise<ConsumeMessage> {
    const find = () => deadLettered.find(({ properties: { messageId: id } }) => id === messageId);
    return eventually(find, { within, what: `${messageId} among the dead letters` });
  }

  function expectUntouched(message: ConsumeMessage, body: Buffer, reason: string): void {
    expect(message.content).to.deep.equal(body);
    expect(message.properties).to.include({ type: 'message.send', appId: 'gateway', contentType: 'application/json' });
    expect(message.properties.correlationId).to.equal(`who ${message.properties.messageId}`);
    const { headers = {} } = message.properties;
    expect(headers).to.include({ note: 'mine', 'x-parley-reason': reason, 'x-parley-routing-key': chat.chatId });
    expect(String(headers.traceparent)).to.match(/^00-4bf92f/);
    expect(String(headers['x-parley-detail'])).not.to.equal('');
    expect(String(headers['x-parley-worker'])).to.match(/\w+-\d+-\w+/);
    expect(Date.now() - Date.parse(String(headers['x-parley-at']))).to.be.within(-5_000, 60_000);
  }

  it('has the reason malformed, and the unchanged body', async () => {
    const body = Buffer.from([0x7b, 0x00, 0xff, 0x22]);
    await fleet.producer.publishRaw(body, properties('malformed'));
    expectUntouched(await letter('malformed'), body, 'malformed');
  });

  it('has the reason poison if the database refuses a command for its data, and its neighbours are accepted', async () => {
    await fleet.query(`ALTER TABLE messages ADD CONSTRAINT planted CHECK (body <> 'poison')`);
    const send = (number: number) =>
      fleet.producer.publish({
        type: 'message.send',
        commandId: `neighbour${number}`,
        actorId: chat.users[0] ?? '',
        chatId: chat.chatId,
        data: { body: `text ${number}` },
      });
    await Promise.all([
      ...Array.from({ length: 50 }, (_, number) => send(number)),
      fleet.producer.publishRaw(bodyOf('poison'), properties('poison')),
      ...Array.from({ length: 50 }, (_, number) => send(50 + number)),
    ]);
    const message = await letter('poison');
    expectUntouched(message, bodyOf('poison'), 'poison');
    expect(JSON.stringify(message.properties.headers)).not.to.contain('planted');
    await fleet.allAnswered();
    const rows = await fleet.query<{ body: string }>('SELECT body FROM messages WHERE chat_id = $1 ORDER BY sequence', [
      chat.chatId,
    ]);
    expect(rows.map(({ body }) => body)).to.deep.equal(Array.from({ length: 100 }, (_, number) => `text ${number}`));
    expect(await fleet.query('SELECT 1 FROM poison_attempts')).to.deep.equal([]);
  });

  it('has the reason misrouted if the partition of its chat does not exist', async () => {
    await fleet.query('UPDATE chats SET partition = partition + 2 WHERE chat_id = $1', [chat.chatId]);
    await fleet.producer.publishRaw(bodyOf('lost'), properties('misrouted'));
    const message = await letter('misrouted');
    expectUntouched(message, bodyOf('lost'), 'misrouted');
    expect(message.properties.headers?.['x-parley-detail']).to.match(/belongs to partition [23], which does not exist/);
  });

  it('exists once per such command, and everything else is in the ledger', async () => {
    const verdict = await fleet.ledger.close(fleet.databaseUrl);
    expect(faultsOf(verdict), JSON.stringify(verdict)).to.deep.equal([]);
    expect(deadLettered.map(({ properties: { messageId } }) => messageId)).to.deep.equal([
      'malformed',
      'poison',
      'misrouted',
    ]);
  });
});
