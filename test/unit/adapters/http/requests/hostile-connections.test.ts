import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { WRITE_IDLE_TIMEOUT_MS } from '../../../../../src/adapters/apis/http/api-settings.js';
import { eventually } from '../../../../support/eventually.js';
import { acceptedReceiptOf } from '../deciding-gateway.js';
import { tokenFor } from '../rest-client.js';
import { RestHarness, type RestOverrides } from '../rest-harness.js';

const WITHIN_MS = 5_000;
/** What SECURITY.md promises, and the second that the server may take to notice. */
const HEAD_WITHIN_MS = 12_000;
const REQUEST_WITHIN_MS = 32_000;

/** A connection of a test's own, and everything that came over it. */
class RawConnection {
  readonly socket: Socket;
  readonly startedAt = performance.now();
  private readonly received: Buffer[] = [];
  private readonly ended: Promise<unknown>;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => this.received.push(chunk));
    this.socket.on('error', () => undefined);
    this.ended = once(this.socket, 'close');
  }

  get text(): string {
    return Buffer.concat(this.received).toString('latin1');
  }

  /** The status lines that came. */
  get statuses(): number[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
  }

  /** How long it was open, in milliseconds. */
  async closed(): Promise<number> {
    await this.ended;
    return performance.now() - this.startedAt;
  }
}

const head = async (line: string, ...more: string[]) =>
  [`${line} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${await tokenFor('alice')}`, ...more, '', ''].join('\r\n');

/** Uncompressed, and together more than the buffers between the two ends hold. */
const LONG_RESPONSES = 12;

describe('The REST server on hostile connections', () => {
  let rest: RestHarness;

  async function start(overrides: RestOverrides = {}): Promise<void> {
    rest = await new RestHarness(overrides).start();
  }
  afterEach(() => rest.stop());

  const isBroken = () => rest.lines.some(({ message }) => message === 'connection broken by its client');

  it('finishes a response and closes if garbage arrives during it', async () => {
    await start();
    let release: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      rest.gateway.onNext(async (command) => {
        resolve();
        await new Promise<void>((go) => {
          release = go;
        });
        return acceptedReceiptOf(command);
      });
    });
    const connection = new RawConnection(rest.server.port);
    const body = JSON.stringify({ kind: 'group', memberIds: [] });
    const type = 'Content-Type: application/json';
    connection.socket.write((await head('POST /v1/chats', type, `Content-Length: ${body.length}`)) + body);
    await asked;
    connection.socket.write('GARBAGE\r\n\r\n');
    await eventually(isBroken, { within: WITHIN_MS, what: 'the garbage is noticed' });
    connection.socket.write('MORE GARBAGE\r\n\r\n');
    release();
    await connection.closed();
    expect(connection.statuses).to.deep.equal([200]);
    expect(connection.text).to.not.include('bad_request');
  });

  it('writes nothing into a long response if garbage arrives', async () => {
    await start();
    const connection = new RawConnection(rest.server.port);
    connection.socket.pause();
    // The last one is still being sent.
    connection.socket.write((await head('GET /docs/swagger-ui-bundle.js')).repeat(LONG_RESPONSES));
    connection.socket.write('GARBAGE\r\n\r\n');
    await eventually(isBroken, { within: WITHIN_MS, what: 'the garbage is noticed' });
    connection.socket.resume();
    await connection.closed();
    expect(connection.statuses).to.deep.equal(Array(LONG_RESPONSES).fill(200));
    expect(connection.text).to.not.include('bad_request');
  });

  it('answers a request whose own body is malformed, once', async () => {
    await start();
    const connection = new RawConnection(rest.server.port);
    const chunked = ['Content-Type: application/json', 'Transfer-Encoding: chunked'];
    connection.socket.write(`${await head('POST /v1/chats', ...chunked)}2\r\n{}\r\nZZ\r\n`);
    await connection.closed();
    expect(connection.statuses).to.deep.equal([400]);
  });

  it('does not answer twice if the body of an answered request is malformed', async () => {
    await start();
    const connection = new RawConnection(rest.server.port);
    connection.socket.write('POST /v1/chats HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n');
    await eventually(() => connection.statuses.length === 1, { within: WITHIN_MS, what: 'it is answered' });
    connection.socket.write('ZZ\r\n');
    await connection.closed();
    expect(connection.statuses).to.deep.equal([401]);
  });
});

/** Each waits for a time limit of the server, so they wait at the same time. */
describe('The REST server on slow connections', function () {
  this.timeout(90_000);
  let rest: RestHarness;
  let slowHead: Promise<number>;
  let slowBody: Promise<{ openMs: number; statuses: number[] }>;
  let unread: Promise<number[]>;

  before(async () => {
    rest = await new RestHarness().start();
    slowHead = sendSlowHead();
    slowBody = sendSlowBody();
    unread = readNothing();
    // Awaited by the tests, one after the other.
    for (const outcome of [slowHead, slowBody, unread]) outcome.catch(() => undefined);
  });
  after(() => rest.stop());

  async function sendSlowHead(): Promise<number> {
    const connection = new RawConnection(rest.server.port);
    const drip = setInterval(() => connection.socket.writable && connection.socket.write('x'), 500);
    connection.socket.write('GET /livez HTTP/1.1\r\nX-Slow: ');
    return connection.closed().finally(() => clearInterval(drip));
  }

  async function sendSlowBody(): Promise<{ openMs: number; statuses: number[] }> {
    const connection = new RawConnection(rest.server.port);
    connection.socket.write(await head('POST /v1/chats', 'Content-Type: application/json', 'Content-Length: 1000'));
    const drip = setInterval(() => connection.socket.writable && connection.socket.write(' '), 500);
    const openMs = await connection.closed().finally(() => clearInterval(drip));
    return { openMs, statuses: connection.statuses };
  }

  /** The statuses of what it reads at last. */
  async function readNothing(): Promise<number[]> {
    const connection = new RawConnection(rest.server.port);
    connection.socket.pause();
    connection.socket.write((await head('GET /docs/swagger-ui-bundle.js')).repeat(LONG_RESPONSES));
    // The time limit can strike once more only after it was noticed that nothing had moved in the meantime.
    await eventually(() => rest.lines.some(({ fields }) => fields.aborted === true && fields.method === 'GET'), {
      within: 2 * WRITE_IDLE_TIMEOUT_MS + WITHIN_MS,
      what: 'it is cut off',
    });
    connection.socket.resume();
    await connection.closed();
    return connection.statuses;
  }

  it('closes a connection whose head is not complete after 10 s', async () => {
    expect(await slowHead).to.be.within(9_500, HEAD_WITHIN_MS);
  });

  it('closes the connection of a client that does not read responses', async () => {
    expect((await unread).length).to.be.lessThan(LONG_RESPONSES);
  });

  it('closes a connection whose body is not complete after 30 s, without a second answer', async () => {
    const { openMs, statuses } = await slowBody;
    expect(openMs).to.be.within(29_500, REQUEST_WITHIN_MS);
    expect(statuses.filter((status) => status >= 500)).to.deep.equal([]);
    expect(statuses.length).to.be.at.most(1);
  });
});
