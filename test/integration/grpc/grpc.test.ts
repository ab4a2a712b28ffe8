import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import protobuf from 'protobufjs';
import { statusTypes } from '../../../src/contract/grpc/status-types.js';
import { buf } from '../../support/buf.js';
import { startProcess } from '../../support/fleet/processes.js';
import { policyWithoutQuotas } from '../../support/policies/policy-with.js';
import { pythonModules, pythonWithGrpc } from '../../support/services/python.js';
import { projectFolder } from '../../support/services/services.js';
import { type Caller, GrpcFixture, type Json, Received } from './grpc-fixture.js';

const MESSAGE_API = 'realchat.message.v1.MessageApi';
const COMMANDS = 'parley.v1.CommandService';
const QUERIES = 'parley.v1.QueryService';
const UNKNOWN_CHAT = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';

/** What is in `grpc-status-details-bin`, decoded with the types of google.rpc. */
function detailsOf(error: { metadata: { get(name: string): unknown[] } }) {
  const root = new protobuf.Root();
  for (const name of ['any', 'duration'])
    root.addJSON(protobuf.common.get(`google/protobuf/${name}.proto`)?.nested ?? {});
  root.addJSON(statusTypes as Record<string, protobuf.INamespace>);
  const [bytes] = error.metadata.get('grpc-status-details-bin') as Buffer[];
  const { details } = root.lookupType('google.rpc.Status').decode(bytes ?? new Uint8Array()) as unknown as {
    details: { type_url: string; value: Uint8Array }[];
  };
  return details.map(({ type_url, value }) =>
    root
      .lookupType(type_url.split('/')[1] ?? '')
      .decode(value)
      .toJSON(),
  );
}

