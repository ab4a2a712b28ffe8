/** The answering bots as people run them, and API keys on the real stack. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { v4 } from 'uuid';
import WebSocket from 'ws';
import { freePort } from '../../../src/infrastructure/free-port.js';
import { eventually } from '../../support/eventually.js';
import { startProcess } from '../../support/fleet/processes.js';
import { projectFolder } from '../../support/services/services.js';
import { CONSOLE, WebhookStack, WITHIN_MS } from '../../support/webhooks/webhook-stack.js';

const BOTS = [
  {
    language: 'Node',
    script: join(projectFolder, 'dist', 'examples', 'answering-bot.js'),
    interpreter: process.execPath,
  },
  { language: 'Python', script: join(projectFolder, 'examples', 'python', 'answering_bot.py'), interpreter: 'python3' },
];

describe('Bots on the real stack', function () {
  this.timeout(120_000);
  let stack: WebhookStack;

  before(async () => {
    stack = await WebhookStack.create();
    await stack.rest.run('relay');
  });
  after(() => stack?.close());

  const newKey = async (userId: string, scopes: string[], more: object = {}) => {
    const { status, body } = await stack.rest.post(
      `/v1/users/${userId}/keys`,
      { label: 'test', scopes, ...more },
      CONSOLE,
    );
    if (status !== 201) throw new Error(`no key was made: ${JSON.stringify(body)}`);
    return body as { keyId: string; key: string };
  };
  const withKey = (key: string, path: string, init: RequestInit = {}) =>
    fetch(`${stack.rest.url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    });

  for (const { language, script, interpreter } of BOTS)
    it(`answer each message once, also if it is delivered twice (${language})`, async function () {
      try {
        execFileSync(interpreter, ['--version'], { stdio: 'ignore' });
      } catch {
        console.log(`      skipped: ${interpreter} is not installed`);
        this.skip();
      }
      const botId = `bot-${language.toLowerCase()}`;
      await stack.makeKind(botId, 'bot');
      const chatId = await stack.rest.group([botId]);
      const { key } = await newKey(botId, ['write']);
      const port = await freePort();
      const webhookId = v4();
      const url = `http://127.0.0.1:${port}/`;
      await stack.rest.put(
        `/v1/webhooks/${webhookId}`,
        { url, chatIds: [chatId], eventTypes: ['message.created'] },
        CONSOLE,
      );
      const { body: made } = await stack.rest.post(`/v1/webhooks/${webhookId}/secrets`, {}, CONSOLE);
      const bot = await startProcess({
        script,
        interpreter,
        env: {
          WEBHOOK_SECRET: made.secret,
          PARLEY_URL: stack.rest.url,
          PARLEY_KEY: key,
          BOT_ID: botId,
          PORT: String(port),
        },
      });
      try {
        await bot.line(/^listening on/);
        await stack.rest.say(chatId, 'hello');
        await stack.rest.say(chatId, 'again');
        await stack.drained(webhookId);
        const replay = await stack.rest.post(`/v1/webhooks/${webhookId}/replay`, { chatId, fromSequence: 1 }, CONSOLE);
        expect(replay.body.events).to.be.at.least(4);
        await stack.drained(webhookId);
        const { body: page } = await stack.rest.get(`/v1/chats/${chatId}/messages`);
        const answers = page.items.filter(({ senderId }: { senderId: string }) => senderId === botId);
        expect(answers.map(({ body }: { body: string }) => body)).to.deep.equal(['You said: hello', 'You said: again']);
        expect(bot.stderr.filter((line) => /Traceback|Error/.test(line))).to.deep.equal([]);
      } finally {
        await bot.kill();
      }
    });

  it('do with a key only what its scopes say, until it is revoked', async () => {
    await stack.makeKind('scoped', 'bot');
    const chatId = await stack.rest.group(['scoped']);
    const reader = await newKey('scoped', ['read']);
    expect((await withKey(reader.key, '/v1/chats')).status).to.equal(200);
    const send = { method: 'POST', body: JSON.stringify({ body: 'x' }) };
    expect((await withKey(reader.key, `/v1/chats/${chatId}/messages`, send)).status).to.equal(403);
    expect((await withKey(reader.key, '/v1/users/scoped/keys')).status).to.equal(403);
    const writer = await newKey('scoped', ['write']);
    expect((await withKey(writer.key, `/v1/chats/${chatId}/messages`, send)).status).to.equal(201);
    expect((await withKey(writer.key, '/v1/chats')).status).to.equal(403);
    expect((await stack.rest.delete(`/v1/users/scoped/keys/${reader.keyId}`, CONSOLE)).status).to.equal(200);
    await eventually(async () => (await withKey(reader.key, '/v1/chats')).status === 401, {
      within: 5_000,
      what: 'the revoked key is refused',
    });
    expect((await withKey(writer.key, `/v1/chats/${chatId}/messages`, send)).status).to.equal(201);
    const forged = `${writer.key.slice(0, -4)}AAAA`;
    expect((await withKey(forged, `/v1/chats/${chatId}/messages`, send)).status).to.equal(401);
  });

  it('stop with a key that has expired, and with the revocation of all tokens of the bot', async () => {
    await stack.makeKind('expiring', 'bot');
    const short = await newKey('expiring', ['read'], { expiresAt: new Date(Date.now() + 1_500).toISOString() });
    expect((await withKey(short.key, '/v1/chats')).status).to.equal(200);
    await eventually(async () => (await withKey(short.key, '/v1/chats')).status === 401, {
      within: 5_000,
      what: 'the key has expired',
    });
  });

  it('connect to the gateway with the scope realtime, and are disconnected when the key is revoked', async () => {
    await stack.makeKind('listener', 'bot');
    const gateway = await stack.rest.run('gateway');
    await stack.rest.group(['listener']);
    const open = (key: string) =>
      new Promise<{ socket: WebSocket; first: Promise<string>; closed: Promise<string> }>((resolve, reject) => {
        const socket = new WebSocket(`ws://127.0.0.1:${gateway.env.PORT}/v1/realtime`, ['parley.v1']);
        const closed = new Promise<string>((end) => socket.once('close', (_code, reason) => end(reason.toString())));
        const first = new Promise<string>((told) => socket.once('message', (data) => told(String(data))));
        socket.once('error', reject);
        socket.once('open', () => {
          socket.send(JSON.stringify({ t: 'auth', token: key }));
          resolve({ socket, first, closed });
        });
      });
    const reader = await newKey('listener', ['read']);
    const refused = await open(reader.key);
    expect(await refused.closed).to.match(/scope realtime|token/);
    const live = await newKey('listener', ['realtime']);
    const { first, closed } = await open(live.key);
    expect(JSON.parse(await first)).to.include({ t: 'hello', userId: 'listener' });
    await stack.rest.delete(`/v1/users/listener/keys/${live.keyId}`, CONSOLE);
    expect(await closed).to.match(/revoked|token/);
  });

  it('get with offlineOnly only what has a recipient without a connection, with the unread messages', async () => {
    const endpoint = await stack.endpoint();
    const chatId = await stack.rest.group(['online', 'offline']);
    const alone = await stack.rest.group(['online']);
    const options = { offlineOnly: true, chatIds: [chatId, alone], eventTypes: ['message.created'] };
    const webhookId = await stack.webhook(endpoint, options);
    await stack.makeKind('online', 'bot');
    const { key } = await newKey('online', ['realtime']);
    const live = stack.rest.processes.at(-1);
    const socket = new WebSocket(`ws://127.0.0.1:${live?.env.PORT}/v1/realtime`, ['parley.v1']);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.once('open', () => resolve());
      });
      socket.send(JSON.stringify({ t: 'auth', token: key }));
      await eventually(
        async () =>
          (await stack.rest.fleet.query("SELECT 1 FROM connected_users WHERE user_id = 'online'")).length === 1,
        { within: WITHIN_MS, what: 'the gateway records the connection' },
      );
      await stack.rest.say(alone, 'the only recipient is connected');
      await stack.rest.say(chatId, 'one');
      await stack.rest.say(chatId, 'two');
      await stack.drained(webhookId);
      expect(endpoint.ids).to.deep.equal([`${chatId}/2`, `${chatId}/3`]);
      const told = endpoint.taken.map(({ event }) => event.data.offlineRecipients);
      expect(told.map((recipients) => (recipients as { userId: string }[]).map(({ userId }) => userId))).to.deep.equal([
        ['offline'],
        ['offline'],
      ]);
      expect((told.at(-1) as { unreadCount: number }[])[0]?.unreadCount).to.equal(2);
    } finally {
      socket.terminate();
    }
  });
});
