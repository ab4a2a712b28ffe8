/** The client library and the examples on real gateways, which die. */
import { join } from 'node:path';
import { expect } from 'chai';
import { v4 } from 'uuid';
import { WebSocket } from 'ws';
import { ChatStore } from '../../../../src/client/realtime/chat-store.js';
import { connectRealtime, type RealtimeClient } from '../../../../src/client/realtime/realtime-client.js';
import { eventually } from '../../../support/eventually.js';
import { startProcess, type TestProcess } from '../../../support/fleet/processes.js';
import { policyWithoutQuotas } from '../../../support/policies/policy-with.js';
import { pythonWithWebsockets } from '../../../support/services/python-websockets.js';
import { projectFolder } from '../../../support/services/services.js';
import { tokenFor } from '../../../unit/adapters/http/rest-client.js';
import { RestStack } from '../rest/rest-stack.js';

const TEST_TIMEOUT_MS = 180_000;
const WITHIN_MS = 60_000;
const TOKEN_TTL_S = 600;
const KILLS = 4;
const MESSAGES_PER_LIFE = 25;

const { python, missing } = pythonWithWebsockets();

describe('Clients of real gateways', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let stack: RestStack;
  let gateway: TestProcess;
  const clients: RealtimeClient[] = [];

  before(async () => {
    stack = await RestStack.create({ POLICY_FILE: policyWithoutQuotas() });
    await stack.run('worker');
    gateway = await stack.run('api', 'gateway');
  });
  after(() => stack?.close());
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
  });

  /** A class that connects to the gateway that runs now, as a load balancer does. */
  class BalancedSocket extends WebSocket {
    constructor(_url: string, protocols: string[]) {
      super(`ws://127.0.0.1:${gateway.env.PORT}/v1/realtime`, protocols);
    }
  }

  function connect(userId: string) {
    const store = new ChatStore();
    const events: string[] = [];
    const client = connectRealtime({
      ...{ url: 'ws://balancer', webSocket: BalancedSocket, store, onError: () => undefined },
      token: () => tokenFor(userId, TOKEN_TTL_S),
      onEvent: (event) => 'sequence' in event.data && events.push(event.id),
    });
    clients.push(client);
    return { client, store, events };
  }

  it('the library misses and doubles nothing while gateways are killed, and each command has one effect', async () => {
    const [alice, bob] = [`alice-${v4().slice(0, 8)}`, `bob-${v4().slice(0, 8)}`];
    const { body: chat } = await stack.post(
      '/v1/chats',
      { kind: 'group', title: 'T', memberIds: [bob] },
      { as: alice },
    );
    const { chatId } = chat as { chatId: string };
    const [sender, receiver] = [connect(alice), connect(bob)];
    const answers: Promise<{ status: string; sequence: number | null }>[] = [];
    const texts: string[] = [];
    for (let life = 0; life <= KILLS; life += 1) {
      for (let count = 0; count < MESSAGES_PER_LIFE; count += 1) {
        texts.push(`text ${texts.length}`);
        answers.push(sender.client.send('message.send', { chatId, data: { body: texts.at(-1) ?? '' } }));
      }
      if (life === KILLS) break;
      // Some have their receipts, and one is on its way.
      await answers.at(-MESSAGES_PER_LIFE / 5);
      await gateway.kill();
      gateway = await stack.run('api', 'gateway');
    }
    const receipts = await Promise.all(answers);
    expect(receipts.map(({ status }) => status)).to.deep.equal(texts.map(() => 'accepted'));
    expect(receipts.map(({ sequence }) => sequence)).to.deep.equal(texts.map((_, index) => index + 2));
    for (const { store, events } of [sender, receiver]) {
      await eventually(() => store.chats.get(chatId)?.lastSequence === texts.length + 1, {
        within: WITHIN_MS,
        what: 'all events',
      });
      const messages = await store.messages(chatId, { limit: 1_000 });
      expect(messages.map(({ body }) => body)).to.deep.equal(texts);
      expect(events.filter((id) => id.startsWith(chatId))).to.deep.equal(
        Array.from({ length: texts.length + 1 }, (_, index) => `${chatId}/${index + 1}`),
      );
    }
    const { body: present } = await stack.get(`/v1/chats/${chatId}`, { as: bob });
    expect(receiver.store.chats.get(chatId)?.state).to.deep.equal(present);
    expect(receiver.store.unreadCount).to.equal(texts.length);
    await receiver.client.send('chat.read', { chatId, data: { upTo: texts.length + 1 } });
    await eventually(() => receiver.store.unreadCount === 0, { within: WITHIN_MS, what: 'the read mark' });
  });

  it('the library keeps a command while it is offline, and refuses with the reason of the receipt', async () => {
    const { client } = connect(`alice-${v4().slice(0, 8)}`);
    const receipt = await client.send('message.send', { chatId: v4(), data: { body: 'to nobody' } });
    expect(receipt).to.deep.include({ status: 'rejected' });
    expect(receipt.reason?.code).to.equal('not_found');
  });

  async function chatWith(text: string) {
    const alice = `alice-${v4().slice(0, 8)}`;
    const { body } = await stack.post('/v1/chats', { kind: 'group', title: 'T', memberIds: [] }, { as: alice });
    const { chatId } = body as { chatId: string };
    await stack.post(`/v1/chats/${chatId}/messages`, { body: text }, { as: alice });
    const env = { GATEWAY_URL: `ws://127.0.0.1:${gateway.env.PORT}`, TOKEN: await tokenFor(alice, TOKEN_TTL_S) };
    return { alice, chatId, env };
  }

  it('the example in TypeScript prints what happens', async () => {
    const { alice, chatId, env } = await chatWith('first');
    const script = join(projectFolder, 'dist', 'examples', 'realtime-client.js');
    const program = await startProcess({
      interpreter: 'sh',
      script: '-c',
      args: [`sleep 600 | ${process.execPath} ${script} ${chatId}`],
      env,
    });
    await program.line(/^2 alice-.*: first$/);
    await stack.post(`/v1/chats/${chatId}/messages`, { body: 'second' }, { as: alice });
    await program.line(/^3 alice-.*: second$/);
    program.kill();
  });

  it(`the example in Python sends, receives, and resumes${missing === undefined ? '' : ` (skipped: ${missing})`}`, async function () {
    if (missing !== undefined) this.skip();
    const { alice, chatId, env } = await chatWith('first');
    const script = join(projectFolder, 'examples', 'python', 'chat_client.py');
    const program = await startProcess({ interpreter: python, script, args: [chatId, 'from Python', 'Grüße'], env });
    await program.line(new RegExp(`^message.created ${chatId}/2 "first"$`));
    await program.line(new RegExp(`^receipt text-1-${chatId} accepted$`));
    await program.line(new RegExp(`^message.created ${chatId}/4 `));
    const { body } = await stack.get(`/v1/chats/${chatId}/messages`, { as: alice });
    const { items } = body as { items: { body: string }[] };
    expect(items.map((message) => message.body)).to.have.members(['first', 'from Python', 'Grüße']);
    const seen = program.stdout.filter((line) => line.startsWith('message.created'));
    expect(new Set(seen).size).to.equal(seen.length);
    program.kill();
  });
});
