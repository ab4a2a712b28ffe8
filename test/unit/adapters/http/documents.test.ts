import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { API_DEFAULTS } from '../../../../src/adapters/apis/http/api-settings.js';
import { openApiDocument } from '../../../../src/adapters/apis/http/docs/openapi.js';
import { commandTypes } from '../../../../src/contract/messages/commands.js';
import { eventTypes } from '../../../../src/contract/messages/events.js';
import { realtimeOperations } from '../../../../src/contract/realtime/http-operations.js';
import { operationOf, restOperationNames } from '../../../../src/contract/rest/operations.js';
import { assertDocumented } from './documented-answers.js';
import { RestHarness } from './rest-harness.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

describe('REST documents', () => {
  let rest: RestHarness;

  before(async () => {
    rest = await new RestHarness({ settings: { topology: { ...API_DEFAULTS.topology, namespace: 'talk' } } }).start();
  });
  after(() => rest.stop());

  const fetched = async (path: string) => {
    const { status, headers, body } = await rest.get(path, { as: null });
    expect(status, path).to.equal(200);
    return { headers, body };
  };

  it('describe exactly the existing operations in OpenAPI 3.1', async () => {
    const { body, headers } = await fetched('/openapi.json');
    expect(headers.get('content-type')).to.match(/^application\/json/);
    expect(body.openapi).to.equal('3.1.0');
    const operations: string[] = [];
    for (const [path, item] of Object.entries<Record<string, object>>(body.paths)) {
      for (const method of METHODS) {
        const url = path.replaceAll(/\{\w+\}/g, 'x');
        const answer = await fetch(`${rest.url}${url}`, { method: method.toUpperCase() });
        // This API runs without a gateway. `test/integration/stack/realtime/` asks one.
        const isOfGateway = Object.values(realtimeOperations).some((operation) => operation.path === path);
        expect(answer.status, `${method} ${path}`).to.equal(isOfGateway ? 404 : method in item ? 401 : 405);
        if (method in item) operations.push(`${method} ${path}`);
      }
    }
    expect(operations).to.have.members([
      'get /v1/chats',
      'post /v1/chats',
      'get /v1/chats/{chatId}',
      'patch /v1/chats/{chatId}',
      'put /v1/chats/{chatId}/archive',
      'delete /v1/chats/{chatId}/archive',
      'put /v1/chats/{chatId}/hidden',
      'delete /v1/chats/{chatId}/hidden',
      'put /v1/chats/{chatId}/read',
      'put /v1/chats/{chatId}/delivered',
      'get /v1/chats/{chatId}/members',
      'post /v1/chats/{chatId}/members',
      'patch /v1/chats/{chatId}/members/{userId}',
      'delete /v1/chats/{chatId}/members/{userId}',
      'get /v1/chats/{chatId}/messages',
      'post /v1/chats/{chatId}/messages',
      'get /v1/chats/{chatId}/messages/{messageId}',
      'patch /v1/chats/{chatId}/messages/{messageId}',
      'delete /v1/chats/{chatId}/messages/{messageId}',
      'get /v1/chats/{chatId}/messages/{messageId}/revisions',
      'get /v1/chats/{chatId}/messages/{messageId}/thread',
      'get /v1/chats/{chatId}/messages/{messageId}/readers',
      'put /v1/chats/{chatId}/messages/{messageId}/reactions/{emoji}',
      'delete /v1/chats/{chatId}/messages/{messageId}/reactions/{emoji}',
      'get /v1/chats/{chatId}/events',
      'get /v1/sync',
      'get /v1/search/messages',
      'get /v1/receipts/{commandId}',
      'get /v1/decisions/{decisionId}',
      'get /v1/users/{userId}',
      'get /v1/users',
      'put /v1/me',
      'get /v1/me/unread',
      'get /v1/webhooks',
      'put /v1/webhooks/{webhookId}',
      'get /v1/webhooks/{webhookId}',
      'delete /v1/webhooks/{webhookId}',
      'post /v1/webhooks/{webhookId}/secrets',
      'get /v1/webhooks/{webhookId}/deliveries',
      'post /v1/webhooks/{webhookId}/replay',
      'post /v1/webhooks/{webhookId}/pause',
      'post /v1/webhooks/{webhookId}/resume',
      'get /v1/users/{userId}/keys',
      'post /v1/users/{userId}/keys',
      'delete /v1/users/{userId}/keys/{keyId}',
      'get /v1/stream',
      'post /v1/realtime/pass',
    ]);
  });

  it('have no dangling references', async () => {
    for (const path of ['/openapi.json', '/asyncapi.json']) {
      const { body } = await fetched(path);
      const references = [...JSON.stringify(body).matchAll(/"\$ref":"([^"]+)"/g)].map(
        ([, reference]) => reference ?? '',
      );
      expect(references, path).to.not.be.empty;
      for (const reference of new Set(references)) {
        const target = reference
          .slice(2)
          .split('/')
          .reduce((node, part) => node?.[part], body);
        expect(target, reference).to.be.an('object');
      }
    }
  });

  it('describe parameters, bodies and problems of an operation', async () => {
    const { body } = await fetched('/openapi.json');
    const list = body.paths['/v1/chats'].get;
    expect(list.parameters.map(({ name }: { name: string }) => name)).to.deep.equal([
      'cursor',
      'limit',
      'kind',
      'archived',
      'hidden',
    ]);
    expect(list.parameters[1].schema).to.include({ type: 'integer', minimum: 1, maximum: 200, default: 50 });
    const remove = body.paths['/v1/chats/{chatId}/messages/{messageId}'].delete;
    expect(
      remove.parameters.map(({ name, required }: Record<string, unknown>) => [name, required ?? false]),
    ).to.deep.equal([
      ['chatId', true],
      ['messageId', true],
      ['mode', false],
      ['Idempotency-Key', false],
    ]);
    expect(remove.parameters[2].schema).to.deep.include({ enum: ['soft', 'hard'], default: 'soft' });
    const send = body.paths['/v1/chats/{chatId}/messages'].post;
    expect(send.parameters.map(({ name }: { name: string }) => name)).to.deep.equal(['chatId', 'Idempotency-Key']);
    expect(body.components.schemas.SendMessage.properties.body).to.include({ minLength: 1, maxLength: 16_384 });
    expect(Object.keys(send.responses)).to.include.members([
      '200',
      '201',
      '202',
      '400',
      '401',
      '403',
      '404',
      '409',
      '413',
      '415',
      '422',
      '429',
      '500',
      '503',
    ]);
    expect(body.components.schemas.PutProfile.properties).to.not.have.property('kind');
    expect(body.security).to.deep.equal([{ bearer: [] }]);
  });

  it('reject undescribed responses in these tests', () => {
    const message = 'does not fit';
    const page = { items: [], nextCursor: null };
    const type = 'application/json; charset=utf-8';
    assertDocumented('GET', '/v1/chats?limit=1', 200, type, page);
    expect(() => assertDocumented('GET', '/v1/chats', 200, type, { ...page, total: 1 })).to.throw(message);
    expect(() => assertDocumented('GET', '/v1/chats', 200, type, { items: [] })).to.throw(message);
    expect(() => assertDocumented('GET', '/v1/chats', 200, 'text/plain', page)).to.throw('as text/plain');
    expect(() => assertDocumented('GET', '/v1/chats', 418, type, page)).to.throw('not documented');
  });

  it("describe the broker's messages in AsyncAPI 3, with a message for every command and event", async () => {
    const { body } = await fetched('/asyncapi.json');
    expect(body.asyncapi).to.equal('3.0.0');
    const { commands, events, live, receipts, deadLetters } = body.channels;
    expect([commands.address, events.address, live.address, deadLetters.address, receipts.address]).to.deep.equal([
      'talk.commands',
      'talk.events',
      'talk.live',
      'talk.dead-letters',
      null,
    ]);
    const messages = (channel: { messages: object }) => Object.keys(channel.messages);
    expect(messages(commands)).to.deep.equal(commandTypes.map((type) => `command_${type.replace('.', '_')}`));
    expect(messages(events)).to.deep.equal(eventTypes.map((type) => `event_${type.replace('.', '_')}`));
    const { payload } = body.components.messages.command_message_send;
    expect(payload.required).to.deep.equal(['actorId', 'chatId', 'data']);
    expect(payload.properties.data.properties.metadata).to.include({ type: 'object' });
    expect(body.components.messages.event_message_created.payload.properties.type).to.include({
      const: 'message.created',
    });
  });

  it('are displayed at /docs under the content security policy', async () => {
    const { body: html, headers } = await fetched('/docs/');
    expect(html).to.include('<div id="swagger-ui">');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).to.include("script-src 'self';").and.to.include("script-src-attr 'none'");
    expect(policy).to.not.include('upgrade-insecure-requests');
    // Scripts are files, not inline, so that the content security policy permits them.
    const scripts = [...html.matchAll(/<script([^>]*)>([^<]*)/g)];
    expect(scripts).to.have.length(3);
    for (const [, attributes, inline] of scripts) {
      expect(attributes).to.match(/^ src="\.\//);
      expect(inline?.trim()).to.equal('');
    }
    const assets = [...html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, name]) => name ?? '');
    expect(assets).to.include.members(['swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-init.js']);
    for (const asset of assets) await fetched(`/docs/${asset}`);
    const { body: script, headers: scriptHeaders } = await fetched('/docs/swagger-ui-init.js');
    expect(scriptHeaders.get('content-type')).to.match(/javascript/);
    expect(script).to.include('/openapi.json');
  });

  it('have valid example bodies, and no fixed command id', () => {
    for (const name of restOperationNames) {
      const { body, example } = operationOf(name);
      expect(example === undefined, name).to.equal(body === undefined);
      if (body !== undefined) expect(body.safeParse(example).success, name).to.equal(true);
    }
    const headers = Object.values(openApiDocument().paths ?? {})
      .flatMap((path) => Object.values(path as Record<string, { parameters?: object[] }>))
      .flatMap(({ parameters = [] }) => parameters)
      .filter((parameter) => 'in' in parameter && parameter.in === 'header');
    expect(headers).to.not.be.empty;
    expect(JSON.stringify(headers)).to.not.include('example');
  });

  it('contain no token', async () => {
    expect((await rest.post('/docs/try-out', {}, { as: null })).status).to.equal(404);
    expect((await fetched('/docs/swagger-ui-init.js')).body).to.not.include('try-out');
  });

  it('serve only the page and its files at /docs', async () => {
    // The package of the page contains a demo of another API, and its own manifest.
    for (const path of ['index.html', 'swagger-initializer.js', 'package.json', 'nope', '%2e%2e/package.json']) {
      const { status, body } = await rest.get(`/docs/${path}`, { as: null });
      expect([status, body.type], path).to.deep.equal([404, '/problems/not_found']);
    }
    for (const path of ['/docs', '/docs/', '/docs/swagger-ui.css']) {
      const { status, body, headers } = await rest.post(path, {}, { as: null });
      expect([status, body.type], path).to.deep.equal([405, '/problems/method_not_allowed']);
      expect(headers.get('allow')).to.equal('GET, HEAD, OPTIONS');
    }
  });

  it('are served at /docs also without the slash', async () => {
    const { body, headers } = await fetched('/docs');
    expect(body).to.include('<div id="swagger-ui">');
    expect(headers.get('content-type')).to.match(/^text\/html/);
    const response = await fetch(`${rest.url}/docs`, { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).to.deep.equal([301, '/docs/']);
  });

  describe('are cheap to send again', () => {
    const ask = (path: string, headers: Record<string, string>) => fetch(`${rest.url}${path}`, { headers });

    it('are compressed in an encoding that the client accepts', async () => {
      const whole = await (await ask('/docs/swagger-ui.css', { 'accept-encoding': 'identity' })).text();
      for (const [accepted, encoding] of [
        ['gzip, deflate, br', 'br'],
        ['gzip', 'gzip'],
        ['deflate', null],
        ['identity', null],
      ] as const) {
        const response = await ask('/docs/swagger-ui.css', { 'accept-encoding': accepted });
        expect(response.headers.get('content-encoding'), accepted).to.equal(encoding);
        expect(response.headers.get('vary')).to.include('Accept-Encoding');
        expect(response.headers.get('cache-control')).to.equal('public, max-age=3600');
        expect(await response.text()).to.equal(whole);
      }
    });

    it('are not sent to clients with the current version', async () => {
      for (const path of ['/docs/', '/docs/swagger-ui-bundle.js', '/openapi.json', '/asyncapi.json']) {
        const etag = (await ask(path, { 'accept-encoding': 'gzip' })).headers.get('etag') ?? '';
        expect(etag, path).to.match(/^".+-gzip"$/);
        const again = await ask(path, { 'accept-encoding': 'gzip', 'if-none-match': etag });
        expect([again.status, await again.text()], path).to.deep.equal([304, '']);
        expect((await ask(path, { 'accept-encoding': 'gzip', 'if-none-match': '"other"' })).status).to.equal(200);
      }
    });

    it('take less than 5 ms of processor time each', async () => {
      const requests = 40;
      for (const encoding of ['br', 'gzip', 'deflate', 'identity']) {
        const request = `GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nAccept-Encoding: ${encoding}\r\n`;
        const send = async (count: number) => {
          const socket = connect(rest.server.port, '127.0.0.1');
          socket.write(`${request}\r\n`.repeat(count - 1));
          socket.end(`${request}Connection: close\r\n\r\n`);
          socket.resume();
          await once(socket, 'close');
        };
        await send(1);
        const before = process.cpuUsage();
        await send(requests);
        const { user, system } = process.cpuUsage(before);
        expect((user + system) / 1_000 / requests, encoding).to.be.lessThan(5);
      }
    });
  });
});
