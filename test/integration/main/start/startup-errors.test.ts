import { createServer, type Server } from 'node:net';
import amqp from 'amqplib';
import { expect } from 'chai';
import { freePort } from '../../../../src/infrastructure/free-port.js';
import { eventually } from '../../../support/eventually.js';
import { startProcess, type TestProcess } from '../../../support/fleet/processes.js';
import {
  emptyDatabase,
  freshDatabase,
  rabbitmq,
  scratchFolder,
  uniqueNamespace,
} from '../../../support/services/services.js';
import { cli } from '../cli/run-cli.js';

const SECRET = 'a secret of thirty-two characters or more';
const AWAY = '127.0.0.1:1';

/** Lines for people; everything else on stderr is a JSON log. */
const forPeople = (stderr: string[]) => stderr.filter((line) => !line.startsWith('{'));

describe('a worker or an api that cannot start', function () {
  this.timeout(60_000);
  let databaseUrl: string;
  let amqpUrl: string;
  let env: Record<string, string>;

  before(async () => {
    [databaseUrl, { url: amqpUrl }] = await Promise.all([freshDatabase(), rabbitmq()]);
    env = {
      ...{ DATABASE_URL: databaseUrl, AMQP_URL: amqpUrl, JWT_SECRET: SECRET, HOST: '127.0.0.1' },
      ...{ CHAT_NAMESPACE: uniqueNamespace(), COMMAND_PARTITIONS: '2' },
    };
  });

  /** One line for people, exit 1, no stack trace and no password anywhere. */
  async function refusal(args: string[], given: Record<string, string>): Promise<string> {
    const { code, stdout, stderr } = await cli(args, given);
    expect({ code, stdout }, stderr.join('\n')).to.deep.equal({ code: 1, stdout: [] });
    expect(stderr.filter((line) => /"level":"error"|^\s+at /.test(line))).to.deep.equal([]);
    expect(stderr.join('\n')).to.not.include('hunter2');
    const lines = forPeople(stderr);
    expect(lines, stderr.join('\n')).to.have.length(1);
    return lines[0] ?? '';
  }

  it('reports every missing variable, one line each', async () => {
    const [worker, api, proof] = await Promise.all([
      cli(['worker']),
      cli(['api', 'worker']),
      cli(['worker'], { COMMAND_AUTH: 'jwt', DATABASE_URL: databaseUrl }),
    ]);
    const urls = ['parley: DATABASE_URL is required', 'parley: AMQP_URL is required'];
    const key = 'parley: JWT_SECRET or JWT_JWKS_URL is required';
    expect(worker).to.deep.equal({ code: 1, stdout: [], stderr: urls });
    expect(api).to.deep.equal({ code: 1, stdout: [], stderr: [...urls, key] });
    expect(proof).to.deep.equal({ code: 1, stdout: [], stderr: [urls[1], key] });
  });

  it('reports a refused login, an unknown database, or missing migrations', async () => {
    const stranger = new URL(databaseUrl);
    stranger.password = 'hunter2';
    const nowhere = new URL(databaseUrl);
    nowhere.pathname = '/nowhere';
    const [refused, missing, empty] = await Promise.all([
      refusal(['worker'], { ...env, DATABASE_URL: stranger.href }),
      refusal(['worker', 'api'], { ...env, DATABASE_URL: nowhere.href }),
      emptyDatabase().then((url) => refusal(['api'], { ...env, DATABASE_URL: url })),
    ]);
    expect(refused).to.match(/^parley: the database cannot be used: password authentication failed for user/);
    expect(missing).to.equal('parley: the database cannot be used: database "nowhere" does not exist');
    expect(empty).to.match(/^parley: the database is not migrated .*run `parley migrate`$/);
  });

  it('waits for an unavailable database only as a service: dev and new-store-id report it and end', async () => {
    const away = { ...env, DATABASE_URL: `postgresql://parley:hunter2@${AWAY}/parley` };
    const [dev, newStoreId] = await Promise.all([
      refusal(['dev'], { ...away, DATA_DIR: scratchFolder('data') }),
      refusal(['new-store-id'], away),
    ]);
    expect(dev).to.equal('parley: the database could not be migrated: connect ECONNREFUSED 127.0.0.1:1');
    expect(newStoreId).to.match(/^parley: the database is not available \(.*127\.0\.0\.1:1/);
  });

  it('waits for an unavailable broker only as a service: dev names AMQP_URL and ends', async () => {
    const away = { ...env, AMQP_URL: `amqp://parley:hunter2@${AWAY}`, DATA_DIR: scratchFolder('data') };
    const line = await refusal(['dev'], { ...away, DATABASE_URL: await freshDatabase() });
    expect(line).to.equal(
      'parley: no broker at AMQP_URL within 5000 ms: connect ECONNREFUSED 127.0.0.1:1; without AMQP_URL, dev starts its own',
    );
  });

  it('reports a refused login of the broker', async () => {
    const stranger = new URL(amqpUrl);
    stranger.username = 'parley';
    stranger.password = 'hunter2';
    const line = await refusal(['worker'], { ...env, DATABASE_URL: await freshDatabase(), AMQP_URL: stranger.href });
    expect(line).to.match(/^parley: the broker refuses the login: .*ACCESS_REFUSED/);
  });

  it('reports the use of a busy port', async () => {
    const ports = await Promise.all([freePort(), freePort()]);
    const holders = await Promise.all(ports.map(hold));
    try {
      const [ops, rest] = await Promise.all([
        refusal(['worker'], { ...env, OPS_PORT: String(ports[0]) }),
        refusal(['api'], { ...env, PORT: String(ports[1]) }),
      ]);
      expect(ops).to.equal(`parley: cannot listen on 127.0.0.1:${ports[0]}: the port is in use`);
      expect(rest).to.equal(`parley: cannot listen on 127.0.0.1:${ports[1]}: the port is in use`);
    } finally {
      for (const holder of holders) holder.close();
    }
  });

  it('reports the object and argument in which the broker differs, and declares nothing', async () => {
    const namespace = uniqueNamespace();
    const connection = await amqp.connect(amqpUrl);
    const channel = await connection.createChannel();
    await channel.assertQueue(`${namespace}.dead-letters`, { durable: true, arguments: { 'x-queue-type': 'classic' } });
    await connection.close();
    const given = { ...env, DATABASE_URL: await freshDatabase(), CHAT_NAMESPACE: namespace };
    expect(await refusal(['worker'], given)).to.include(`queue ${namespace}.dead-letters: x-queue-type should be`);
  });

  it('stops before it declares anything if the database has another number of partitions', async () => {
    const given = { ...env, DATABASE_URL: await freshDatabase(), CHAT_NAMESPACE: uniqueNamespace() };
    const first = await startProcess({ args: ['worker'], env: given });
    await first.ready();
    await first.stop();
    expect(await refusal(['worker'], { ...given, COMMAND_PARTITIONS: '3' })).to.equal(
      'parley: COMMAND_PARTITIONS is 3, but this database was first started with 2',
    );
  });

  it('is alive but unready without the broker, reports it, and still stops at once', async () => {
    const given = { ...env, DATABASE_URL: await freshDatabase(), AMQP_URL: `amqp://parley:hunter2@${AWAY}` };
    const waiting = await startProcess({ args: ['worker', 'api'], env: given });
    const { status, dependencies } = await readiness(waiting);
    expect(status).to.equal(503);
    expect(dependencies.database).to.include({ ok: true });
    for (const name of ['broker', 'worker', 'rest']) expect(dependencies[name], name).to.include({ ok: false });
    expect((await fetch(`${waiting.opsUrl}/livez`)).status).to.equal(200);
    const stoppedAt = Date.now();
    expect(await waiting.stop()).to.deep.equal({ code: 0, signal: null });
    expect(Date.now() - stoppedAt).to.be.below(6_000);
    expect(waiting.output).to.not.include('hunter2');
  });
});

/** Once the database has been asked. */
function readiness(child: TestProcess) {
  return eventually(
    async () => {
      const response = await fetch(`${child.opsUrl}/readyz`);
      const body = (await response.json()) as { dependencies: Record<string, { ok: boolean }> };
      return body.dependencies.database?.ok ? { status: response.status, dependencies: body.dependencies } : undefined;
    },
    { within: 20_000, what: 'a database that answers' },
  );
}

function hold(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(port, '127.0.0.1', () => resolve(server));
  });
}
