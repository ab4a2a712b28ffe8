/** Real gateways, workers, PostgreSQL and RabbitMQ, and clients that keep a ledger. */
import { once } from 'node:events';
import { connect } from 'node:net';
import amqp from 'amqplib';
import { expect } from 'chai';
import { v4 } from 'uuid';
import { eventually } from '../../../support/eventually.js';
import type { TestProcess } from '../../../support/fleet/processes.js';
import { RealtimeTestClient } from '../../../support/realtime/realtime-client.js';
import { manage, rabbitmq } from '../../../support/services/services.js';
import { assertDocumented } from '../../../unit/adapters/http/documented-answers.js';
import { tokenFor } from '../../../unit/adapters/http/rest-client.js';
import { cli } from '../../main/cli/run-cli.js';
import { RestStack } from '../rest/rest-stack.js';

const TEST_TIMEOUT_MS = 120_000;
const WITHIN_MS = 30_000;

describe('Realtime on a real broker, database and worker', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let stack: RestStack;
  let gateway: TestProcess;
  const clients: RealtimeTestClient[] = [];

  before(async () => {
    stack = await RestStack.create();
    await stack.run('worker');
    gateway = await stack.run('api', 'gateway');
  });
  after(() => stack?.close());
  afterEach(async () => {
    for (const client of clients.splice(0)) {
      await client.drop();
      expect(client.faults).to.deep.equal([]);
    }
  });

  const urlOf = ({ env }: TestProcess) => `http://127.0.0.1:${env.PORT}`;
  function clientOf(userId: string, options: { at?: () => TestProcess; ttl?: number; acks?: boolean } = {}) {
    const { at = () => gateway, ttl = 600, acks = true } = options;
    const client = new RealtimeTestClient({ url: () => urlOf(at()), token: () => tokenFor(userId, ttl), acks });
    clients.push(client);
    return client;
  }
  async function groupOf(owner: string, ...memberIds: string[]): Promise<string> {
    const { status, body } = await stack.post('/v1/chats', { kind: 'group', title: 'T', memberIds }, { as: owner });
    expect(status).to.equal(201);
    return body.chatId;
  }
  const say = async (as: string, chatId: string, body: string) => {
    const { status } = await stack.post(`/v1/chats/${chatId}/messages`, { body }, { as });
    expect(status).to.equal(201);
  };
  const sees = (client: RealtimeTestClient, chatId: string, texts: (string | null)[]) =>
    eventually(
      () => {
        expect(client.texts(chatId)).to.deep.equal(texts);
        return true;
      },
      { within: WITHIN_MS, what: `texts ${texts}` },
    );
  const people = () => {
    const id = v4().slice(0, 8);
    return [`alice-${id}`, `bob-${id}`, `carol-${id}`] as const;
  };

  it('carries a conversation of two users, and removes fields that are not for clients', async () => {
    const [alice, bob] = people();
    const chatId = await groupOf(alice, bob);
    const [a, b] = [clientOf(alice), clientOf(bob)];
    await Promise.all([a.connect(), b.connect()]);
    const { receipt } = await a.command('hello', 'message.send', chatId, { body: 'hello', mentions: [bob, 'nobody'] });
    expect(receipt).to.include({ status: 'accepted', sequence: 2 });
    await sees(b, chatId, ['hello']);
    await b.command('hi', 'message.send', chatId, { body: 'hi' });
    await Promise.all([sees(a, chatId, ['hello', 'hi']), sees(b, chatId, ['hello', 'hi'])]);
    const again = await a.command('hello', 'message.send', chatId, { body: 'hello', mentions: [bob, 'nobody'] });
    expect(again.receipt).to.include({ sequence: 2 });
    await b.until('mark');
    // A mark is a token of sync. The last one covers everything.
    await eventually(
      async () => {
        const { body } = await stack.get(`/v1/sync?since=${encodeURIComponent(b.since ?? '')}`, { as: bob });
        return body.items.length === 0;
      },
      { within: WITHIN_MS, what: 'a mark after the last event' },
    );
  });

  it('brings a chat to a user who is added, and nothing more to a user who is removed', async () => {
    const [alice, bob, carol] = people();
    const chatId = await groupOf(alice, bob);
    await say(alice, chatId, 'before');
    const [b, c] = [clientOf(bob), clientOf(carol)];
    await Promise.all([b.connect(), c.connect()]);
    await stack.post(`/v1/chats/${chatId}/members`, { userIds: [carol] }, { as: alice });
    await sees(c, chatId, ['before']);
    await say(alice, chatId, 'all three');
    await Promise.all([sees(b, chatId, ['before', 'all three']), sees(c, chatId, ['before', 'all three'])]);
    await stack.call('DELETE', `/v1/chats/${chatId}/members/${bob}`, { as: alice });
    await say(alice, chatId, 'without bob');
    await sees(c, chatId, ['before', 'all three', 'without bob']);
    expect(b.texts(chatId)).to.deep.equal(['before', 'all three']);
    expect(b.chats.get(chatId)?.events.at(-1)?.type).to.equal('member.removed');
  });

  it("tells a user's other devices what was read in a large chat that is not open", async () => {
    const [alice, bob] = people();
    const others = Array.from({ length: 260 }, (_, index) => `${alice}-${index}`);
    const chatId = await groupOf(alice, bob, ...others.slice(0, 90));
    for (const from of [90, 180]) {
      const userIds = others.slice(from, from + 90);
      expect((await stack.post(`/v1/chats/${chatId}/members`, { userIds }, { as: alice })).status).to.equal(201);
    }
    await say(alice, chatId, 'to all');
    const [phone, desk, other] = [clientOf(bob), clientOf(bob), clientOf(alice)];
    await Promise.all([phone, desk, other].map((client) => client.connect()));
    await eventually(() => [phone, desk, other].every(({ isLive }) => isLive), { within: WITHIN_MS, what: 'live' });
    const upTo = 2;
    await phone.command('read', 'chat.read', chatId, { upTo });
    const { event } = await desk.until('event', ({ event: { type } }) => type === 'chat.read');
    expect(event.data).to.include({ chatId, userId: bob, upTo });
    await say(alice, chatId, 'later');
    await other.until('changed', (frame) => frame.chatId === chatId);
    expect(other.frames.some((frame) => frame.t === 'event' && frame.event.type === 'chat.read')).to.equal(false);
  });

  it('shows a newcomer nothing from before the joining if the history is hidden', async () => {
    const [alice, bob, carol] = people();
    const created = await stack.post(
      '/v1/chats',
      { kind: 'group', memberIds: [bob], historyVisibility: 'since-joined' },
      { as: alice },
    );
    const { chatId } = created.body;
    const sent = await stack.post(`/v1/chats/${chatId}/messages`, { body: 'secret' }, { as: alice });
    const c = clientOf(carol);
    await c.connect();
    await stack.post(`/v1/chats/${chatId}/members`, { userIds: [carol] }, { as: alice });
    await c.until('sync', ({ page }) => page.items.length > 0);
    const path = `/v1/chats/${chatId}/messages/${sent.body.messageId}`;
    await stack.call('PATCH', path, { as: alice, json: { body: 'secret, edited' } });
    await say(alice, chatId, 'welcome');
    await sees(c, chatId, ['welcome']);
    expect(JSON.stringify(c.frames)).not.to.contain('secret');
    const { body } = await stack.get('/v1/sync', { as: carol });
    const events = (body.items as { chatId: string; events: { data: Record<string, unknown> }[] }[]).find(
      (item) => item.chatId === chatId,
    )?.events;
    // Exactly as sync shows them, apart from what only delivery services need.
    const synced = events?.map((event) => {
      const { recipients, forActor, recipientCount, mentionedOutsiders, ...data } = event.data;
      return { ...event, data };
    });
    const kept = c.chats.get(chatId)?.events.map(({ content }) => {
      const event = JSON.parse(content) as { data: Record<string, unknown> };
      const { recipients, forActor, recipientCount, mentionedOutsiders, ...data } = event.data;
      return { ...event, data };
    });
    expect(kept).to.deep.equal(synced);
  });

  it('resumes after a lost connection without a gap and without a repeat beyond the last mark', async () => {
    const [alice, bob] = people();
    const chatId = await groupOf(alice, bob);
    const b = clientOf(bob);
    await b.connect();
    const texts: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      for (let index = 0; index < 3; index += 1) {
        texts.push(`${round}.${index}`);
        await say(alice, chatId, `${round}.${index}`);
        if (index === 1) await b.drop();
      }
      await b.connect();
      await sees(b, chatId, texts);
    }
  });

  it('resumes within a walk, and misses nothing that happened in a chat which the walk has passed', async () => {
    const [alice, bob] = people();
    for (let n = 0; n < 6; n += 1) await groupOf(alice, bob);
    const { body: page } = await stack.get('/v1/sync?limit=3', { as: bob });
    expect(page.hasMore).to.equal(true);
    const [{ chatId }] = page.items as [{ chatId: string }];
    await say(alice, chatId, 'late');
    const b = clientOf(bob);
    b.since = page.next;
    await b.open();
    await sees(b, chatId, ['late']);
  });

  it('closes with a code what breaks the rules', async () => {
    const [alice, bob] = people();
    const expectClose = async (code: number, act: (client: RealtimeTestClient) => void, ttl = 600) => {
      const client = clientOf(alice, { ttl });
      await client.open();
      if (ttl > 0) await client.until('hello');
      act(client);
      expect(await client.closed()).to.equal(code);
      expect(client.frames.at(-1)).to.include({ t: 'bye', code });
    };
    for (const text of [
      '',
      '{',
      '[]',
      'null',
      '{"t":"constructor"}',
      '{"t":"open"}',
      '{"t":"ack","n":9}',
      '{"t":"ack","n":-1}',
    ])
      await expectClose(4400, (client) => client.raw(text));
    await expectClose(4400, (client) => client.raw(`{"t":"command","id":"a","type":"x","data":${'['.repeat(5_000)}`));
    await expectClose(4400, (client) => client.raw(Buffer.from([1, 2, 3])));
    await expectClose(4413, (client) => client.raw(JSON.stringify({ t: 'x', x: 'y'.repeat(301 * 1024) })));
    await expectClose(4429, (client) => {
      // Many more than the burst: some are given back while they arrive.
      for (let index = 0; index < 200; index += 1)
        client.send({ t: 'command', id: `c${index}`, type: 'chat.read', chatId: v4(), data: { upTo: 0 } });
    });
    await expectClose(4401, () => undefined, -10);
    const other = await tokenFor(bob, 600);
    await expectClose(4401, (client) => client.send({ t: 'auth', token: other }));
  });

  it('ends a connection when its token expires, unless it was renewed', async () => {
    const [alice] = people();
    const [short, renewed] = [clientOf(alice, { ttl: 3 }), clientOf(alice, { ttl: 3 })];
    await Promise.all([short.connect(), renewed.connect()]);
    renewed.send({ t: 'auth', token: await tokenFor(alice, 600) });
    expect(await short.closed()).to.equal(4401);
    expect(renewed.closedWith).to.equal(null);
    expect(renewed.frames.filter(({ t }) => t === 'hello')).to.have.length(2);
  });

  it('refuses a token that an operator has revoked, and ends its connections', async () => {
    const [alice, bob] = people();
    const old = await tokenFor(bob, 600);
    const [b, renewed] = [clientOf(bob), clientOf(bob)];
    const a = clientOf(alice);
    await Promise.all([a.connect(), b.connect(), renewed.connect()]);
    // The time of issue has whole seconds: the next token must be of a later one.
    const revokedAt = new Date(Math.floor(Date.now() / 1000) * 1000 + 1000);
    await eventually(() => Date.now() > revokedAt.getTime(), { within: WITHIN_MS, what: 'the next second' });
    renewed.send({ t: 'auth', token: await tokenFor(bob, 600) });
    await renewed.until('hello', (frame) => frame !== renewed.frames[0]);
    const command = ['revoke-tokens', '--user', bob, '--issued-before', revokedAt.toISOString()];
    const { code, stdout } = await cli(command, { DATABASE_URL: stack.fleet.databaseUrl });
    expect([code, stdout.join()]).to.deep.equal([
      0,
      `tokens of default/${bob} that were issued before ${revokedAt.toISOString()} are refused`,
    ]);
    expect(await b.closed()).to.equal(4401);
    expect(b.frames.at(-1)).to.include({ detail: 'the token was revoked' });
    expect(renewed.closedWith).to.equal(null);
    expect(a.closedWith).to.equal(null);

    const isRefused = async () => (await stack.get('/v1/me/unread', { token: old })).status === 401;
    await eventually(isRefused, { within: WITHIN_MS, what: 'REST refuses the token' });
    expect((await stack.get('/v1/me/unread', { as: bob })).status).to.equal(200);
    const late = new RealtimeTestClient({ url: () => urlOf(gateway), token: async () => old });
    clients.push(late);
    await late.open();
    expect(await late.closed()).to.equal(4401);
  });

  it('refuses a page of another origin, and takes a pass once', async () => {
    const [alice] = people();
    const headers = { authorization: `Bearer ${await tokenFor(alice, 60)}` };
    const issued = await fetch(`${urlOf(gateway)}/v1/realtime/pass`, { method: 'POST', headers });
    const { pass } = (await issued.json()) as { pass: string };
    const foreign = await fetch(`${urlOf(gateway)}/v1/stream`, {
      headers: { ...headers, origin: 'https://evil.example' },
    });
    expect(foreign.status).to.equal(403);
    const stream = () => fetch(`${urlOf(gateway)}/v1/stream?pass=${pass}`, { signal: AbortSignal.timeout(WITHIN_MS) });
    const first = await stream();
    expect(first.headers.get('content-type')).to.contain('text/event-stream');
    expect((await stream()).status).to.equal(401);
    await first.body?.cancel();
  });

  it('answers as the OpenAPI document says', async () => {
    const [alice] = people();
    const authorization = `Bearer ${await tokenFor(alice, 60)}`;
    const answers: [method: string, path: string, headers: Record<string, string>, status: number][] = [
      ['POST', '/v1/realtime/pass', { authorization }, 200],
      ['POST', '/v1/realtime/pass', {}, 401],
      ['POST', '/v1/realtime/pass', { authorization, origin: 'https://evil.example' }, 403],
      ['GET', '/v1/stream', {}, 401],
      ['GET', '/v1/stream?pass=x', {}, 401],
      ['GET', `/v1/stream?since=${'x'.repeat(10_000)}`, { authorization }, 400],
      ['GET', '/v1/stream', { authorization, origin: 'https://evil.example' }, 403],
    ];
    for (const [method, path, headers, status] of answers) {
      const response = await fetch(`${urlOf(gateway)}${path}`, { method, headers });
      expect(response.status, `${method} ${path}`).to.equal(status);
      assertDocumented(method, path, status, response.headers.get('content-type') ?? '', await response.json());
    }
  });

  it('streams the same over server-sent events, and resumes by Last-Event-ID', async () => {
    const [alice, bob] = people();
    const chatId = await groupOf(alice, bob);
    const headers = { authorization: `Bearer ${await tokenFor(bob, 60)}` };
    const read = async (lastEventId: string | null, until: RegExp) => {
      const end = new AbortController();
      const response = await fetch(`${urlOf(gateway)}/v1/stream`, {
        headers: { ...headers, ...(lastEventId === null ? {} : { 'last-event-id': lastEventId }) },
        signal: end.signal,
      });
      let text = '';
      for await (const chunk of response.body ?? []) {
        text += Buffer.from(chunk).toString();
        if (until.test(text)) break;
      }
      end.abort();
      return text;
    };
    const first = read(null, /event: mark/);
    await eventually(async () => (await stack.counted('parley_gateway_users')) > 0, {
      within: WITHIN_MS,
      what: 'a user',
    });
    await say(alice, chatId, 'streamed');
    const text = await first;
    expect(text).to.match(/event: hello[\s\S]*event: sync[\s\S]*streamed/);
    const lastId = [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '';
    await say(alice, chatId, 'meanwhile');
    const second = await read(lastId, /event: sync/);
    expect(second).to.contain('meanwhile').and.not.to.contain('streamed');
  });

  it('drops the content of a slow client, tells it, and brings all of it when it acknowledges', async () => {
    const [alice, bob] = people();
    const chatId = await groupOf(alice, bob);
    const slow = clientOf(bob, { acks: false });
    await slow.connect();
    const a = clientOf(alice);
    await a.connect();
    const texts = Array.from({ length: 300 }, (_, index) => `slow ${index}`);
    for (const [index, body] of texts.entries())
      await stack.post(
        `/v1/chats/${chatId}/messages`,
        { body },
        { as: alice, headers: { 'idempotency-key': `s${index}` } },
      );
    await slow.until('changed');
    const last = slow.frames.findLast((frame) => 'n' in frame) as { n: number };
    slow.send({ t: 'ack', n: last.n });
    await slow.until('resync', ({ reason }) => reason === 'slow');
    await sees(slow, chatId, texts);
  });

  it('misses and doubles nothing when a gateway is killed under load', async () => {
    const [alice, bob, carol] = people();
    const chatId = await groupOf(alice, bob, carol);
    let doomed = await stack.runWith({}, 'gateway');
    const at = () => doomed;
    const listeners = [clientOf(bob, { at }), clientOf(carol, { at }), clientOf(bob, { at })];
    await Promise.all(listeners.map((client) => client.connect()));
    const texts: string[] = [];
    let isSending = true;
    const sending = (async () => {
      for (let index = 0; isSending; index += 1) {
        texts.push(`k${index}`);
        await say(alice, chatId, `k${index}`);
      }
    })();
    for (let round = 0; round < 3; round += 1) {
      const target = texts.length + 20;
      await eventually(() => texts.length >= target, { within: WITHIN_MS, what: 'load' });
      await doomed.kill();
      doomed = await stack.runWith({}, 'gateway');
      await Promise.all(listeners.map((client) => client.connect()));
    }
    isSending = false;
    await sending;
    for (const client of listeners) await sees(client, chatId, texts);
  });

  it('drains on SIGTERM: tells each client when to come back', async () => {
    const [alice] = people();
    const leaving = await stack.runWith({ GATEWAY_DRAIN: '1s' }, 'gateway');
    const client = clientOf(alice, { at: () => leaving });
    await client.connect();
    const end = leaving.stop();
    expect(await client.closed()).to.equal(1012);
    expect(client.frames.at(-1))
      .to.include({ t: 'bye', code: 1012 })
      .and.to.have.property('retryAfterMs')
      .that.is.a('number');
    expect((await end).code).to.equal(0);
  });

  it('closes a client that asks for presence more often than the limit, and serves the others', async () => {
    const [alice, bob] = people();
    await groupOf(alice, bob);
    const [a, b] = [clientOf(alice), clientOf(bob)];
    await Promise.all([a.connect(), b.connect()]);
    for (let n = 0; n < 200; n += 1) a.send({ t: 'watch', userIds: [bob] });
    expect(await a.closed()).to.equal(4429);
    b.send({ t: 'watch', userIds: [alice] });
    await b.until('presence', ({ userId }) => userId === alice);
  });

  it('survives refused handshakes whose sockets are reset', async () => {
    const { port } = new URL(urlOf(gateway));
    const request = `GET /v1/realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    for (let n = 0; n < 50; n += 1) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(n % 2 === 0 ? request : request.replace('/v1/realtime', '/elsewhere'));
      socket.resetAndDestroy();
    }
    const client = clientOf(people()[0]);
    await client.connect();
  });

  it('ignores messages between gateways that are not theirs', async () => {
    const connection = await amqp.connect(stack.fleet.amqpUrl);
    try {
      const channel = await connection.createConfirmChannel();
      const bodies = [
        '',
        'null',
        '[]',
        '{}',
        '{"users":7}',
        '{"gatewayId":"x","users":[null]}',
        '{"chatId":{}}',
        '\ud800',
      ];
      for (const kind of ['typing', 'presence', 'presence-query', 'other'])
        for (const body of bodies) channel.publish(`${stack.fleet.namespace}.ephemeral`, kind, Buffer.from(body));
      await channel.waitForConfirms();
    } finally {
      await connection.close();
    }
    const client = clientOf(people()[0]);
    await client.connect();
  });

  it('declares the exchange between gateways as the AsyncAPI document says', async function () {
    const { node } = await rabbitmq();
    if (node === undefined) return this.skip(); // a broker named by TEST_AMQP_URL: nobody says where it is managed
    const printed = await cli(['contract', '--asyncapi'], stack.fleet.env);
    const { channels } = JSON.parse(printed.stdout.join('\n')) as {
      channels: { ephemeral: { bindings: { amqp: { exchange: { name: string; autoDelete: boolean } } } } };
    };
    const { autoDelete, ...described } = channels.ephemeral.bindings.amqp.exchange;
    const declared = await manage(node, 'GET', `exchanges/%2F/${described.name}`);
    expect(declared).to.deep.include({ ...described, auto_delete: autoDelete, durable: false });
  });

  it('passes on typing and presence between gateways', async () => {
    const [alice, bob, carol] = people();
    const chatId = await groupOf(alice, bob);
    const second = await stack.runWith({}, 'gateway');
    const [a, b, c] = [clientOf(alice), clientOf(bob, { at: () => second }), clientOf(carol)];
    await Promise.all([a.connect(), b.connect(), c.connect()]);
    a.send({ t: 'open', chatId });
    a.send({ t: 'watch', userIds: [bob] });
    c.send({ t: 'open', chatId });
    c.send({ t: 'watch', userIds: [bob] });
    await a.until('presence', ({ userId, status }) => userId === bob && status === 'online');
    b.send({ t: 'typing', chatId, on: true });
    await a.until('typing', ({ userId, on }) => userId === bob && on);
    expect(c.frames.some(({ t }) => t === 'typing' || t === 'presence')).to.equal(false);

    // Who hides is offline for those who watch, and for those who ask later.
    await b.command('hides', 'user.upsert', undefined, { displayName: 'Bob', presence: 'hidden' });
    const hidden = await a.until('presence', ({ userId, status }) => userId === bob && status === 'offline');
    expect(hidden.lastSeenAt).to.equal(null);
    const later = clientOf(alice);
    await later.connect();
    later.send({ t: 'watch', userIds: [bob] });
    b.send({ t: 'active' });
    await b.command('stays-hidden', 'user.upsert', undefined, { displayName: 'Robert' });
    expect(later.frames.some(({ t }) => t === 'presence')).to.equal(false);
    // From now on those who watch may be told at any time.
    await b.command('shows', 'user.upsert', undefined, { presence: 'shared' });
    later.send({ t: 'watch', userIds: [bob] });
    await later.until('presence', ({ userId, status }) => userId === bob && status === 'online');
    await b.drop();
    await second.stop();
  });
});

describe('A gateway without any copy of the live feed', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let stack: RestStack;
  before(async () => {
    stack = await RestStack.create();
    await stack.runWith({ REALTIME: 'off' }, 'worker');
    await stack.run('api', 'gateway');
  });
  after(() => stack?.close());

  it('finds every event in the log, also the last one before a quiet time', async () => {
    const created = await stack.post('/v1/chats', { kind: 'group', memberIds: ['bob'] });
    const { chatId } = created.body;
    const client = new RealtimeTestClient({ url: () => stack.url, token: () => tokenFor('bob', 600) });
    await client.connect();
    for (const body of ['one', 'two', 'three']) {
      await stack.post(`/v1/chats/${chatId}/messages`, { body });
      await eventually(() => client.texts(chatId).at(-1) === body, { within: WITHIN_MS, what: body });
    }
    expect(client.texts(chatId)).to.deep.equal(['one', 'two', 'three']);
    expect(client.faults).to.deep.equal([]);
    await client.drop();
  });
});

describe('A gateway that issues delivery marks', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let stack: RestStack;
  const clients: RealtimeTestClient[] = [];
  before(async () => {
    stack = await RestStack.create({ DELIVERY_RECEIPTS: 'on' });
    await stack.run('worker');
    await stack.run('api', 'gateway');
    await stack.listen();
  });
  after(async () => {
    for (const client of clients) await client.drop();
    await stack?.close();
  });
  const clientOf = (userId: string, acks: boolean) => {
    const client = new RealtimeTestClient({ url: () => stack.url, token: () => tokenFor(userId, 600), acks });
    clients.push(client);
    return client;
  };

  it('marks what a client has acknowledged, also from pages, and nothing that was only sent', async () => {
    const [bob, carol] = [`bob-${v4().slice(0, 8)}`, `carol-${v4().slice(0, 8)}`];
    const { body: chat } = await stack.post('/v1/chats', { kind: 'group', memberIds: [bob, carol] });
    const { chatId } = chat as { chatId: string };
    const say = async (body: string) => (await stack.post(`/v1/chats/${chatId}/messages`, { body })).body.messageId;
    const delivered = async (messageId: string) => {
      const { body } = await stack.get(`/v1/chats/${chatId}/messages/${messageId}/readers?mark=delivered`);
      return (body.items as { userId: string }[]).map(({ userId }) => userId).filter((userId) => userId !== 'alice');
    };
    const hasReached = (messageId: string, users: string[]) =>
      eventually(async () => JSON.stringify(await delivered(messageId)) === JSON.stringify(users), {
        within: WITHIN_MS,
        what: `delivery to ${users}`,
      });

    const early = await say('before bob connects');
    const [b, c] = [clientOf(bob, true), clientOf(carol, false)];
    await Promise.all([b.connect(), c.connect()]);
    await hasReached(early, [bob]);
    let last = '';
    for (let n = 0; n < 20; n += 1) last = await say(`live ${n}`);
    await hasReached(last, [bob]);
    const marks = () =>
      stack.events
        .filter(({ properties }) => properties.type === 'chat.delivered')
        .map(({ content }) => {
          const { data } = JSON.parse(content.toString()) as { data: { userId: string; upTo: number } };
          return data;
        });
    // Few commands for 21 messages, and none for the mark itself.
    await eventually(() => marks().at(-1)?.upTo === 22, { within: WITHIN_MS, what: 'the event of the last mark' });
    expect(new Set(marks().map(({ userId }) => userId))).to.deep.equal(new Set([bob]));
    expect(marks().length).to.be.within(2, 8);
    await c.until('event', ({ event }) => event.type === 'message.created' && event.data.messageId === last);
    expect(await delivered(last)).to.deep.equal([bob]);
    const frame = c.frames.findLast((one) => 'n' in one) as { n: number };
    c.send({ t: 'ack', n: frame.n });
    await hasReached(last, [bob, carol].sort());
  });
});
