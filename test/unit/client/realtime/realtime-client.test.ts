/** The client against a scripted gateway on a real WebSocket, with a clock that the test moves. */
import { expect } from 'chai';
import { WebSocket } from 'ws';
import { QUEUE_MAX_COMMANDS } from '../../../../src/client/realtime/command-queue.js';
import type { ConnectionState } from '../../../../src/client/realtime/connection-state.js';
import type { FeedEvent, FeedStore } from '../../../../src/client/realtime/feed.js';
import { PlaceOnly } from '../../../../src/client/realtime/feed.js';
import {
  ACK_DELAY_MS,
  connectRealtime,
  GAP_PATIENCE_MS,
  HELLO_TIMEOUT_MS,
  RENEW_BEFORE_MS,
  type RealtimeClient,
  type RealtimeOptions,
  STABLE_AFTER_MS,
  TOKEN_REFUSALS_MAX,
  TOKEN_TIMEOUT_MS,
} from '../../../../src/client/realtime/realtime-client.js';
import type { CommandFailed, RealtimeError } from '../../../../src/client/realtime/realtime-error.js';
import { RECONNECT_FIRST_MS, RECONNECT_MAX_MS } from '../../../../src/client/realtime/time.js';
import type { Receipt } from '../../../../src/contract/messages/receipts.js';
import { CLOSE_CODES, REALTIME_LIMITS } from '../../../../src/contract/realtime/protocol.js';
import { eventually } from '../../../support/eventually.js';
import { CHAT, message, OTHER_CHAT, syncItem } from './events.js';
import { ManualTime } from './manual-time.js';
import { type ScriptedConnection, ScriptedGateway } from './scripted-gateway.js';

const WITHIN_MS = 5_000;