describe('The gRPC API', function () {
  this.timeout(60_000);
  let grpc: GrpcFixture;
  let alice: Caller;
  let bob: Caller;
  let chatId: string;

  before(async () => {
    grpc = await GrpcFixture.start({
      GRPC_STREAM_POLL: '50ms',
      GRPC_TRUST_USER_ID: 'on',
      GRPC_USER_STREAMS_MAX: '2',
      POLICY_FILE: policyWithoutQuotas(),
    });
    [alice, bob] = await Promise.all([grpc.as('alice'), grpc.as('bob')]);
    const { receipt } = await alice.command('CreateChat', {
      kind: 'CHAT_KIND_GROUP',
      title: 'Tea',
      member_ids: ['bob'],
    });
    chatId = String((receipt as Json).chat_id);
  });
  after(() => grpc?.stop());

  it('answers commands with the receipt, and repeats with the same one', async () => {
    const request = {
      chat_id: chatId,
      body: 'hello',
      command_id: 'one',
      metadata: { fields: { n: { numberValue: 1 } } },
    };
    const { receipt } = await alice.command('SendMessage', request);
    expect(receipt).to.include({ status: 'RECEIPT_STATUS_ACCEPTED', command_id: 'one', chat_id: chatId });
    const again = (await alice.command('SendMessage', request)).receipt;
    expect(again).to.deep.equal({ ...(receipt as Json), replayed: true });
  });

  it('answers queries with what REST answers', async () => {
    const { items } = await alice.query('ListMessages', { chat_id: chatId, limit: 10 });
    const [message] = items as Json[];
    expect(message).to.include({ body: 'hello', sender_id: 'alice', content_type: 'text/plain' });
    expect(message?.metadata).to.deep.equal({ fields: { n: { numberValue: 1 } } });
    const { chat } = await bob.query('GetChat', { chat_id: chatId });
    expect(chat).to.include({ kind: 'CHAT_KIND_GROUP', role: 'ROLE_MEMBER', title: 'Tea' });
  });

  it('tells what is cleared from what is unchanged', async () => {
    await alice.command('UpdateChat', { chat_id: chatId, metadata: { fields: {} } });
    expect((await alice.query('GetChat', { chat_id: chatId })).chat).to.include({ title: 'Tea' });
    await alice.command('UpdateChat', { chat_id: chatId, clear_title: true });
    expect((await alice.query('GetChat', { chat_id: chatId })).chat).to.not.have.property('title');
  });

  it('refuses with a status code and details for programs', async () => {
    const hidden = await alice.refused(QUERIES, 'GetChat', { chat_id: UNKNOWN_CHAT });
    expect(hidden.code).to.equal(status.NOT_FOUND);
    expect(detailsOf(hidden)[0]).to.include({ reason: 'NOT_FOUND', domain: 'parley' });
    const invalid = await alice.refused(COMMANDS, 'SendMessage', { chat_id: chatId, command_id: 'empty' });
    expect(invalid.code).to.equal(status.INVALID_ARGUMENT);
    const [info, badRequest] = detailsOf(invalid);
    expect(info).to.deep.include({ reason: 'INVALID', metadata: { command_id: 'empty' } });
    expect(JSON.stringify(badRequest)).to.include('data.body');
    const conflict = await alice.refused(COMMANDS, 'SendMessage', {
      chat_id: chatId,
      body: 'other',
      command_id: 'one',
    });
    expect(conflict.code).to.equal(status.ALREADY_EXISTS);
    const forbidden = await bob.refused(COMMANDS, 'UpdateChat', { chat_id: chatId, title: 'Mine' });
    expect(forbidden.code).to.equal(status.PERMISSION_DENIED);
  });

  it('refuses callers without a valid token, expired deadlines and large requests', async () => {
    const nobody = grpc.with({});
    expect((await nobody.refused(QUERIES, 'GetUnread', {})).code).to.equal(status.UNAUTHENTICATED);
    const forged = grpc.with({ authorization: 'Bearer a.b.c' });
    expect((await forged.refused(QUERIES, 'GetUnread', {})).code).to.equal(status.UNAUTHENTICATED);
    const late = await alice.call(QUERIES, 'GetUnread', {}, -1).catch((error) => error);
    expect(late.code).to.equal(status.DEADLINE_EXCEEDED);
    const large = await alice.refused(COMMANDS, 'SendMessage', { chat_id: chatId, body: 'x'.repeat(600 * 1024) });
    expect(large.code).to.equal(status.RESOURCE_EXHAUSTED);
  });

  it('streams events in order, and resumes after the last processed response', async () => {
    const first = new Received(bob.subscribe({}));
    await first.until('the stream is caught up', () => first.responses.at(-1)?.is_caught_up === true);
    await alice.command('SendMessage', { chat_id: chatId, body: 'live' });
    await first.until('the event is there', () => first.events.some((event) => bodyOf(event) === 'live'));
    const { next: since } = first.responses.at(-1) ?? { next: '' };
    first.cancel();
    await alice.command('SendMessage', { chat_id: chatId, body: 'meanwhile' });
    const second = new Received(bob.subscribe({ since }));
    await second.until('the event is there', () => second.events.length > 0);
    expect(second.events.map(bodyOf)).to.deep.equal(['meanwhile']);
    const sequences = [...first.eventsOf(chatId), ...second.eventsOf(chatId)].map(({ sequence }) => Number(sequence));
    expect(sequences).to.deep.equal([...sequences].sort((a, b) => a - b));
    second.cancel();
  });

  it('limits the streams of a user', async () => {
    const streams = [1, 2].map(() => new Received(alice.subscribe({ since: 'now' })));
    await Promise.all(streams.map((stream) => stream.until('open', () => stream.responses.length > 0)));
    const third = new Received(alice.subscribe({ since: 'now' }));
    await third.until('it is refused', () => third.error !== null);
    expect(third.error?.code).to.equal(status.RESOURCE_EXHAUSTED);
    for (const stream of streams) stream.cancel();
  });

  describe('as RealChat MessageApi', () => {
    const send = (caller: Caller, over: object = {}) =>
      caller.call(MESSAGE_API, 'SendMessage', {
        ...{
          conversation_id: chatId,
          sender_user_id: 'alice',
          idempotency_key: 'k1',
          message_type: 'text',
          content: 'hi',
        },
        ...over,
      });

    it('serves a client that a trusted proxy has named, and repeats by its key', async () => {
      const trusted = grpc.with({ 'x-user-id': 'alice' });
      const { message } = await send(trusted);
      expect(message).to.include({
        conversation_id: chatId,
        sender_user_id: 'alice',
        content: 'hi',
        message_type: 'text',
      });
      expect((await send(trusted)).message).to.deep.equal(message);
      const other = await send(trusted, { content: 'other' }).catch((error) => error);
      expect(other.code).to.equal(status.ALREADY_EXISTS);
      const [one, two] = await Promise.all([
        send(trusted, { idempotency_key: '' }),
        send(trusted, { idempotency_key: '' }),
      ]);
      expect((one.message as Json).message_id).to.not.equal((two.message as Json).message_id);
    });

    it('answers with its codes', async () => {
      const code = async (work: Promise<unknown>) =>
        (
          await work.then(
            () => ({ code: 0 }),
            (error) => error,
          )
        ).code;
      expect(await code(send(grpc.with({})))).to.equal(status.UNAUTHENTICATED);
      expect(await code(send(bob))).to.equal(status.PERMISSION_DENIED);
      expect(await code(send(await grpc.as('carol'), { sender_user_id: 'carol' }))).to.equal(status.PERMISSION_DENIED);
      expect(await code(send(alice, { content: 'x'.repeat(5_001) }))).to.equal(status.INVALID_ARGUMENT);
      expect(await code(send(alice, { metadata_json: '[1]' }))).to.equal(status.INVALID_ARGUMENT);
      expect(
        await code(
          grpc
            .with({ 'x-user-id': 'bob', authorization: `Bearer ${await grpc.token('alice')}` })
            .call(MESSAGE_API, 'SyncMessages', {}),
        ),
      ).to.equal(status.UNAUTHENTICATED);
      const request = { conversation_id: chatId, message_id: UNKNOWN_CHAT, actor_user_id: 'alice' };
      expect(await code(alice.call(MESSAGE_API, 'DeleteMessage', request))).to.equal(status.NOT_FOUND);
    });

    it('deletes, repeatedly, and syncs tombstones without their text', async () => {
      const { message } = await send(alice, { idempotency_key: 'k2', content: 'secret' });
      const { message_id, sequence } = message as Json;
      const request = { conversation_id: chatId, message_id, actor_user_id: 'alice' };
      for (let time = 0; time < 2; time += 1) await alice.call(MESSAGE_API, 'DeleteMessage', request);
      const { messages } = await bob.call(MESSAGE_API, 'SyncMessages', {
        ...{ conversation_id: chatId, after_sequence: Number(sequence) - 1, page_size: 0 },
      });
      const [tombstone] = messages as Json[];
      expect(tombstone).to.include({ message_id, content: '' });
      expect(tombstone).to.have.property('deleted_at');
      expect(JSON.stringify(messages)).to.not.include('secret');
    });

    it('pages up to 500 messages', async () => {
      for (let n = 0; n < 5; n += 1)
        await Promise.all(
          Array.from({ length: 50 }, (_, index) =>
            send(alice, { idempotency_key: `many-${n}-${index}`, content: 'm' }),
          ),
        );
      const sync = async (page_size: number) =>
        ((await bob.call(MESSAGE_API, 'SyncMessages', { conversation_id: chatId, page_size })).messages as Json[])
          .length;
      expect([await sync(0), await sync(210), await sync(501)]).to.deep.equal([100, 210, 100]);
    });
  });

  describe('for tools and other languages', () => {
    it('answers health checks', async () => {
      expect(await grpc.health()).to.include({ status: 'SERVING' });
    });

    it('lists its services by reflection, and serves buf curl', async () => {
      const services = await buf(
        'curl',
        '--protocol',
        'grpc',
        '--http2-prior-knowledge',
        '--list-services',
        `http://${grpc.address}`,
      );
      expect(services).to.include(COMMANDS).and.to.include(MESSAGE_API);
      const header = `Authorization: Bearer ${await grpc.token('alice')}`;
      const url = `http://${grpc.address}/${QUERIES}/GetChat`;
      const data = JSON.stringify({ chatId });
      const answer = await buf(
        'curl',
        '--schema',
        'proto',
        '--protocol',
        'grpc',
        '--http2-prior-knowledge',
        '-H',
        header,
        '-d',
        data,
        url,
      );
      expect(JSON.parse(answer).chat).to.include({ chatId, kind: 'CHAT_KIND_GROUP' });
    });

    it('serves the Python example', async function () {
      const { python, missing } = pythonWithGrpc();
      if (missing !== undefined) {
        console.log(`      skipped: ${missing}`);
        this.skip();
      }
      const example = await startProcess({
        interpreter: python,
        script: join(projectFolder, 'examples', 'python', 'grpc_client.py'),
        args: ['bob'],
        env: { PYTHONPATH: await pythonModules(), PARLEY_GRPC: grpc.address, PARLEY_TOKEN: await grpc.token('dora') },
      });
      expect((await example.ended).code, example.output).to.equal(0);
      expect(example.stdout).to.deep.equal(['sent 2 first', 'sent 2 again', 'refused NOT_FOUND', 'event 2 hello']);
    });

    it('ends streams with UNAVAILABLE when it stops', async () => {
      const stream = new Received(bob.subscribe({ since: 'now' }));
      await stream.until('open', () => stream.responses.length > 0);
      const metrics = await (await fetch(`${grpc.dev.opsUrl}/metrics`)).text();
      expect(metrics).to.match(/^parley_grpc_calls_open\S* [1-9]/m);
      await grpc.dev.stop();
      await stream.until('the stream has ended', () => stream.error !== null);
      expect(stream.error?.code).to.equal(status.UNAVAILABLE);
    });
  });
});

function bodyOf(event: Json): unknown {
  return (event.message_created as Json | undefined)?.body;
}
