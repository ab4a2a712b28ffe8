import { createServer, connect as dial, type Server } from 'node:net';
import { expect } from 'chai';
import { type PostgresServer, startPostgres } from '../../../../src/infrastructure/embedded/postgres-server.js';
import { freePort } from '../../../../src/infrastructure/free-port.js';
import { migrate } from '../../../../src/infrastructure/postgres/migrations.js';
import { Wire } from '../../../support/broker/wire.js';
import { eventually } from '../../../support/eventually.js';
import { startProcess, type TestProcess } from '../../../support/fleet/processes.js';
import { migrationsFolder, rabbitmq, scratchFolder, uniqueNamespace } from '../../../support/services/services.js';
import { RestClient, SECRET } from '../../../unit/adapters/http/rest-client.js';

const within = 30_000;
/** Number of attempts that shows that it retries. */
const TRIES = 4;
const STOP_WITHIN_MS = 6_000;
const settings = { fsync: 'off' };

class Client extends RestClient {
  constructor(readonly url: string) {
    super();
  }
}

interface Readiness {
  status: number;
  dependencies: Record<string, { ok: boolean; detail: string }>;
}

async function readiness({ opsUrl }: TestProcess): Promise<Readiness> {
  const response = await fetch(`${opsUrl}/readyz`);
  return { status: response.status, dependencies: ((await response.json()) as Readiness).dependencies };
}

/** Lines of the log that say this. */
const said = (child: TestProcess, message: string) =>
  child.stderr.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line.message === message);

