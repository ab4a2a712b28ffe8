import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import amqp from 'amqplib';
import { expect } from 'chai';
import pg from 'pg';
import { openApiDocument } from '../../../../src/adapters/apis/http/docs/openapi.js';
import { JwtTokenVerifier } from '../../../../src/adapters/auth/jwt-token-verifier.js';
import { asyncApiDocument } from '../../../../src/contract/asyncapi/document.js';
import { topology } from '../../../../src/contract/messages/topology.js';
import { JwtVerifier } from '../../../../src/infrastructure/jwt.js';
import {
  emptyDatabase,
  freshDatabase,
  projectFolder,
  rabbitmq,
  scratchFolder,
  uniqueNamespace,
} from '../../../support/services/services.js';
import { type CliEnd, cli } from './run-cli.js';

/** For a dozen calls, each of which starts a process. */
const CLI_CALLS_TIMEOUT_MS = 240_000;
const SECRET = 'a secret of thirty-two characters or more';
const NOBODY_THERE = 'postgresql://parley:hunter2@127.0.0.1:1/parley';

/** Refused: nothing on stdout, and these lines, complete, on stderr. */
function expectRefused(end: CliEnd, ...lines: (string | RegExp)[]): void {
  expect(end.code).to.be.oneOf([1, 2]);
  expect(end.stdout).to.deep.equal([]);
  expect(end.stderr, end.stderr.join('\n')).to.have.length(lines.length);
  lines.forEach((line, index) => {
    if (typeof line === 'string') expect(end.stderr[index]).to.equal(`parley: ${line}`);
    else
      expect(end.stderr[index])
        .to.match(line)
        .and.to.match(/^parley: /);
  });
  expect(end.stderr.join('\n')).to.not.include('hunter2');
}

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('the command line', function () {
  this.timeout(60_000);

  it('lists its commands with --help', async () => {
    const { code, stdout } = await cli(['--help']);
    expect(code).to.equal(0);
    const commands = [
      'dev',
      'worker',
      'api',
      'migrate',
      'topology',
      'contract',
      'token',
      'direct-id',
      'check-config',
      'new-store-id',
      'dead-letters',
      'replay',
      'verify',
    ];
    for (const command of commands) expect(stdout.join('\n')).to.match(new RegExp(`^  ${command}\\b`, 'm'));
    const [topologyHelp, tokenHelp, contractHelp] = await Promise.all(
      ['topology', 'token', 'contract'].map((command) => cli([command, '--help'])),
    );
    expect(topologyHelp?.stdout.join('\n')).to.include('--format').and.to.include('--declare');
    expect(tokenHelp?.stdout.join('\n')).to.include('--actor').and.to.include('--tenant').and.to.include('--ttl');
    for (const option of ['--asyncapi', '--openapi', '--reference', '--out'])
      expect(contractHelp?.stdout.join('\n')).to.include(option);
  });

  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as { version: string };
    expect(await cli(['--version'])).to.deep.equal({ code: 0, stdout: [version], stderr: [] });
  });

  it('lists the needed variables in the help of each command', async () => {
    const commandsOf = async (path: string[]): Promise<string[][]> => {
      const { stdout } = await cli([...path, '--help']);
      const names = stdout
        .slice(stdout.indexOf('Commands:') + 1)
        .flatMap((line) => /^ {2}([a-z][a-z-]*)\b/.exec(line)?.[1] ?? [])
        .filter((name) => name !== 'help');
      if (!stdout.includes('Commands:')) {
        expect(stdout.at(-1), path.join(' ')).to.match(/^Needs: /);
        return [path];
      }
      return (await Promise.all(names.map((name) => commandsOf([...path, name])))).flat();
    };
    expect(await commandsOf([])).to.have.length.at.least(20);
  });

  it('ends quietly if its output is closed', async () => {
    const cliFile = join(projectFolder, 'dist/src/main/cli.js');
    const shell = `set -o pipefail; "${process.execPath}" "${cliFile}" contract --asyncapi | head -1`;
    const { status, stdout, stderr } = spawnSync('bash', ['-c', shell], { encoding: 'utf8' });
    expect({ status, stdout, stderr }).to.deep.equal({ status: 141, stdout: '{\n', stderr: '' });
  });

  it('refuses unknown arguments in one line', async () => {
    const [command, role, flag, format, missing] = await Promise.all([
      cli(['wroker']),
      cli(['worker', 'foo']),
      cli(['dev', '--fast']),
      cli(['topology', '--format=xml']),
      cli(['token']),
    ]);
    expectRefused(command, "unknown command 'wroker' (Did you mean worker?)");
    expectRefused(role, 'unknown role foo; the roles are worker, api, gateway, grpc, relay, indexer');
    expectRefused(flag, "unknown option '--fast'");
    expectRefused(format, /argument 'xml' is invalid\. Allowed choices are definitions, table\.$/);
    expectRefused(missing, "required option '--actor <id>' not specified");
  });

  it('computes the id of a direct chat, for both orders of the users', async () => {
    const ends = await Promise.all([
      cli(['direct-id', '--actor', 'alice', '--with', 'bob']),
      cli(['direct-id', '--actor', 'bob', '--with', 'alice', '--tenant', 'default']),
    ]);
    for (const { code, stdout } of ends) {
      expect(code).to.equal(0);
      expect(stdout).to.deep.equal(['d86a83b1-706f-5a3f-a04f-36b63ad13861']);
    }
    expectRefused(await cli(['direct-id', '--actor', 'a b', '--with', 'bob']), /--actor.*must be a user id/);
  });

  it('signs tokens that the API accepts, with the requested lifetime', async () => {
    const env = { JWT_SECRET: SECRET, JWT_ISSUER: 'https://issuer.example', JWT_AUDIENCE: 'parley' };
    const { code, stdout } = await cli(['token', '--actor', 'alice', '--tenant', 'acme', '--ttl', '60'], env);
    expect(code).to.equal(0);
    const keys = { secret: SECRET };
    const verifier = new JwtVerifier({ keys, issuer: env.JWT_ISSUER, audience: env.JWT_AUDIENCE });
    const result = await verifier.verify(stdout[0] ?? '', { graceSeconds: 0 });
    if (!result.ok) throw new Error(result.reason);
    expect(result.claims).to.include({ sub: 'alice', tenant: 'acme' });
    expect((result.claims.exp ?? 0) - (result.claims.iat ?? 0)).to.equal(60);
    const named = { JWT_USER_CLAIM: 'oid', JWT_TENANT_CLAIM: 'tid' };
    const other = await cli(['token', '--actor', 'alice', '--tenant', 'acme'], { ...env, ...named });
    const tokenVerifier = new JwtTokenVerifier(verifier, { user: 'oid', tenant: 'tid' });
    expect(await tokenVerifier.verify(other.stdout[0] ?? '', { graceSeconds: 0 })).to.deep.include({
      ok: true,
      actor: { tenantId: 'acme', userId: 'alice' },
    });
    expectRefused(
      await cli(['token', '--actor', 'alice'], { ...env, JWT_USER_CLAIM: 'a b' }),
      /JWT_USER_CLAIM "a b" must be/,
    );
  });

  it('signs with the secret of the data folder by default, and reports a missing one', async () => {
    const folder = scratchFolder('data');
    writeFileSync(join(folder, 'jwt-secret'), `${SECRET}\n`);
    const { stdout } = await cli(['token', '--actor', 'alice'], { DATA_DIR: folder });
    expect(await new JwtVerifier({ keys: { secret: SECRET } }).verify(stdout[0] ?? '', { graceSeconds: 0 })).to.include(
      { ok: true },
    );
    const [none, elsewhere, ttl] = await Promise.all([
      cli(['token', '--actor', 'alice']),
      cli(['token', '--actor', 'alice'], { JWT_JWKS_URL: 'https://issuer.example/keys' }),
      cli(['token', '--actor', 'alice', '--ttl', '0']),
    ]);
    expectRefused(none, /^parley: JWT_SECRET is required/);
    expectRefused(elsewhere, /^parley: JWT_JWKS_URL is set/);
    expectRefused(ttl, /--ttl.*whole number of seconds/);
  });

  it('prints value and source of each variable, without secrets', async () => {
    const cwd = scratchFolder('config');
    writeFileSync(join(cwd, '.env'), `JWT_SECRET=${SECRET}\nPORT=1234\n`);
    const { code, stdout, stderr } = await cli(['check-config'], { DATABASE_URL: NOBODY_THERE, PORT: '4321' }, cwd);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: [] });
    const words = new Map(stdout.map((line) => [line.split(' ')[0], line.split(/ {2,}/)]));
    expect(words.get('DATABASE_URL')?.slice(1, 3)).to.deep.equal([
      'postgresql://parley:***@127.0.0.1:1/parley',
      'environment',
    ]);
    expect(words.get('JWT_SECRET')?.slice(1, 3)).to.deep.equal(['(hidden)', '.env']);
    expect(words.get('PORT')?.slice(1, 3)).to.deep.equal(['4321', 'environment']);
    expect(words.get('CHAT_NAMESPACE')?.slice(1, 3)).to.deep.equal(['chat', 'default']);
    expect(words.get('AMQP_URL')?.slice(1, 3)).to.deep.equal(['-', 'unset']);
    expect(stdout.join('\n')).to.not.include('hunter2').and.to.not.include(SECRET);
  });

  it('prints one line for each fault of the configuration, and exits with 1', async () => {
    const env = {
      COMMAND_PARTITIONS: 'many',
      LOG_LEVEL: 'loud',
      JWT_SECRET: SECRET,
      JWT_JWKS_URL: 'https://k.example',
    };
    const faults = [
      'parley: COMMAND_PARTITIONS "many" must be a whole number from 1 to 1024',
      'parley: LOG_LEVEL "loud" must be error or warn or info or debug',
      'parley: JWT_SECRET and JWT_JWKS_URL exclude each other',
    ];
    const [all, forWorker] = await Promise.all([cli(['check-config'], env), cli(['check-config', 'worker'], env)]);
    expect(all).to.deep.include({ code: 1, stderr: faults });
    const lacks = ['parley: DATABASE_URL is required', 'parley: AMQP_URL is required'];
    expect(forWorker.stderr).to.have.members([...faults, ...lacks]);
  });

  it("refuses dispatch queues with names of Parley's own queues", async () => {
    const { code, stderr } = await cli(['check-config'], {
      CHAT_NAMESPACE: 'im',
      DISPATCH_QUEUES: 'im.commands.p0=#;ok=#',
    });
    expect(code).to.equal(1);
    expect(stderr).to.deep.equal(["parley: DISPATCH_QUEUES names im.commands.p0, which is one of Parley's own queues"]);
  });

  it('applies migrations once, and generates a new store id', async () => {
    const env = { DATABASE_URL: await emptyDatabase() };
    expectRefused(await cli(['new-store-id'], env), /the database is not migrated .*parley migrate/);
    const first = await cli(['migrate'], env);
    expect(first).to.deep.include({ code: 0, stderr: [] });
    expect(first.stdout.join('\n')).to.match(/^applied \d+_init/);
    expect(await cli(['migrate'], env)).to.deep.equal({ code: 0, stdout: ['nothing to apply'], stderr: [] });
    const ids = [await cli(['new-store-id'], env), await cli(['new-store-id'], env)].map(({ stdout }) => stdout[0]);
    expect(ids[0]).to.match(/^[0-9a-f-]{36}$/);
    expect(ids[1])
      .to.match(/^[0-9a-f-]{36}$/)
      .and.to.not.equal(ids[0]);
  });

  it('reports in one line why it cannot migrate', async () => {
    const foreign = await emptyDatabase();
    const client = new pg.Client({ connectionString: foreign });
    await client.connect();
    await client.query('CREATE TABLE invoices ()');
    await client.end();
    const stranger = new URL(foreign);
    stranger.password = 'hunter2';
    const [unset, away, occupied, refused] = await Promise.all([
      cli(['migrate']),
      cli(['migrate'], { DATABASE_URL: NOBODY_THERE }),
      cli(['migrate'], { DATABASE_URL: foreign }),
      cli(['migrate'], { DATABASE_URL: stranger.href }),
    ]);
    expectRefused(unset, 'DATABASE_URL is required');
    expectRefused(away, /could not be migrated: connect ECONNREFUSED 127\.0\.0\.1:1$/);
    expectRefused(occupied, /could not be migrated: the database is not empty \(it has a table invoices\)/);
    expectRefused(refused, /could not be migrated: password authentication failed/);
  });

  it("prints the contract's documents, or writes them to a file", async () => {
    const env = { CHAT_NAMESPACE: 'talk', COMMAND_PARTITIONS: '2', DISPATCH_QUEUES: 'push=message.#' };
    const settings = {
      ...{ namespace: 'talk', partitions: 2, dispatchMaxBytes: 1024 ** 3 },
      dispatchQueues: [{ name: 'push', bindings: ['message.#'] }],
    };
    const folder = scratchFolder('contract');
    const [asyncApi, openApi] = await Promise.all([
      cli(['contract', '--asyncapi'], env),
      cli(['contract', '--openapi', '--out', 'openapi.json'], {}, folder),
    ]);
    expect(asyncApi).to.deep.include({ code: 0, stderr: [] });
    expect(JSON.parse(asyncApi.stdout.join('\n'))).to.deep.equal(json(asyncApiDocument(settings)));
    expect(openApi).to.deep.equal({ code: 0, stdout: [], stderr: [] });
    expect(JSON.parse(readFileSync(join(folder, 'openapi.json'), 'utf8'))).to.deep.equal(json(openApiDocument()));
    const [none, both, unwritable] = await Promise.all([
      cli(['contract']),
      cli(['contract', '--asyncapi', '--openapi']),
      cli(['contract', '--openapi', '--out', 'no/such/folder.json']),
    ]);
    expectRefused(none, 'name one document: --asyncapi, --openapi, --reference or --proto');
    expectRefused(both, 'name one document: --asyncapi, --openapi, --reference or --proto');
    expectRefused(unwritable, /no\/such\/folder\.json cannot be written: ENOENT/);
  });

  it('prints the topology as a table and as definitions, and declares it', async () => {
    const { url } = await rabbitmq();
    const namespace = uniqueNamespace();
    const database = await freshDatabase();
    const env = { CHAT_NAMESPACE: namespace, COMMAND_PARTITIONS: '2', AMQP_URL: url, DATABASE_URL: database };
    const [table, definitions] = await Promise.all([
      cli(['topology', '--declare'], env),
      cli(['topology', '--format=definitions'], env),
    ]);
    expect(table).to.deep.include({ code: 0, stderr: [] });
    const dispatchQueues = [{ name: `${namespace}.dispatch`, bindings: ['#'] }];
    const expected = topology({ namespace, partitions: 2, dispatchQueues, dispatchMaxBytes: 1024 ** 3 });
    const parsed = JSON.parse(definitions.stdout.join('\n')) as Record<string, { name: string; arguments: object }[]>;
    const nameAndArguments = ({ name, arguments: args }: { name: string; arguments: object }) => ({ name, args });
    expect(parsed.queues?.map(nameAndArguments)).to.deep.equal(expected.queues.map(nameAndArguments));
    expect(parsed.exchanges?.map(({ name }) => name)).to.deep.equal(expected.exchanges.map(({ name }) => name));
    expect(parsed.bindings).to.have.length(expected.bindings.length);
    const connection = await amqp.connect(url);
    try {
      const channel = await connection.createChannel();
      for (const { name } of expected.queues) {
        expect(table.stdout.join('\n')).to.include(name);
        expect((await channel.checkQueue(name)).queue).to.equal(name);
      }
    } finally {
      await connection.close();
    }
    const [unset, storeless, away, both, other] = await Promise.all([
      cli(['topology', '--declare'], { DATABASE_URL: database }),
      cli(['topology', '--declare'], { AMQP_URL: url }),
      cli(['topology', '--declare'], { ...env, AMQP_URL: 'amqp://parley:hunter2@127.0.0.1:1' }),
      cli(['topology', '--declare', '--check'], env),
      cli(['topology', '--declare'], { ...env, DISPATCH_MAX_BYTES: '1MiB' }),
    ]);
    expectRefused(unset, 'AMQP_URL is required');
    expectRefused(storeless, 'DATABASE_URL is required');
    expectRefused(both, '--declare and --check exclude each other');
    expectRefused(away, /no broker within 5000 ms: connect ECONNREFUSED/);
    expectRefused(
      other,
      new RegExp(
        `queue ${namespace}\\.dispatch: x-max-length-bytes should be .*DISPATCH_MAX_BYTES=1073741824B leaves it`,
      ),
    );
  });

  it('assigns a namespace to another store only with a confirmation and without consumers, and keeps its queues', async function () {
    this.timeout(CLI_CALLS_TIMEOUT_MS);
    const { url } = await rabbitmq();
    const namespace = uniqueNamespace();
    const shared = { CHAT_NAMESPACE: namespace, COMMAND_PARTITIONS: '1', AMQP_URL: url };
    const [one, two] = (await Promise.all([freshDatabase(), freshDatabase()])).map((database) => ({
      ...shared,
      DATABASE_URL: database,
    }));
    if (one === undefined || two === undefined) throw new Error('two were asked for');
    await withNewStoreId(two.DATABASE_URL);
    expect((await cli(['topology', '--declare'], one)).code).to.equal(0);
    const connection = await amqp.connect(url);
    try {
      const channel = await connection.createConfirmChannel();
      const queue = `${namespace}.commands.p0`;
      channel.sendToQueue(queue, Buffer.from('{}'), { persistent: true });
      await channel.waitForConfirms();
      expectRefused(await cli(['topology', '--declare'], two), /belongs to store .* run: parley topology --adopt$/);
      const worker = await cli(['worker'], { ...two, OPS_PORT: '0' });
      expect(worker.code).to.equal(1);
      expect(worker.stderr.at(-1)).to.match(/^parley: .* belongs to store .*parley topology --adopt$/);
      expectRefused(await cli(['topology', '--adopt'], two), / 1 wait, .* not_found\. To confirm, add --yes$/);
      await channel.prefetch(1);
      const { consumerTag } = await channel.consume(queue, () => undefined);
      expectRefused(await cli(['topology', '--adopt', '--yes'], two), /workers consume 1 of its command queues/);
      await channel.cancel(consumerTag);
      await channel.recover();
      const adopted = await cli(['topology', '--adopt', '--yes'], two);
      expect(adopted).to.deep.include({ code: 0, stderr: [] });
      expect(adopted.stdout.join()).to.match(/^moved namespace .*; 1 commands wait$/);
      expect((await cli(['topology', '--adopt'], two)).stdout.join()).to.match(/which is this database$/);
      expectRefused(await cli(['topology', '--declare'], one), /parley topology --adopt$/);
      expect((await cli(['topology', '--declare'], two)).code).to.equal(0);
      expect((await channel.checkQueue(queue)).messageCount).to.equal(1);
    } finally {
      await connection.close();
    }
  });

  it('writes a new store id to the broker too, if it owns the namespace and there are no consumers; else prints the remaining steps', async function () {
    this.timeout(CLI_CALLS_TIMEOUT_MS);
    const { url } = await rabbitmq();
    const namespace = uniqueNamespace();
    const env = { CHAT_NAMESPACE: namespace, COMMAND_PARTITIONS: '1', DATABASE_URL: await freshDatabase() };
    const withBroker = { ...env, AMQP_URL: url };
    expect((await cli(['topology', '--declare'], withBroker)).code).to.equal(0);
    const told = await cli(['new-store-id'], withBroker);
    expect(told).to.deep.include({
      code: 0,
      stderr: [`parley: namespace ${namespace} at the broker has the new id too`],
    });
    expect((await cli(['topology', '--declare'], withBroker)).code).to.equal(0);
    const untold = await cli(['new-store-id'], env);
    expect(untold.code).to.equal(0);
    expect(untold.stderr.join()).to.match(/^parley: AMQP_URL is not set\. .* run: parley topology --adopt --yes$/);
    expectRefused(await cli(['topology', '--declare'], withBroker), /parley topology --adopt$/);
    const away = await cli(['new-store-id'], { ...env, AMQP_URL: 'amqp://127.0.0.1:1' });
    expect(away.code).to.equal(0);
    expect(away.stderr.join()).to.match(
      /^parley: the broker does not have the new id .* run: parley topology --adopt --yes$/,
    );
    const others = await cli(['new-store-id'], withBroker);
    expect(others.code).to.equal(0);
    expect(others.stderr.join()).to.match(/belongs to store .* and was not changed/);
    expect((await cli(['topology', '--adopt', '--yes'], withBroker)).code).to.equal(0);
    expect((await cli(['topology', '--declare'], withBroker)).code).to.equal(0);
  });
});

/** Test databases are copies of one, with its id. */
async function withNewStoreId(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('UPDATE store SET store_id = gen_random_uuid()');
  await client.end();
}
