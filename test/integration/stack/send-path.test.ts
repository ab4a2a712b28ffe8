import { expect } from 'chai';
import { v4 } from 'uuid';
import { type EventType, eventEnvelope } from '../../../src/contract/messages/events.js';
import { eventually } from '../../support/eventually.js';
import { Fleet } from '../../support/fleet/fleet.js';
import { faultsOf } from '../../support/fleet/ledger.js';

describe('The path of a command through a real broker, a real database and a worker process', () => {
  let fleet: Fleet;

  before(async function () {
    this.timeout(60_000);
    fleet = await Fleet.create();
    const worker = await fleet.startWorker();
    await worker.ready();
    await fleet.connect();
  });

  after(async () => {
    await fleet?.close();
  });

  it('answers, stores and publishes messages of several chats in order', async () => {
    const chats = await Promise.all([fleet.createGroup(2), fleet.createGroup(2), fleet.createGroup(2)]);
    await Promise.all(
      chats.flatMap(({ chatId, users }) =>
        Array.from({ length: 100 }, (_, index) =>
          fleet.producer.publish({
            type: 'message.send',
            commandId: `m${index}`,
            actorId: users[index % users.length] ?? '',
            chatId,
            data: { body: `message ${index}` },
          }),
        ),
      ),
    );
    await fleet.allAnswered();
    for (const { chatId } of chats) {
      const rows = await fleet.query<{ sequence: number; body: string }>(
        'SELECT sequence::int, body FROM messages WHERE chat_id = $1 ORDER BY sequence',
        [chatId],
      );
      expect(rows.map(({ sequence }) => sequence)).to.deep.equal(Array.from({ length: 100 }, (_, index) => index + 2));
      expect(rows.map(({ body }) => body)).to.deep.equal(Array.from({ length: 100 }, (_, index) => `message ${index}`));
    }
    const verdict = await fleet.ledger.close(fleet.databaseUrl);
    expect(faultsOf(verdict), JSON.stringify(verdict)).to.deep.equal([]);
    expect(verdict.attempted).to.be.at.least(303);
  });

  it('publishes events that match the contract, with routing and recipients', async () => {
    const { chatId, users } = await fleet.createGroup(2);
    const [owner = '', ...others] = users;
    const removed = others[0] ?? '';
    await fleet.producer.request({
      type: 'member.remove',
      commandId: 'r1',
      actorId: owner,
      chatId,
      data: { userId: removed },
    });
    const events = await eventually(
      () => {
        const ofChat = fleet.dispatch.events.filter(({ partitionkey }) => partitionkey === chatId);
        return ofChat.length >= 2 ? ofChat : undefined;
      },
      { within: 10_000, what: 'both events' },
    );
    for (const event of events) eventEnvelope(event.type as EventType).parse(event);
    expect(events.map(({ type }) => type)).to.deep.equal(['chat.created', 'member.removed']);
    expect(events[1]?.data.recipients).to.have.members(others);
    expect(events[1]?.data.recipientCount).to.equal(2);
  });

  it('answers a repeated command with the first receipt, and other content with a conflict', async () => {
    const { chatId, users } = await fleet.createGroup(1);
    const command = {
      type: 'message.send',
      commandId: 'once',
      actorId: users[0] ?? '',
      chatId,
      data: { body: 'once' },
    };
    const first = await fleet.producer.request(command);
    const again = await fleet.producer.request(command);
    expect(again).to.deep.equal({ ...first, replayed: true });
    const other = await fleet.producer.request({ ...command, data: { body: 'other' } });
    expect(other.status).to.equal('rejected');
    expect(other.reason?.code).to.equal('conflict');
    const rows = await fleet.query('SELECT 1 FROM messages WHERE chat_id = $1', [chatId]);
    expect(rows).to.have.length(1);
  });

  const stranger = 'stranger';
  const refusals: {
    title: string;
    code: string;
    send: (chat: { chatId: string; users: string[] }) => Promise<unknown>;
  }[] = [
    {
      title: 'unknown fields as invalid',
      code: 'invalid',
      send: ({ chatId, users }) =>
        fleet.producer.request({
          type: 'message.send',
          commandId: 'x1',
          actorId: users[0] ?? '',
          chatId,
          data: { body: 'x', colour: 1 },
        }),
    },
    {
      title: 'an unknown command as unsupported_type',
      code: 'unsupported_type',
      send: ({ chatId, users }) =>
        fleet.producer.request({ type: 'message.shout', commandId: 'x2', actorId: users[0] ?? '', chatId, data: {} }),
    },
    {
      title: 'a body over 256 KiB as too_large',
      code: 'too_large',
      send: ({ chatId, users }) =>
        fleet.producer.request({
          type: 'message.send',
          commandId: 'x3',
          actorId: users[0] ?? '',
          chatId,
          data: { body: 'x'.repeat(300_000) },
        }),
    },
    {
      title: 'a stranger as not_found',
      code: 'not_found',
      send: ({ chatId }) =>
        fleet.producer.request({
          type: 'message.send',
          commandId: 'x4',
          actorId: stranger,
          chatId,
          data: { body: 'x' },
        }),
    },
    {
      title: 'a chat that does not exist as not_found',
      code: 'not_found',
      send: () =>
        fleet.producer.request({
          type: 'message.send',
          commandId: 'x5',
          actorId: stranger,
          chatId: v4(),
          data: { body: 'x' },
        }),
    },
    {
      title: 'a member who adds somebody as not_permitted',
      code: 'not_permitted',
      send: ({ chatId, users }) =>
        fleet.producer.request({
          type: 'member.add',
          commandId: 'x6',
          actorId: users[1] ?? '',
          chatId,
          data: { userIds: ['eve'] },
        }),
    },
    {
      title: 'a taken chat id as conflict',
      code: 'conflict',
      send: ({ chatId }) =>
        fleet.producer.request({
          type: 'chat.create',
          commandId: 'x7',
          actorId: stranger,
          chatId,
          data: { kind: 'group', memberIds: [] },
        }),
    },
  ];
  for (const { title, code, send } of refusals)
    it(`refuses ${title}`, async () => {
      const receipt = (await send(await fleet.createGroup(1))) as { status: string; reason?: { code: string } };
      expect(receipt.status).to.equal('rejected');
      expect(receipt.reason?.code).to.equal(code);
    });

  it("publishes a stored refusal for the actor's devices", async () => {
    const event = await eventually(
      () => fleet.dispatch.events.find(({ type, data }) => type === 'command.rejected' && data.commandId === 'x4'),
      { within: 10_000, what: 'the rejection as an event' },
    );
    eventEnvelope('command.rejected').parse(event);
    expect(event.sequence).to.equal(undefined);
  });

  it('continues after commands that cannot be answered', async () => {
    const { chatId, users } = await fleet.createGroup(1);
    await fleet.producer.publishRaw(Buffer.from('{"actorId":'), {
      routingKey: chatId,
      type: 'message.send',
      messageId: 'bad',
    });
    const receipt = await fleet.producer.request({
      type: 'message.send',
      commandId: 'after-bad',
      actorId: users[0] ?? '',
      chatId,
      data: { body: 'still here' },
    });
    expect(receipt.status).to.equal('accepted');
  });

  it('has a closed ledger of everything above', async () => {
    const verdict = await fleet.ledger.close(fleet.databaseUrl);
    expect(faultsOf(verdict), JSON.stringify(verdict)).to.deep.equal([]);
  });
});
