import { Socket } from 'node:net';
import { connect as dial } from 'amqplib';
import { expect } from 'chai';
import { v4 } from 'uuid';
import { CommandProducer, InvalidCommand, NoReceipt, type ProducerOptions } from '../../../src/client/public.js';
import { directChatId, type Receipt } from '../../../src/contract/public.js';
import { freePort } from '../../../src/infrastructure/free-port.js';
import { Wire } from '../../support/broker/wire.js';
import { eventually } from '../../support/eventually.js';
import { Fleet } from '../../support/fleet/fleet.js';
import { policyTrustingFile } from '../../support/policies/policy-with.js';
import { uniqueNamespace } from '../../support/services/services.js';

const COMMANDS_IN_FLIGHT = 200;
const SHORT_TIMEOUT_MS = 700;

describe('The command producer', function () {
  this.timeout(90_000);
  let fleet: Fleet;
  let wire: Wire;
  /** The broker's user that these producers log in as, and which the workers' policy lists. */
  let login = '';
  const open: CommandProducer[] = [];

  before(async () => {
    fleet = await Fleet.create({ partitions: 2 });
    login = new URL(fleet.amqpUrl).username || 'guest';
    await (await fleet.startWorker({ POLICY_FILE: policyTrustingFile(login) })).ready();
    wire = new Wire(await freePort(), fleet.amqpUrl);
    await wire.join();
  });

  afterEach(() => Promise.all(open.splice(0).map((producer) => producer.close())));

  after(async () => {
    await wire?.cut();
    await fleet?.close();
  });

  async function connect(options: Partial<ProducerOptions> = {}): Promise<CommandProducer> {
    const { amqpUrl: url, namespace } = fleet;
    const producer = await CommandProducer.connect({ url, namespace, appId: 'client-test', ...options });
    open.push(producer);
    return producer;
  }

  async function createGroup(producer: CommandProducer, memberIds: string[] = []): Promise<string> {
    const chatId = v4();
    const data = { kind: 'group' as const, memberIds };
    expect((await producer.send('chat.create', { actorId: 'ann', chatId, data })).status).to.equal('accepted');
    return chatId;
  }

  const failureOf = (promise: Promise<unknown>): Promise<Error> =>
    promise.then(
      () => expect.fail('it succeeded'),
      (error: Error) => error,
    );

  const bodies = async (chatId: string): Promise<string[]> => {
    const rows = await fleet.query<{ body: string }>('SELECT body FROM messages WHERE chat_id = $1 ORDER BY sequence', [
      chatId,
    ]);
    return rows.map(({ body }) => body);
  };

  it('returns the receipt of an accepted or rejected command', async () => {
    const producer = await connect();
    const chatId = await createGroup(producer);
    const accepted = await producer.send('message.send', { actorId: 'ann', chatId, data: { body: 'hello' } });
    expect(accepted).to.include({ status: 'accepted', chatId, sequence: 2, type: 'message.send', replayed: false });
    const refused = await producer.send('message.send', { actorId: 'eve', chatId, data: { body: 'let me in' } });
    expect(refused).to.include({ status: 'rejected', sequence: null });
    expect(refused.reason?.code).to.equal('not_found');
  });

  it('sets the broker user as producer, for policies that list producers; the broker refuses another user', async () => {
    const service = { actorId: 'directory', data: { displayName: 'Directory', kind: 'service' as const } };
    const unnamed = await (await connect({ appId: login })).send('user.upsert', service);
    expect(unnamed.reason?.detail).to.contain('listed-producers-set-kinds');
    const listed = await connect({ userId: login });
    expect((await listed.send('user.upsert', service)).status).to.equal('accepted');
    const claims = { userId: 'gina', claims: { guest: true } };
    expect((await listed.send('user.upsert', { actorId: 'directory', data: claims })).status).to.equal('accepted');
    const causes: string[] = [];
    const posing = await connect({ userId: `not-${login}`, onAway: ({ message }) => causes.push(message) });
    const failure = await failureOf(posing.send('user.upsert', service, { receiptTimeoutMs: SHORT_TIMEOUT_MS }));
    expect(failure).to.be.instanceOf(NoReceipt);
    expect(failure.message).to.contain('PRECONDITION_FAILED').and.to.contain('user_id');
    expect(causes[0]).to.contain('PRECONDITION_FAILED');
  });

  it('sends small messages at once, without waiting for the acknowledgement of the one before', async () => {
    const { setNoDelay } = Socket.prototype;
    const withoutDelay: (boolean | undefined)[] = [];
    Socket.prototype.setNoDelay = function (isOn) {
      withoutDelay.push(isOn);
      return setNoDelay.call(this, isOn);
    };
    try {
      await connect();
    } finally {
      Socket.prototype.setNoDelay = setNoDelay;
    }
    expect(withoutDelay).to.include(true);
  });

  it('has one effect per command id, and gets the same receipt again', async () => {
    const producer = await connect();
    const chatId = await createGroup(producer);
    const command = { actorId: 'ann', chatId, data: { body: 'once' } };
    const first = await producer.send('message.send', command, { commandId: `once-${chatId}` });
    const second = await producer.send('message.send', command, { commandId: `once-${chatId}` });
    expect(second).to.deep.equal({ ...first, replayed: true });
    expect(await bodies(chatId)).to.deep.equal(['once']);
  });

  it("computes a direct chat's id, for any tenant", async () => {
    const producer = await connect();
    const data = { kind: 'direct' as const, memberIds: ['ben'] };
    const receipt = await producer.send('chat.create', { tenantId: 'acme', actorId: 'ann', data });
    expect(receipt).to.include({ status: 'accepted', tenantId: 'acme', chatId: directChatId('acme', 'ann', 'ben') });
  });

  it('refuses invalid commands before sending, with the violations', async () => {
    const producer = await connect();
    const chatId = v4();
    const faulty: [() => Promise<unknown>, RegExp][] = [
      [
        () => producer.send('message.send', { actorId: 'ann', chatId, data: { body: '' } }),
        /data\.body must have at least/,
      ],
      [
        () => producer.send('message.send', { actorId: 'ann', chatId: 'X', data: { body: 'x' } }),
        /chatId must be a UUID/,
      ],
      // @ts-expect-error: so may a program in JavaScript
      [() => producer.send('chat.create', { actorId: 'ann', data: { kind: 'group', memberIds: [] } }), /chatId/],
      // @ts-expect-error: and this
      [() => producer.send('chat.create', { actorId: 'ann', data: { kind: 'direct' } }), /data\.memberIds/],
      // @ts-expect-error: and this
      [() => producer.send('chat.create', { actorId: 'ann' }), /; data /],
      [
        () => producer.send('chat.archive', { actorId: 'a b', chatId, data: {} }),
        /actorId is missing or not a user id/,
      ],
      [() => producer.send('chat.archive', { actorId: 'ann', chatId, data: {} }, { commandId: 'a b' }), /command id/],
    ];
    const errors: Error[] = [];
    for (const [send, why] of faulty) {
      const error = await failureOf(send());
      expect(error).to.be.instanceOf(InvalidCommand);
      expect(error.message).to.match(why);
      errors.push(error);
    }
    const refused = errors[0] as InvalidCommand;
    expect(refused.reason?.code).to.equal('invalid');
    expect(refused.reason?.violations).to.deep.equal([
      { path: 'data.body', message: 'must have at least 1 character' },
    ]);
    expect(producer.counters.published).to.equal(0);
  });

  it('loses, repeats and reorders nothing if its connection is cut with commands in flight', async () => {
    const producer = await connect({ url: wire.url });
    const chatId = await createGroup(producer);
    const sent = Array.from({ length: COMMANDS_IN_FLIGHT }, (_, index) => `message ${index}`);
    const receipts: Promise<Receipt>[] = [];
    for (const [index, body] of sent.entries()) {
      const { receipt } = await producer.submit('message.send', { actorId: 'ann', chatId, data: { body } });
      receipts.push(receipt);
      if (index % 70 !== 69) continue;
      await receipts[index - 30]; // so that some have been answered, and others are on their way
      await wire.cut();
      await wire.join();
    }
    const sequences = (await Promise.all(receipts)).map(({ sequence }) => sequence);
    expect(sequences).to.deep.equal(sent.map((_, index) => index + 2));
    expect(await bodies(chatId)).to.deep.equal(sent);
    expect(producer.counters.reconnects).to.be.at.least(1);
    expect(producer.counters.published).to.be.greaterThan(COMMANDS_IN_FLIGHT + 1);
  });

  it('keeps commands while the broker is unreachable, and sends them in order', async () => {
    const producer = await connect({ url: wire.url });
    const chatId = await createGroup(producer);
    await wire.cut();
    const sent = ['one', 'two', 'three'];
    const receipts = sent.map((body) => producer.send('message.send', { actorId: 'ann', chatId, data: { body } }));
    await wire.join();
    await Promise.all(receipts);
    expect(await bodies(chatId)).to.deep.equal(sent);
  });

  it('times out without an answer; the same command id returns the receipt later', async () => {
    const idle = await Fleet.create({ partitions: 2 });
    const worker = await idle.startWorker();
    await worker.ready();
    await worker.stop(); // its queues stay
    const { amqpUrl: url, namespace } = idle;
    const producer = await connect({ url, namespace, receiptTimeoutMs: SHORT_TIMEOUT_MS });
    const commandId = 'create-later';
    const create = { actorId: 'ann', chatId: v4(), data: { kind: 'group' as const, memberIds: [] } };
    const error = await failureOf(producer.send('chat.create', create, { commandId }));
    expect(error).to.be.instanceOf(NoReceipt);
    expect(error).to.have.property('commandId', commandId);
    await (await idle.startWorker()).ready();
    const receipt = await producer.send('chat.create', create, { commandId, receiptTimeoutMs: 20_000 });
    // The first copy lay in the queue: it had the effect.
    expect(receipt).to.include({ status: 'accepted', sequence: 1, replayed: true });
    await idle.close();
  });

  it('repeats a command that the broker returned', async () => {
    const empty = await Fleet.create({ partitions: 1 });
    const door = await openDoor(empty);
    const producer = await connect({ url: empty.amqpUrl, namespace: empty.namespace });
    const create = { actorId: 'ann', chatId: v4(), data: { kind: 'group' as const, memberIds: [] } };
    const receipt = producer.send('chat.create', create);
    await eventually(() => producer.counters.refused > 0, { within: 10_000, what: 'a return' });
    await door.close();
    await (await empty.startWorker()).ready();
    expect((await receipt).status).to.equal('accepted');
    await empty.close();
  });

  it('has at most its window in flight', async () => {
    const idle = await Fleet.create({ partitions: 1 });
    const door = await openDoor(idle);
    const producer = await connect({ url: idle.amqpUrl, namespace: idle.namespace, window: 2 });
    const send = (commandId: string) =>
      producer.submit('chat.archive', { actorId: 'ann', chatId: v4(), data: {} }, { commandId });
    const admitted: string[] = [];
    const submitted = ['a', 'b', 'c'].map(async (id) => {
      await send(id);
      admitted.push(id);
    });
    await eventually(() => producer.counters.refused >= 2, { within: 10_000, what: 'both returned' });
    expect(admitted).to.deep.equal(['a', 'b']);
    const notTaken = failureOf(submitted[2] as Promise<unknown>);
    await producer.close({ waitMs: 0 });
    expect(await notTaken).to.be.instanceOf(NoReceipt);
    await door.close();
    await idle.close();
  });

  it('closes gracefully: commands in flight get their receipts, and no more are accepted', async () => {
    const producer = await connect();
    const chatId = await createGroup(producer);
    const last = producer.send('message.send', { actorId: 'ann', chatId, data: { body: 'bye' } });
    await producer.submit('chat.read', { actorId: 'ann', chatId, data: { upTo: 1 } });
    await producer.close();
    expect((await last).status).to.equal('accepted');
    const late = await failureOf(producer.send('message.send', { actorId: 'ann', chatId, data: { body: 'late' } }));
    expect(late).to.be.instanceOf(NoReceipt);
  });

  it('fails at once without a broker or exchange', async () => {
    const nobody = connect({ url: `amqp://127.0.0.1:${await freePort()}` });
    expect((await failureOf(nobody)).message).to.include('ECONNREFUSED');
    const garbled = await failureOf(connect({ url: 'amqp//guest:hunter2@nowhere' }));
    expect(garbled.message).to.equal('the broker address is not a URL');
    expect(JSON.stringify({ ...garbled })).to.not.include('hunter2');
    const namespace = uniqueNamespace();
    const elsewhere = await failureOf(connect({ namespace }));
    expect(elsewhere.message).to.equal(
      `no exchange ${namespace}.commands at the broker: start a worker first, or name another namespace`,
    );
  });

  /** An exchange for commands that leads nowhere. */
  async function openDoor({ amqpUrl, namespace }: Fleet): Promise<{ close(): Promise<void> }> {
    const connection = await dial(amqpUrl);
    const channel = await connection.createChannel();
    await channel.assertExchange(`${namespace}.commands`, 'topic', { durable: true });
    return connection;
  }
});
