import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { RestServer } from '../../../../../src/adapters/apis/http/rest-server.js';
import { MemoryTables } from '../../../../../src/adapters/stores/memory/memory-tables.js';
import { MemoryChatQueries } from '../../../../../src/adapters/stores/memory/queries/memory-chat-queries.js';
import { eventually } from '../../../../support/eventually.js';
import { acceptedReceiptOf } from '../deciding-gateway.js';
import { tokenFor } from '../rest-client.js';
import { RestHarness, type RestOverrides } from '../rest-harness.js';

const WITHIN_MS = 5_000;

/** Sends bytes as they are; everything that came back until the connection ended. */
async function exchange(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk));
  socket.write(request);
  await once(socket, 'close');
  return Buffer.concat(received).toString('utf8');
}

describe('The REST server', () => {
  let rest: RestHarness;

  async function start(overrides: RestOverrides = {}, closeTimeoutMs?: number): Promise<void> {
    rest = await new RestHarness(overrides, closeTimeoutMs).start();
  }
  afterEach(() => rest.stop());

  /** A message in flight; the test sends its receipt. */
  async function inHand() {
    let answer: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      rest.gateway.onNext(async (command) => {
        resolve();
        await new Promise<void>((release) => {
          answer = release;
        });
        return acceptedReceiptOf(command);
      });
    });
    const response = rest.post('/v1/chats', { kind: 'group', memberIds: [] });
    await asked;
    return { response, answer: () => answer() };
  }

  describe('when it stops', () => {
    it('finishes requests in progress, and accepts no new ones', async () => {
      await start();
      const { response, answer } = await inHand();
      const { url } = rest;
      const stopped = rest.stop();
      const isRefused = () =>
        fetch(`${url}/livez`).then(
          () => false,
          () => true,
        );
      await eventually(isRefused, { within: WITHIN_MS, what: 'new connections are refused' });
      answer();
      const { status, headers } = await response;
      expect([status, headers.get('connection')]).to.deep.equal([200, 'close']);
      await stopped;
    });

    it('ends requests that exceed the deadline', async () => {
      await start({}, 50);
      const { response } = await inHand();
      const failed = response.then(
        () => false,
        () => true,
      );
      await rest.stop();
      expect(await failed).to.equal(true);
      expect(rest.lines).to.deep.include({
        level: 'warn',
        message: 'requests in progress did not finish in time',
        fields: { requests: 1 },
      });
    });

    it('does not wait for connections that are idle', async () => {
      await start();
      const socket = connect(rest.server.port, '127.0.0.1');
      await once(socket, 'connect');
      const closed = once(socket, 'close');
      await rest.get('/livez');
      await rest.stop();
      await closed;
      expect(rest.lines.filter(({ level }) => level === 'warn')).to.deep.equal([]);
    });
  });

  it('reports a used port in one line', async () => {
    await start();
    const { port } = rest.server;
    const silent = { debug() {}, info() {}, warn() {}, error() {} };
    const second = new RestServer(() => undefined, { port, host: '127.0.0.1' }, silent);
    const failure = await second.start().catch((error: Error) => error.message);
    expect(failure).to.equal(`cannot listen on 127.0.0.1:${port}: the port is in use`);
  });

  it('answers bytes that are not HTTP with a problem', async () => {
    await start();
    const answer = await exchange(rest.server.port, 'HELLO\r\n\r\n');
    expect(answer).to.match(/^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/problem\+json\r\n/);
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).to.include({ type: '/problems/bad_request', status: 400 });
  });

  it('ignores unknown Expect headers', async () => {
    await start();
    const head = 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
    expect(await exchange(rest.server.port, `${head}Expect: 200-maybe\r\n\r\n`)).to.match(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it('answers within its time limit, even if the store does not', async () => {
    const queries = new MemoryChatQueries(new MemoryTables());
    queries.findUser = () => new Promise(() => undefined);
    await start({ queries, settings: { answerTimeLimitMs: 50, receiptTimeoutMs: 0 } });
    const { status, body } = await rest.get('/v1/users/alice');
    expect([status, body.type]).to.deep.equal([503, '/problems/unavailable']);
  });

  it('answers probes on the public port with only a status: always alive, ready while every dependency is', async () => {
    let ok = true;
    const detail = 'connect ECONNREFUSED 10.0.0.7:5432';
    await start({
      health: () => ({ ok, dependencies: { database: { ok, detail }, worker: { ok, detail: 'owns 0, 1' } } }),
    });
    const probe = async (path: string) => {
      const { status, body } = await rest.get(path, { as: null });
      return { status, body };
    };
    expect(await probe('/livez')).to.deep.equal({ status: 200, body: { status: 'alive' } });
    expect(await probe('/readyz')).to.deep.equal({ status: 200, body: { status: 'ready' } });
    ok = false;
    expect(await probe('/livez')).to.deep.equal({ status: 200, body: { status: 'alive' } });
    expect(await probe('/readyz')).to.deep.equal({ status: 503, body: { status: 'unready' } });
  });

  it('sends minimal headers about itself, and forbids caching and sniffing', async () => {
    await start();
    for (const as of ['alice', null]) {
      const { headers } = await rest.get('/v1/chats', { as });
      expect(headers.has('x-powered-by')).to.equal(false);
      expect(headers.get('cache-control')).to.equal('no-store');
      expect(headers.get('x-content-type-options')).to.equal('nosniff');
      expect(headers.get('x-frame-options')).to.equal('SAMEORIGIN');
    }
  });

  it('compresses long responses for clients that accept it', async () => {
    await start();
    const { headers, body } = await rest.get('/openapi.json', { headers: { 'accept-encoding': 'gzip' } });
    expect(headers.get('content-encoding')).to.equal('gzip');
    expect(body.openapi).to.equal('3.1.0');
  });

  it('ignores conditional requests, because no response may be cached', async () => {
    await start();
    for (const headers of [{ 'if-none-match': '*' }, { 'if-modified-since': new Date().toUTCString() }])
      expect((await rest.get('/v1/chats', { headers })).status).to.equal(200);
  });

  it('answers HEAD like GET without a body', async () => {
    await start();
    const { status, headers, body } = await rest.call('HEAD', '/openapi.json');
    expect([status, headers.get('content-type')?.split(';')[0]]).to.deep.equal([200, 'application/json']);
    expect(body).to.equal('');
  });

  describe('with browsers of other origins', () => {
    const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };

    it('allows nothing by default', async () => {
      await start();
      const headers = { origin: 'https://chat.example.com' };
      const answers = [
        await rest.get('/v1/chats', { headers }),
        await rest.call('OPTIONS', '/v1/chats', { as: null, headers: { ...headers, ...preflight } }),
      ];
      for (const answer of answers)
        expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).to.deep.equal([]);
    });

    it('allows only the configured origins', async () => {
      await start({ settings: { allowedOrigins: ['https://chat.example.com'] } });
      const ask = (origin: string) =>
        rest.call('OPTIONS', '/v1/chats', { as: null, headers: { origin, ...preflight } });
      const { status, headers } = await ask('https://chat.example.com');
      expect(status).to.equal(204);
      expect(headers.get('access-control-allow-origin')).to.equal('https://chat.example.com');
      expect(headers.get('access-control-allow-methods')).to.include('POST');
      expect(headers.get('access-control-allow-headers')).to.include('Authorization').and.to.include('Idempotency-Key');
      expect(headers.has('access-control-allow-credentials')).to.equal(false);
      expect((await ask('https://evil.example.com')).headers.has('access-control-allow-origin')).to.equal(false);

      const refused = await rest.get('/v1/chats', { as: null, headers: { origin: 'https://chat.example.com' } });
      expect(refused.status).to.equal(401);
      expect(refused.headers.get('access-control-allow-origin')).to.equal('https://chat.example.com');
      expect(refused.headers.get('access-control-expose-headers')).to.include('Location');
      expect(refused.headers.get('vary')).to.include('Origin');
    });
  });

  describe('in the log', () => {
    const requests = () => rest.lines.filter(({ message }) => message === 'request');

    it('writes one line per request: method, route, status, duration, trace id and caller', async () => {
      await start();
      const chatId = await rest.group();
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      await rest.post(`/v1/chats/${chatId}/messages`, { body: 'hello' }, { headers: { traceparent } });
      await rest.get('/nowhere');
      await rest.get('/v1/chats', { as: 'acme/bob' });
      await rest.get('/v1/chats', { token: `${await tokenFor('mallory')}x` });
      await rest.get('/livez');
      await eventually(() => requests().length === 6, { within: WITHIN_MS, what: 'six lines' });

      const [created, sent, nowhere, foreign, unauthenticated, probe] = requests();
      expect(created?.fields).to.include({ method: 'POST', route: '/v1/chats', status: 201 });
      expect(created?.fields.traceId).to.match(/^[0-9a-f]{32}$/);
      expect(sent).to.deep.include({ level: 'info' });
      const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
      expect(sent?.fields).to.include({ route: '/v1/chats/:chatId/messages', status: 201, traceId });
      expect(sent?.fields.durationMs).to.be.a('number').and.to.be.greaterThan(0);
      expect(sent?.fields).to.include({ actorId: 'alice', tenantId: 'default' });
      expect(nowhere?.fields).to.include({ route: null, status: 404 });
      expect(foreign?.fields).to.include({ status: 200, actorId: 'bob', tenantId: 'acme' });
      expect(unauthenticated?.fields).to.include({ status: 401 });
      for (const line of [nowhere, unauthenticated, probe])
        expect(line?.fields).not.to.have.any.keys('actorId', 'tenantId');
      expect(probe?.level).to.equal('debug');
    });

    it("never writes a token, text, query or id, except the caller's id", async () => {
      await start();
      const secrets = ['top-secret-text', 'query-text', 'unheard-of'];
      const chatId = await rest.group();
      const token = await tokenFor('alice');
      await rest.post(`/v1/chats/${chatId}/messages`, { body: secrets[0] }, { token });
      await rest.call('POST', '/v1/chats', { raw: `{"${secrets[0]}`, headers: { 'content-type': 'application/json' } });
      await rest.get(`/v1/chats?kind=${secrets[1]}`, { token });
      await rest.get(`/v1/receipts/${secrets[2]}`, { token: `${token}x` });
      rest.gateway.onNext(() => Promise.reject(new Error('a bug')));
      await rest.post(`/v1/chats/${chatId}/messages`, { body: secrets[0] }, { token });
      await eventually(() => requests().length === 6, { within: WITHIN_MS, what: 'six lines' });

      const written = JSON.stringify(rest.lines);
      for (const secret of [...secrets, token, token.split('.')[1] ?? '', chatId])
        expect(written).to.not.include(secret);
    });
  });
});