describe('A worker or an api that starts before its database and broker', function () {
  this.timeout(120_000);
  let folder: string;
  let server: PostgresServer;
  let env: Record<string, string>;
  const held: Server[] = [];
  const children: TestProcess[] = [];

  before(async () => {
    folder = scratchFolder('late-postgres');
    server = await startPostgres({ folder, settings });
    await migrate({ url: server.url, folder: migrationsFolder });
    await server.stop();
    env = {
      ...{ DATABASE_URL: server.url, AMQP_URL: (await rabbitmq()).url, JWT_SECRET: SECRET, HOST: '127.0.0.1' },
      ...{ CHAT_NAMESPACE: uniqueNamespace(), COMMAND_PARTITIONS: '2', LOG_FORMAT: 'json' },
    };
  });
  after(async () => {
    for (const holder of held) holder.close();
    await Promise.all(children.filter(({ running }) => running).map((child) => child.stop()));
    await server?.stop();
  });

  async function start(roles: string[], more: Record<string, string> = {}): Promise<TestProcess> {
    const child = await startProcess({ args: roles, env: { ...env, ...more } });
    children.push(child);
    return child;
  }

  /** A server that is not PostgreSQL; decides by number how to treat each connection. */
  async function stranger(port: number, fate: (call: number) => 'hung up on' | 'left waiting' | 'put through') {
    const calls = { count: 0 };
    const holder = createServer((socket) => {
      calls.count += 1;
      socket.on('error', () => undefined);
      const becomes = fate(calls.count);
      if (becomes === 'hung up on') socket.destroy();
      if (becomes !== 'put through') return;
      const real = dial(server.port, '127.0.0.1');
      real.on('error', () => undefined);
      socket.pipe(real).pipe(socket);
    });
    held.push(holder);
    await new Promise<void>((resolve) => holder.listen(port, '127.0.0.1', resolve));
    return { calls, port: (holder.address() as { port: number }).port, close: () => holder.close() };
  }

  it('runs, reports the missing service, logs the wait once, and starts working when both are available', async () => {
    const { calls, close } = await stranger(server.port, () => 'hung up on');
    const wire = new Wire(await freePort(), env.AMQP_URL ?? '');
    const early = await start(['worker', 'api'], { AMQP_URL: wire.url });
    await eventually(() => calls.count >= TRIES, { within, what: 'more than one try' });
    expect((await fetch(`${early.opsUrl}/livez`)).status).to.equal(200);
    const without = await readiness(early);
    expect(without.status).to.equal(503);
    expect(without.dependencies.database)
      .to.deep.include({ ok: false })
      .and.have.property('detail')
      .that.match(/^away: /);
    expect(without.dependencies.broker).to.deep.equal({ ok: false, detail: 'not sought yet' });

    close();
    server = await startPostgres({ folder, settings, port: server.port });
    const withDatabase = await eventually(
      async () => {
        const { status, dependencies } = await readiness(early);
        return dependencies.database?.ok && dependencies.broker?.detail.includes('ECONNREFUSED')
          ? { status, broker: dependencies.broker.ok }
          : null;
      },
      { within, what: 'the database is there, the broker is not' },
    );
    expect(withDatabase).to.deep.equal({ status: 503, broker: false });

    await wire.join();
    await early.ready();
    const client = new Client(`http://127.0.0.1:${early.env.PORT}`);
    const chatId = await client.group();
    expect(await client.say(chatId, 'hello')).to.include({ status: 'accepted', sequence: 2 });
    expect(said(early, 'no database: waiting for it')).to.have.length(1);
    expect(said(early, 'the database is there: going on')).to.have.length(1);
    expect(said(early, 'broker unreachable; retrying')).to.have.length(1);
    // To consume, and to publish; the one for receipts to producers is opened with the first of them.
    expect(said(early, 'connected to the broker')).to.have.length(2);
    expect(await early.stop()).to.deep.equal({ code: 0, signal: null });
    await wire.cut();
  });

  it('continues if the database fails during its first queries and returns', async () => {
    const cutShort = ['to_regclass', 'INSERT INTO policies'];
    let cuts = 0;
    const holder = createServer((socket) => {
      const real = dial(server.port, '127.0.0.1');
      for (const [one, other] of [[socket, real] as const, [real, socket] as const]) {
        one.on('error', () => undefined);
        one.on('close', () => other.destroy());
      }
      socket.on('data', (bytes) => {
        if (cutShort[cuts] === undefined || !bytes.includes(cutShort[cuts] as string)) return void real.write(bytes);
        cuts += 1;
        socket.destroy();
      });
      real.pipe(socket);
    });
    held.push(holder);
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const url = new URL(server.url);
    url.port = String((holder.address() as { port: number }).port);
    const patient = await start(['worker'], { DATABASE_URL: url.href });
    await patient.ready();
    expect(cuts).to.equal(cutShort.length);
    expect(await patient.stop()).to.deep.equal({ code: 0, signal: null });
  });

  it('keeps waiting for a database that is available only briefly', async () => {
    const { calls, port } = await stranger(0, (call) => (call === 1 || call > TRIES ? 'put through' : 'hung up on'));
    const url = new URL(server.url);
    url.port = String(port);
    const patient = await start(['worker'], { DATABASE_URL: url.href });
    await patient.ready();
    expect(calls.count).to.be.above(TRIES);
    expect(said(patient, 'no database: waiting for it')).to.have.length(1);
    expect(await patient.stop()).to.deep.equal({ code: 0, signal: null });
  });

  it('exits with 0 on SIGTERM while it waits for a server that refuses, is silent or has no DNS name', async () => {
    const silent = await stranger(0, () => 'left waiting');
    const url = (address: string) => `postgresql://parley:hunter2@${address}/parley`;
    const waits: [address: string, why: RegExp][] = [
      ['127.0.0.1:1', /^connect ECONNREFUSED 127\.0\.0\.1:1$/],
      [`127.0.0.1:${silent.port}`, /timeout expired$/],
      ['postgres.invalid', /^the host's name is not known, or not yet: .*postgres\.invalid$/],
    ];
    await Promise.all(
      waits.map(async ([address, why]) => {
        const waiting = await start(['worker'], { DATABASE_URL: url(address) });
        await waiting.line(/no database: waiting for it/);
        expect(said(waiting, 'no database: waiting for it')[0]?.why).to.match(why);
        const stoppedAt = Date.now();
        expect(await waiting.stop(), address).to.deep.equal({ code: 0, signal: null });
        expect(Date.now() - stoppedAt, address).to.be.below(STOP_WITHIN_MS);
        expect(waiting.stdout, address).to.deep.equal([]);
        expect(waiting.output, address).to.not.match(/"level":"error"|hunter2/);
      }),
    );
  });
});
