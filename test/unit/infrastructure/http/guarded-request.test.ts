/** What a request to a given URL can reach. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { AddressRules, parseNetwork } from '../../../../src/infrastructure/http/address-rules.js';
import { GuardedRequests } from '../../../../src/infrastructure/http/guarded-request.js';

const never = new AbortController().signal;

describe('The rules of addresses', () => {
  const rules = new AddressRules([]);

  it('refuse every special-purpose address, however it is written', () => {
    for (const address of [
      ...[
        '127.0.0.1',
        '127.9.9.9',
        '0.0.0.0',
        '10.1.2.3',
        '172.16.0.1',
        '172.31.255.255',
        '192.168.1.1',
        '169.254.169.254',
      ],
      ...['100.64.0.1', '192.0.0.8', '198.18.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255', '203.0.113.9'],
      ...[
        '::',
        '::1',
        'fe80::1',
        'fc00::1',
        'fd12::1',
        'ff02::1',
        '2001:db8::1',
        '2002:7f00:1::',
        '2001::1',
        '64:ff9b::7f00:1',
      ],
      ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:a9fe:a9fe', '::ffff:0:127.0.0.1', '::127.0.0.1', 'fe80::1%eth0'],
      ...['', 'localhost', '1.2.3', '0x7f.1'],
    ])
      expect(rules.kindOf(address), address).to.equal('refused');
  });

  it('permit public addresses, and private networks that are listed', () => {
    for (const address of ['1.1.1.1', '172.32.0.1', '2606:4700::1111', '::ffff:1.1.1.1'])
      expect(rules.kindOf(address), address).to.equal('public');
    const some = new AddressRules(['10.0.0.0/8', 'fd00::/8']);
    for (const address of ['10.200.0.1', 'fd00::5', '::ffff:10.0.0.1'])
      expect(some.kindOf(address), address).to.equal('permitted');
    for (const address of ['127.0.0.1', '192.168.0.1', 'fc00::1'])
      expect(some.kindOf(address), address).to.equal('refused');
  });

  it('are refused if a network is none', () => {
    for (const network of ['', '10.0.0.0/33', 'fd00::/129', 'example', '10.0.0.0/8/8', '10.0.0/8'])
      expect(() => parseNetwork(network), network).to.throw('must be networks');
  });
});

describe('A guarded request', () => {
  let server: Server;
  let hits = 0;
  let listener: RequestListener;
  before(async () => {
    server = createServer((request, response) => {
      hits += 1;
      listener(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  beforeEach(() => {
    hits = 0;
    listener = (_request, response) => response.end();
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const port = () => (server.address() as AddressInfo).port;
  async function post(url: string, over: Partial<ConstructorParameters<typeof GuardedRequests>[0]> = {}) {
    const addresses = new AddressRules(['127.0.0.0/8']);
    const requests = new GuardedRequests({ addresses, ports: null, timeoutMs: 400, ...over });
    try {
      return await requests.post(new URL(url), {}, Buffer.from('{}'), never);
    } finally {
      requests.close();
    }
  }

  it('reaches a permitted network', async () => {
    expect(await post(`http://127.0.0.1:${port()}/`)).to.deep.equal({
      outcome: 'answered',
      status: 200,
      retryAfter: null,
    });
  });

  it('never reaches a refused address: literal, written otherwise, or behind a name', async () => {
    const addresses = new AddressRules(['10.0.0.0/8']);
    for (const host of [
      '127.0.0.1',
      '2130706433',
      '0x7f000001',
      '127.1',
      '0177.0.0.1',
      '[::ffff:127.0.0.1]',
      'localhost',
    ])
      for (const scheme of ['http', 'https'])
        expect(await post(`${scheme}://${host}:${port()}/`, { addresses }), `${scheme} ${host}`).to.deep.equal({
          ...{ outcome: 'failed', code: 'address-refused' },
        });
    expect(hits).to.equal(0);
  });

  it('uses no port that is not listed', async () => {
    expect(await post(`http://127.0.0.1:${port()}/`, { ports: [443] })).to.include({ code: 'port-refused' });
    expect(hits).to.equal(0);
  });

  it('does not follow a redirect', async () => {
    listener = (_request, response) => response.writeHead(307, { location: `http://127.0.0.1:${port()}/other` }).end();
    expect(await post(`http://127.0.0.1:${port()}/`)).to.include({ outcome: 'answered', status: 307 });
    expect(hits).to.equal(1);
  });

  it('ends after its time, also if the answer has begun, and then knows its status', async () => {
    listener = () => undefined;
    expect(await post(`http://127.0.0.1:${port()}/`)).to.include({ outcome: 'failed', code: 'timed-out' });
    listener = (_request, response) => void response.write('a little');
    expect(await post(`http://127.0.0.1:${port()}/`)).to.include({ outcome: 'answered', status: 200 });
  });

  it('reads no more than a little of an answer', async () => {
    let written = 0;
    listener = (_request, response) => {
      const more = () => {
        written += 65_536;
        if (!response.destroyed && written < 64 * 1024 ** 2)
          response.write(Buffer.alloc(65_536), () => setImmediate(more));
      };
      more();
    };
    expect(await post(`http://127.0.0.1:${port()}/`, { timeoutMs: 5_000 })).to.include({
      outcome: 'answered',
      status: 200,
    });
    expect(written).to.be.below(16 * 1024 ** 2);
  });

  it('names a connection that is refused', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const free = (closed.address() as AddressInfo).port;
    await new Promise((resolve) => closed.close(resolve));
    expect(await post(`http://127.0.0.1:${free}/`)).to.include({ outcome: 'failed', code: 'econnrefused' });
  });
});