describe('A realtime client', () => {
  let gateway: ScriptedGateway;
  let time: ManualTime;
  let clients: RealtimeClient[];
  let states: ConnectionState[];
  let events: string[];
  let errors: RealtimeError[];
  let needs: string[];

  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
    time = new ManualTime();
    [clients, states, events, errors, needs] = [[], [], [], [], []];
  });

  afterEach(async () => {
    for (const client of clients) await client.close();
    await gateway.stop();
  });

  function connect(more: Partial<RealtimeOptions> = {}): RealtimeClient {
    const client = connectRealtime({
      url: gateway.url,
      webSocket: WebSocket as never,
      time,
      token: (need) => {
        needs.push(need);
        return `token ${needs.length}`;
      },
      onState: (state) => states.push(state),
      onEvent: (event) => events.push(event.id),
      onError: (error) => errors.push(error),
      ...more,
    });
    clients.push(client);
    return client;
  }

  const until = (check: () => boolean, what: string) => eventually(check, { within: WITHIN_MS, what });
  const reached = (client: RealtimeClient, kind: ConnectionState['kind']) =>
    until(() => client.state.kind === kind, `state ${kind}`);

  /** A connection that is live after an empty walk. */
  async function live(client: RealtimeClient, next = 'token-1'): Promise<ScriptedConnection> {
    const connection = await gateway.next();
    await connection.next('auth');
    connection.hello();
    connection.page([], next);
    await reached(client, 'live');
    return connection;
  }

  /** Ends the pause after a lost connection, and answers the next connection. */
  async function back(client: RealtimeClient): Promise<ScriptedConnection> {
    await reached(client, 'waiting');
    time.advance(RECONNECT_MAX_MS);
    return live(client);
  }

  function receiptOf(id: string, more: Partial<Receipt> = {}): Receipt {
    return {
      ...{ commandId: id, type: 'message.send', status: 'accepted', tenantId: 'default', chatId: CHAT },
      ...{ messageId: null, sequence: 1, at: '2026-11-20T20:15:00.123Z', decisionId: null, replayed: false },
      ...more,
    };
  }

  const send = (client: RealtimeClient, commandId: string, chatId = CHAT) =>
    client.send('message.send', { chatId, data: { body: commandId } }, { commandId });

  describe('connecting', () => {
    it('authenticates with its token and its device, and goes through its states', async () => {
      const client = connect({ device: 'laptop' });
      const connection = await gateway.next();
      expect(connection.path).to.equal('/v1/realtime');
      expect(await connection.next('auth')).to.deep.equal({ t: 'auth', token: 'token 1', device: 'laptop' });
      connection.hello();
      connection.page([], 'next-1', true);
      await reached(client, 'syncing');
      connection.page([], 'next-2');
      await reached(client, 'live');
      expect(states.map(({ kind }) => kind)).to.deep.equal(['connecting', 'syncing', 'live']);
      expect(client.state).to.deep.include({
        connection: { connectionId: 'c-1', userId: 'alice', tenantId: 'default' },
      });
    });

    it('resumes by the last mark, or by the page that came later', async () => {
      const client = connect({ since: 'now' });
      const first = await gateway.next();
      expect(await first.next('auth')).to.include({ since: 'now' });
      first.hello();
      first.page([], 'page-1');
      first.push({ t: 'event', event: message(CHAT, 7) });
      first.push({ t: 'mark', token: 'mark-1' });
      await until(() => events.length === 1, 'the event');
      first.cut();
      await reached(client, 'waiting');
      time.advance(RECONNECT_MAX_MS);
      const second = await gateway.next();
      expect(await second.next('auth')).to.include({ since: 'mark-1' });
      second.hello();
      second.page([], 'page-2', true);
      await reached(client, 'syncing');
      second.cut();
      await reached(client, 'waiting');
      time.advance(RECONNECT_MAX_MS);
      expect(await (await gateway.next()).next('auth')).to.include({ since: 'page-2' });
    });

    it('begins from nothing after everything was dropped, also if it began with now', async () => {
      const client = connect({ since: 'now' });
      const connection = await live(client);
      connection.send({ t: 'resync', reason: 'restored', scope: 'all' });
      await reached(client, 'syncing');
      connection.cut();
      await reached(client, 'waiting');
      time.advance(RECONNECT_MAX_MS);
      expect(await (await gateway.next()).next('auth')).to.not.have.property('since');
    });

    it('ends without a WebSocket, and for a token of another user', async () => {
      const own = (globalThis as { WebSocket?: unknown }).WebSocket;
      delete (globalThis as { WebSocket?: unknown }).WebSocket;
      const client = connectRealtime({ url: gateway.url, token: () => 't', onError: (error) => errors.push(error) });
      clients.push(client);
      await reached(client, 'ended');
      if (own !== undefined) Object.assign(globalThis, { WebSocket: own });
      expect(errors.map(({ code }) => code)).to.deep.equal(['no_websocket']);

      const mine = connect();
      (await live(mine)).cut();
      await reached(mine, 'waiting');
      time.advance(RECONNECT_MAX_MS);
      const connection = await gateway.next();
      await connection.next('auth');
      connection.hello({ userId: 'bob' });
      await reached(mine, 'ended');
      expect(errors.at(-1)?.code).to.equal('other_user');
    });

    it('gives up a connection without hello, and one that is silent', async () => {
      const client = connect();
      await (await gateway.next()).next('auth');
      time.advance(HELLO_TIMEOUT_MS);
      expect(errors.map(({ code }) => code)).to.deep.equal(['hello_timeout']);
      const connection = await back(client);
      const heardUntil = () => connection.send({ t: 'beat' });
      time.advance(2 * 25_000);
      heardUntil();
      connection.push({ t: 'event', event: message(CHAT, 1) });
      await until(() => events.length === 1, 'the event');
      time.advance(2.5 * 25_000 - 1);
      expect(client.state.kind).to.equal('live');
      time.advance(1);
      expect(errors.map(({ code }) => code)).to.deep.equal(['hello_timeout', 'silent']);
      await until(() => connection.isClosed, 'the end of the silent connection');
    });

    it('reports a gateway that sends what is not a frame, or a frame too early', async () => {
      const client = connect();
      for (const text of ['hello', '[]', '{"t":1}', 'null']) {
        (await gateway.next()).sendText(text);
        await reached(client, 'waiting');
        time.advance(RECONNECT_MAX_MS);
      }
      (await gateway.next()).push({ t: 'event', event: message(CHAT, 1) });
      await reached(client, 'waiting');
      expect(errors.map(({ code }) => code)).to.deep.equal(new Array(5).fill('bad_frame'));
      expect(events).to.deep.equal([]);
    });

    it('ignores frames and fields that it does not know', async () => {
      const client = connect();
      const connection = await live(client);
      connection.sendText('{"t":"confetti","n":"many"}');
      connection.sendText('{"t":"typing","chatId":"x","userId":"bob","on":true,"more":1}');
      connection.push({ t: 'event', event: message(CHAT, 1) });
      await until(() => events.length === 1, 'the event');
      expect(errors).to.deep.equal([]);
    });
  });

  describe('coming back', () => {
    it('backs off with full jitter, twice as long each time, and anew after 30 s connected', async () => {
      time.chance = 0.5;
      const client = connect();
      const pauses: number[] = [];
      for (let attempt = 0; attempt < 9; attempt += 1) {
        (await gateway.next()).cut();
        await reached(client, 'waiting');
        pauses.push(time.nextInMs ?? -1);
        time.advance(time.nextInMs ?? 0);
      }
      const ceilings = [1, 2, 4, 8, 16, 32, 64, 64, 64].map((times) =>
        Math.min(times * RECONNECT_FIRST_MS, RECONNECT_MAX_MS),
      );
      expect(pauses).to.deep.equal(ceilings.map((ceiling) => ceiling / 2));
      const brief = await live(client);
      time.advance(STABLE_AFTER_MS - 1);
      brief.cut();
      await reached(client, 'waiting');
      expect(time.nextInMs).to.equal(RECONNECT_MAX_MS / 2);
      time.advance(RECONNECT_MAX_MS);
      const stable = await live(client);
      time.advance(STABLE_AFTER_MS);
      stable.cut();
      await reached(client, 'waiting');
      expect(time.nextInMs).to.equal(RECONNECT_FIRST_MS / 2);
    });

    it('waits as long as the gateway asks, and can be woken', async () => {
      time.chance = 0;
      const client = connect();
      (await gateway.next()).bye(CLOSE_CODES.overloaded.code, 7_000);
      await reached(client, 'waiting');
      expect(time.nextInMs).to.equal(7_000);
      expect(errors[0]).to.include({ code: 'closed_by_gateway', closeCode: 1013, retryAfterMs: 7_000 });
      client.wake();
      await live(client);
      client.wake();
      expect(client.state.kind).to.equal('live');
    });

    for (const { code, name, after } of Object.values(CLOSE_CODES))
      it(`obeys the close code ${code} ${name}: ${after}`, async () => {
        const client = connect();
        (await live(client)).close(code);
        if (after === 'do_not_retry') {
          await reached(client, 'ended');
          expect(client.state).to.deep.include({ kind: 'ended' });
          expect(errors[0]).to.include({ code: 'closed_by_gateway', closeCode: code });
          return;
        }
        await back(client);
        expect(needs).to.deep.equal(['connect', after === 'new_token' ? 'refused' : 'connect']);
      });

    it('ends after three refused tokens in a row', async () => {
      const client = connect();
      for (let refusal = 1; refusal <= TOKEN_REFUSALS_MAX; refusal += 1) {
        (await gateway.next()).bye(CLOSE_CODES.token.code);
        await until(() => errors.length === refusal, `refusal ${refusal}`);
        if (refusal < TOKEN_REFUSALS_MAX) time.advance(RECONNECT_MAX_MS);
      }
      expect(client.state).to.deep.include({ kind: 'ended' });
      expect(errors.at(-1)?.code).to.equal('token_refused');
      expect(needs).to.deep.equal(['connect', 'refused', 'refused']);
    });

    it('asks for a token again if there is none, or if it takes too long', async () => {
      const answers: (() => Promise<string>)[] = [
        () => Promise.reject(new Error('offline')),
        () => new Promise(() => undefined),
        async () => '',
        async () => 'good',
      ];
      let asked = 0;
      const client = connect({
        token: () => {
          asked += 1;
          return (answers.shift() as () => Promise<string>)();
        },
      });
      await until(() => errors.length === 1, 'the rejected token');
      time.advance(RECONNECT_MAX_MS);
      await until(() => asked === 2, 'the second question');
      time.advance(TOKEN_TIMEOUT_MS);
      await until(() => errors.length === 2, 'the late token');
      time.advance(RECONNECT_MAX_MS);
      await until(() => errors.length === 3, 'the empty token');
      time.advance(RECONNECT_MAX_MS);
      await live(client);
      expect(errors.map(({ code }) => code)).to.deep.equal(new Array(3).fill('token_unavailable'));
      expect(errors[0]?.cause).to.be.an('error', 'offline');
    });
  });

  describe('renewing its token', () => {
    it('sends another one before it expires, each time', async () => {
      const client = connect();
      const connection = await gateway.next();
      await connection.next('auth');
      const expiry = (inMs: number) => new Date(time.now() + inMs).toISOString();
      connection.hello({ tokenExpiresAt: expiry(3_600_000) });
      connection.page([], 'next');
      await reached(client, 'live');
      for (let renewal = 2; renewal < 4; renewal += 1) {
        // The connection stays alive meanwhile.
        const dueInMs = 3_600_000 * 0.8;
        for (let passed = 0; passed < dueInMs; passed += 60_000) {
          const heard = new Promise<void>((resolve) => {
            const before = events.length;
            connection.push({ t: 'event', event: message(CHAT, before + 1) });
            void until(() => events.length > before, 'a sign of life').then(() => resolve());
          });
          await heard;
          time.advance(60_000);
        }
        const { token, since } = await connection.next('auth');
        expect([token, since]).to.deep.equal([`token ${renewal}`, undefined]);
        connection.hello({ tokenExpiresAt: expiry(3_600_000) });
      }
      expect(needs).to.deep.equal(['connect', 'renew', 'renew']);
      expect(gateway.connections).to.have.length(1);
      expect(RENEW_BEFORE_MS).to.equal(60_000);
    });

    it('does not renew a token that does not expire, and keeps trying if it gets none', async () => {
      let answer: () => Promise<string> = async () => 'first';
      const client = connect({ token: () => answer() });
      const connection = await gateway.next();
      await connection.next('auth');
      connection.hello({ tokenExpiresAt: new Date(time.now() + 20_000).toISOString() });
      connection.page([], 'next');
      await reached(client, 'live');
      answer = () => Promise.reject(new Error('no session'));
      time.advance(5_000);
      await until(() => errors.length === 1, 'the failed renewal');
      answer = async () => 'second';
      time.advance(5_000);
      expect((await connection.next('auth')).token).to.equal('second');
      connection.hello({ tokenExpiresAt: null as never });
      await until(() => client.state.kind === 'live', 'live');
    });
  });

  describe('the feed', () => {
    it('gives each event once and in order, from pages and pushes', async () => {
      const client = connect();
      const connection = await gateway.next();
      await connection.next('auth');
      connection.hello();
      connection.page([syncItem(CHAT, [message(CHAT, 1), message(CHAT, 2)], { reset: true })], 'next-1');
      connection.push({ t: 'event', event: message(CHAT, 2) });
      connection.push({ t: 'event', event: message(CHAT, 3) });
      connection.send({ t: 'resync', reason: 'slow', scope: 'mark' });
      connection.page([syncItem(CHAT, [message(CHAT, 2), message(CHAT, 3), message(CHAT, 4)])], 'next-2');
      await until(() => events.length === 4, 'four events');
      expect(events).to.deep.equal([1, 2, 3, 4].map((sequence) => `${CHAT}/${sequence}`));
      await reached(client, 'live');
      expect(states.map(({ kind }) => kind)).to.deep.equal(['connecting', 'syncing', 'live', 'syncing', 'live']);
    });

    it('acknowledges what the store has, in groups', async () => {
      const store = new HeldStore();
      const client = connect({ store });
      const connection = await live(client);
      store.hold();
      for (let sequence = 1; sequence <= 3; sequence += 1)
        connection.push({ t: 'event', event: message(CHAT, sequence) });
      await until(() => store.isHeld, 'the transaction');
      time.advance(ACK_DELAY_MS);
      expect(connection.frames.map(({ t }) => t)).to.deep.equal(['auth']);
      store.release();
      await until(() => events.length === 3, 'three events');
      expect(connection.frames.map(({ t }) => t)).to.deep.equal(['auth']);
      time.advance(ACK_DELAY_MS);
      expect((await connection.next('ack')).n).to.equal(3);
      for (let sequence = 4; sequence <= 3 + REALTIME_LIMITS.unackedMax / 4; sequence += 1)
        connection.push({ t: 'event', event: message(CHAT, sequence) });
      await connection.next('ack');
    });

    it('resumes from what the store has if a transaction fails, and loads it again', async () => {
      const store = new HeldStore();
      const client = connect({ store });
      const first = await live(client, 'page-1');
      store.fails = true;
      first.push({ t: 'event', event: message(CHAT, 1) });
      first.push({ t: 'mark', token: 'mark-1' });
      await until(() => errors.length === 1, 'the failure');
      expect(errors[0]).to.include({ code: 'store_failed' });
      expect(events).to.deep.equal([]);
      store.fails = false;
      time.advance(RECONNECT_MAX_MS);
      const second = await gateway.next();
      expect((await second.next('auth')).since).to.equal('page-1');
      second.hello();
      second.page([syncItem(CHAT, [message(CHAT, 1)], { reset: true })], 'page-2');
      await until(() => events.length === 1, 'the event');
    });

    it('connects again if the gateway skips an event in silence', async () => {
      const client = connect();
      const first = await live(client, 'page-1');
      first.push({ t: 'event', event: message(CHAT, 1) });
      first.push({ t: 'event', event: message(CHAT, 3) });
      first.push({ t: 'mark', token: 'wrong' });
      await until(() => errors.length === 1, 'the gap');
      expect(errors[0]?.code).to.equal('gap');
      time.advance(RECONNECT_MAX_MS);
      const second = await gateway.next();
      expect((await second.next('auth')).since).to.equal('page-1');
      second.hello();
      second.page(
        [
          syncItem(
            CHAT,
            [1, 2, 3].map((sequence) => message(CHAT, sequence)),
          ),
        ],
        'page-2',
      );
      second.push({ t: 'event', event: message(CHAT, 5) });
      await until(() => events.length === 3, 'three events');
      await reached(client, 'live');
      await until(() => client.state.kind === 'live' && time.nextInMs !== null, 'the timer');
      await eventually(
        () => {
          time.advance(GAP_PATIENCE_MS);
          return errors.length === 2;
        },
        { within: WITHIN_MS, what: 'the gap without a mark' },
      );
      expect(errors[1]?.code).to.equal('gap');
    });

    it('waits for a gap that the gateway has announced', async () => {
      const changed: unknown[] = [];
      const client = connect({ onChanged: (what) => changed.push(what) });
      const connection = await live(client);
      connection.push({ t: 'event', event: message(CHAT, 1) });
      connection.push({ t: 'changed', chatId: CHAT, lastSequence: 2 });
      connection.push({ t: 'event', event: message(CHAT, 3) });
      connection.push({ t: 'event', event: message(OTHER_CHAT, 9) });
      await until(() => events.length === 2, 'the events without a gap');
      time.advance(GAP_PATIENCE_MS);
      expect(client.state.kind).to.equal('live');
      expect(changed).to.deep.equal([{ chatId: CHAT, lastSequence: 2 }]);
      connection.page(
        [
          syncItem(
            CHAT,
            [2, 3].map((sequence) => message(CHAT, sequence)),
          ),
        ],
        'page-2',
      );
      connection.push({ t: 'mark', token: 'mark-2' });
      connection.push({ t: 'event', event: message(CHAT, 4) });
      await until(() => events.length === 5, 'the rest');
      expect(events).to.deep.equal([
        ...[`${CHAT}/1`, `${OTHER_CHAT}/9`],
        ...[2, 3, 4].map((sequence) => `${CHAT}/${sequence}`),
      ]);
      expect(errors).to.deep.equal([]);
    });

    it('bounds what waits for the store', async () => {
      const store = new HeldStore();
      const client = connect({ store, inboxMaxBytes: 10_000 });
      const connection = await live(client);
      store.hold();
      for (let sequence = 1; sequence <= 50; sequence += 1)
        connection.push({ t: 'event', event: message(CHAT, sequence) });
      await until(() => errors.length === 1, 'the full inbox');
      expect(errors[0]?.code).to.equal('inbox_full');
      store.release();
      time.advance(RECONNECT_MAX_MS);
      await live(client);
    });

    it('reports errors of callbacks and goes on', async () => {
      const client = connect({
        onEvent: ({ id }: FeedEvent) => {
          events.push(id);
          throw new Error('a bug of the program');
        },
      });
      const connection = await live(client);
      connection.push({ t: 'event', event: message(CHAT, 1) });
      connection.push({ t: 'event', event: message(CHAT, 2) });
      await until(() => events.length === 2, 'both events');
      expect(errors.map(({ code }) => code)).to.deep.equal(['handler_failed', 'handler_failed']);
      expect(client.state.kind).to.equal('live');
    });
  });

  describe('commands', () => {
    it('are sent in the order of their chat, one after the other, and answered by their receipts', async () => {
      const client = connect();
      const connection = await live(client);
      const [a, b, other] = [send(client, 'a'), send(client, 'b'), send(client, 'other', OTHER_CHAT)];
      expect((await connection.next('command')).id).to.equal('a');
      expect((await connection.next('command')).id).to.equal('other');
      connection.send({ t: 'receipt', id: 'a', receipt: receiptOf('a') });
      expect(await a).to.deep.equal(receiptOf('a'));
      expect((await connection.next('command')).id).to.equal('b');
      const rejected = receiptOf('b', { status: 'rejected', reason: { code: 'muted', title: 'Muted' } });
      connection.send({ t: 'receipt', id: 'b', receipt: rejected });
      expect(await b).to.deep.equal(rejected);
      connection.send({ t: 'receipt', id: 'other', receipt: receiptOf('other') });
      await other;
      expect(client.pendingCommands).to.equal(0);
    });

    it('wait while offline, and are sent again under their ids until their receipts come', async () => {
      const client = connect();
      const answers = [send(client, 'a'), send(client, 'b'), send(client, 'c')];
      const first = await live(client);
      await first.next('command');
      first.send({ t: 'receipt', id: 'a', receipt: receiptOf('a') });
      expect((await first.next('command')).id).to.equal('b');
      first.cut();
      const second = await back(client);
      const gotten: string[] = [];
      second.onFrame = (frame) => {
        if (frame.t !== 'command') return;
        gotten.push(frame.id);
        second.send({ t: 'receipt', id: frame.id, receipt: receiptOf(frame.id, { replayed: frame.id === 'b' }) });
      };
      for (const frame of second.frames) second.onFrame(frame);
      const receipts = await Promise.all(answers);
      expect(gotten).to.deep.equal(['b', 'c']);
      expect(receipts.map(({ commandId, replayed }) => [commandId, replayed])).to.deep.equal([
        ...[
          ['a', false],
          ['b', true],
          ['c', false],
        ],
      ]);
    });

    it('are sent again after a failure that is not final, and keep their order', async () => {
      const client = connect();
      const connection = await live(client);
      const answers = [send(client, 'a'), send(client, 'b')];
      await connection.next('command');
      connection.send({ t: 'failed', id: 'a', code: 'unavailable', retryAfterMs: 2_000 });
      connection.send({ t: 'failed', id: 'a', code: 'pending', retryAfterMs: 2_000 });
      connection.push({ t: 'event', event: message(CHAT, 1) });
      await until(() => events.length === 1, 'the frames before');
      time.advance(1_999);
      expect(connection.frames.filter(({ t }) => t === 'command')).to.have.length(1);
      time.advance(1);
      expect((await connection.next('command')).id).to.equal('a');
      connection.send({ t: 'receipt', id: 'a', receipt: receiptOf('a') });
      expect((await connection.next('command')).id).to.equal('b');
      connection.send({ t: 'failed', id: 'b', code: 'too_large', detail: 'the command has 300,000 bytes' });
      const failure = await answers[1]?.catch((error: CommandFailed) => error);
      expect(failure).to.include({ code: 'too_large', commandId: 'b', mayHaveEffect: false });
    });

    it('are bounded in number and bytes, and refused with a reason', async () => {
      const client = connect({ queueMaxBytes: 100_000 });
      const refused = (body: string, commandId: string) =>
        client.send('message.send', { chatId: CHAT, data: { body } }, { commandId }).then(
          () => expect.fail(),
          ({ code, mayHaveEffect }: CommandFailed) => [code, mayHaveEffect],
        );
      expect(await refused('x'.repeat(REALTIME_LIMITS.frameMaxBytes), 'large')).to.deep.equal(['too_large', false]);
      const waiting = [
        client.send('message.send', { chatId: CHAT, data: { body: 'ü'.repeat(45_000) } }, { commandId: 'a' }),
      ];
      expect(await refused('x', 'a')).to.deep.equal(['duplicate_id', false]);
      expect(await refused('x'.repeat(10_000), 'b')).to.deep.equal(['queue_full', false]);
      await client.close();
      expect(await Promise.allSettled(waiting).then(([one]) => (one as PromiseRejectedResult).reason)).to.include({
        ...{ code: 'closed', mayHaveEffect: false },
      });
      expect(await refused('x', 'late')).to.deep.equal(['closed', false]);

      const other = connect();
      const many = Array.from({ length: QUEUE_MAX_COMMANDS }, (_, index) =>
        send(other, `c-${index}`).catch(() => null),
      );
      const { code } = await send(other, 'one too many').then(
        () => expect.fail(),
        (error: CommandFailed) => error,
      );
      expect(code).to.equal('queue_full');
      await other.close();
      await Promise.all(many);
    });

    it('fail after their time, and say whether they may have an effect', async () => {
      const client = connect();
      const options = { timeoutMs: 10_000 };
      const command = { chatId: CHAT, data: { body: 'x' } };
      const connection = await live(client);
      const sent = client.send('message.send', command, options).catch((error: CommandFailed) => error);
      await connection.next('command');
      const queued = client.send('message.send', command, { timeoutMs: 9_999 }).catch((error: CommandFailed) => error);
      time.advance(10_000);
      expect(await sent).to.include({ code: 'timeout', mayHaveEffect: true });
      expect(await queued).to.include({ code: 'timeout', mayHaveEffect: false });
    });

    it('keep below the limits of the gateway', async () => {
      const client = connect();
      const connection = await live(client);
      const chatIds = Array.from(
        { length: 100 },
        (_, index) => `${CHAT.slice(0, -3)}${String(index).padStart(3, '0')}`,
      );
      for (const [index, chatId] of chatIds.entries()) void send(client, `c-${index}`, chatId).catch(() => undefined);
      const count = () => connection.frames.filter(({ t }) => t === 'command').length;
      const burst = REALTIME_LIMITS.commandBurst * 0.8;
      await until(() => count() === burst, 'the burst');
      time.advance(1_000);
      await until(() => count() === burst + REALTIME_LIMITS.commandsPerSecond * 0.8, 'a second later');
    });
  });

  describe('open chats, watched users, typing and activity', () => {
    it('are sent again after a reconnect', async () => {
      const client = connect();
      client.openChat(CHAT);
      client.openChat(OTHER_CHAT);
      client.closeChat(OTHER_CHAT);
      client.watch(['bob', 'bob', 'carol']);
      client.active();
      client.typing(CHAT, true);
      const expected = [
        { t: 'open', chatId: CHAT },
        { t: 'watch', userIds: ['bob', 'carol'] },
        { t: 'typing', chatId: CHAT, on: true },
        { t: 'active' },
      ];
      const first = await live(client);
      await first.next('active');
      expect(first.frames.slice(1)).to.deep.equal(expected);
      first.cut();
      await reached(client, 'waiting');
      time.advance(RECONNECT_MAX_MS);
      const second = await live(client);
      await second.next('active');
      // Nobody has typed for 8 s.
      expect(second.frames.slice(1)).to.deep.equal(expected.filter(({ t }) => t !== 'typing'));
    });

    it('sends typing and activity no more often than they are of use', async () => {
      const client = connect();
      const connection = await live(client);
      for (let key = 0; key < 100; key += 1) {
        client.typing(CHAT, true);
        client.active();
        time.advance(100);
      }
      client.typing(CHAT, false);
      client.typing(CHAT, false);
      await until(() => connection.frames.some((frame) => frame.t === 'typing' && !frame.on), 'the end of typing');
      expect(connection.frames.slice(1).map((frame) => (frame.t === 'typing' ? frame.on : frame.t))).to.deep.equal([
        ...[true, 'active', true, false],
      ]);
    });

    it('does not send that the user types before the gateway would pass it on again', async () => {
      const client = connect();
      const connection = await live(client);
      const types = (on: boolean, afterMs: number) => {
        time.advance(afterMs);
        client.typing(CHAT, on);
      };
      types(true, 0);
      types(false, 1_000);
      // The gateway would drop this: it is 2 s after the last time, and it would not be sent again for 5 s.
      types(true, 1_000);
      types(false, 1_000);
      types(true, 1_000);
      types(true, 1_000);
      types(false, 100);
      const sent = () => connection.frames.flatMap((frame) => (frame.t === 'typing' ? [frame.on] : []));
      await until(() => sent().length >= 4, 'the second end of typing');
      expect(sent()).to.deep.equal([true, false, true, false]);
    });

    it('refuses more than the gateway allows', async () => {
      const client = connect();
      for (let index = 0; index < REALTIME_LIMITS.openMax; index += 1) client.openChat(`chat ${index}`);
      expect(() => client.openChat(CHAT)).to.throw('at most 20 chats');
      const users = Array.from({ length: REALTIME_LIMITS.watchMax + 1 }, (_, index) => `user-${index}`);
      expect(() => client.watch(users)).to.throw('at most 200 users');
    });

    it('passes on typing and presence of others', async () => {
      const seen: unknown[] = [];
      const client = connect({
        onTyping: (typing) => seen.push(typing),
        onPresence: (presence) => seen.push(presence),
      });
      const connection = await live(client);
      connection.send({ t: 'typing', chatId: CHAT, userId: 'bob', on: true });
      connection.send({ t: 'presence', userId: 'bob', status: 'online', lastSeenAt: null });
      await until(() => seen.length === 2, 'both');
      expect(seen).to.deep.equal([
        { chatId: CHAT, userId: 'bob', on: true },
        { userId: 'bob', status: 'online', lastSeenAt: null },
      ]);
    });
  });
});

/** A store whose transactions take as long as the test wants. */
class HeldStore implements FeedStore {
  fails = false;
  isHeld = false;
  private readonly inner = new PlaceOnly();
  private gate: Promise<void> = Promise.resolve();
  release: () => void = () => undefined;

  hold(): void {
    this.gate = new Promise((resolve) => {
      this.release = resolve;
    });
  }

  load() {
    return this.inner.load();
  }

  async apply(changes: Parameters<FeedStore['apply']>[0]): Promise<void> {
    this.isHeld = true;
    await this.gate;
    this.isHeld = false;
    if (this.fails) throw new Error('the disk is full');
    await this.inner.apply(changes);
  }
}
