import { connect } from 'node:net';
import { expect } from 'chai';
import { REQUEST_BODY_MAX_BYTES } from '../../../../../src/adapters/apis/http/api-settings.js';
import { BODY_MAX_BYTES } from '../../../../../src/contract/messages/commands.js';
import { eventually } from '../../../../support/eventually.js';
import { expectProblem } from '../expect-problem.js';
import { tokenFor } from '../rest-client.js';
import { RestHarness } from '../rest-harness.js';

describe('REST problems for bodies', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  const send = (raw: string | Uint8Array, headers: Record<string, string> = {}) =>
    rest.call('POST', '/v1/chats', { raw, headers: { 'content-type': 'application/json', ...headers } });

  for (const number of ['1e999', '-1e400', '9'.repeat(400)])
    it(`are invalid for ${number.slice(0, 6)}, which would be stored as null`, async () => {
      const answer = await send(`{"kind":"group","memberIds":[],"metadata":{"a":[${number}]}}`);
      expectProblem(answer, 'invalid');
      expect(answer.body.violations[0].message).to.contain('beyond the range of a double');
      expect(rest.gateway.published).to.deep.equal([]);
    });

  for (const [what, raw] of Object.entries({
    'that is no JSON': '{"kind":',
    'that is not UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    'that is empty': '',
    'with a byte order mark': '\ufeff{}',
  }))
    it(`are malformed for a body ${what}`, async () => {
      expectProblem(await send(raw), 'malformed');
    });

  it('log no error for a complete body whose client disconnected before it was read', async () => {
    const head = `POST /v1/chats HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await tokenFor('alice')}\r\n`;
    const request = `${head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
    connect({ port: rest.server.port, host: '127.0.0.1' }).end(request).resume();
    const logged = () => rest.lines.find(({ message }) => message === 'request failed' || message === 'request');
    await eventually(logged, { within: 5_000, what: 'the end of the request' });
    // Whatever the one before was going to say, it has said by now.
    await rest.get('/v1/chats');
    expect(rest.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });

  it('are malformed for a missing body', async () => {
    expectProblem(await rest.call('POST', '/v1/chats'), 'malformed');
  });

  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=latin1',
    'application/merge-patch+json',
  ])
    it(`refuse ${type}`, async () => {
      expectProblem(await send('{}', { 'content-type': type }), 'unsupported_media_type');
    });

  it('refuse compressed bodies', async () => {
    expectProblem(await send('{}', { 'content-encoding': 'gzip' }), 'unsupported_media_type');
  });

  it('accept any spelling of application/json in UTF-8', async () => {
    const raw = JSON.stringify({ kind: 'group', memberIds: [] });
    for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'])
      expect((await send(raw, { 'content-type': type })).status).to.equal(201);
  });

  it('are too large above the limit, and nothing is published', async () => {
    expectProblem(await send(' '.repeat(REQUEST_BODY_MAX_BYTES + 1)), 'too_large');
    expect(rest.gateway.published).to.be.empty;
  });

  it('are too large above the limit, also with chunked encoding', async () => {
    const chunks = Array.from({ length: 9 }, () => new Uint8Array(64 * 1024).fill(0x20));
    const response = await fetch(`${rest.url}/v1/chats`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await tokenFor('alice')}`, 'content-type': 'application/json' },
      body: ReadableStream.from(chunks) as ReadableStream<Uint8Array>,
      duplex: 'half',
    });
    expect(response.status).to.equal(413);
  });

  it('are too large if the envelope or written-out numbers exceed the limit of commands', async () => {
    const chatId = await rest.group();
    const published = rest.gateway.published.length;
    const post = (raw: string) =>
      rest.call('POST', `/v1/chats/${chatId}/messages`, { raw, headers: { 'content-type': 'application/json' } });
    const fill = (bytes: number) => `{"body":"${'x'.repeat(bytes - 11)}"}`;
    expectProblem(await post(fill(BODY_MAX_BYTES)), 'too_large');
    expectProblem(await post(`{"body":"x","metadata":{"n":[${Array(40_000).fill('1e20').join(',')}]}}`), 'too_large');
    expect(rest.gateway.published).to.have.length(published);
    expectProblem(await post(fill(BODY_MAX_BYTES - 1024)), 'invalid');
  });

  it('accept 31 levels, one less than a command, and refuse more', async () => {
    const nested = (levels: number) => {
      const inner = levels - 2;
      return `{"kind":"group","memberIds":[],"metadata":${'{"a":'.repeat(inner)}{}${'}'.repeat(inner)}}`;
    };
    expect((await send(nested(31))).status).to.equal(201);
    expectProblem(await send(nested(32)), 'invalid');
    const deep = await send(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`);
    expectProblem(deep, 'invalid');
  });

  it('do not read the body of an unauthenticated caller', async () => {
    const answer = await rest.call('POST', '/v1/chats', { as: null, raw: 'nonsense' });
    expectProblem(answer, 'unauthenticated');
  });
});
