/**
 * docs/access-rights.md names the least that each user needs at the broker and in the database. Here it is all they
 * get, and everything works.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { commandTypes } from '../../../src/contract/messages/commands.js';
import { migrate } from '../../../src/infrastructure/postgres/migrations.js';
import { LiveReader } from '../../conformance/transport/live-feed.js';
import { eventually } from '../../support/eventually.js';
import { playConversation } from '../../support/fleet/conversation.js';
import { makesKind } from '../../support/fleet/made-kind.js';
import { startProcess, type TestProcess } from '../../support/fleet/processes.js';
import { Producer } from '../../support/fleet/producer.js';
import {
  emptyDatabase,
  freshVhost,
  manage,
  migrationsFolder,
  projectFolder,
  rabbitmq,
  scratchFolder,
} from '../../support/services/services.js';
import { amqpTransport } from '../amqp/amqp-harness.js';
import { cli } from '../main/cli/run-cli.js';
import { prismaStore } from '../prisma/prisma-harness.js';

const TEST_TIMEOUT_MS = 120_000;
const PASSWORD = 'only-for-this-test';
const guide = readFileSync(join(projectFolder, 'docs', 'access-rights.md'), 'utf8');

/** `rabbitmqctl set_permissions <user> '<configure>' '<write>' '<read>'`, as the guide has it. */
function brokerPermissions(): Map<string, { configure: string; write: string; read: string }> {
  const lines = guide.matchAll(/^rabbitmqctl set_permissions (\S+) '(.*)' '(.*)' '(.*)'$/gm);
  return new Map(
    [...lines].map(([, user = '', configure = '', write = '', read = '']) => [user, { configure, write, read }]),
  );
}

/** The guide's statements, with roles and database of this test's own. */
function databaseStatements(suffix: string): string {
  const block = /```sql\n(CREATE ROLE[\s\S]*?)```/.exec(guide)?.[1] ?? expect.fail('no statements in the guide');
  return block.replace(/\bparley_(owner|worker|api)\b/g, `parley_$1_${suffix}`).replaceAll("'…'", `'${PASSWORD}'`);
}

describe('With the documented minimal rights', function () {
  this.timeout(TEST_TIMEOUT_MS);
  const cleanUps: (() => Promise<void>)[] = [];
  let amqpUrl = (_user: string): string => '';
  let worker: TestProcess;
  let api: TestProcess;
  let databaseUrl = '';

  before(async function () {
    if ((await rabbitmq()).node === undefined) this.skip(); // users can be made only at a node of our own
    const suffix = Math.random().toString(36).slice(2, 8);
    amqpUrl = await makeBrokerUsers(suffix);
    const urls = await makeDatabaseRoles(suffix);
    databaseUrl = urls.owner;
    const common = { CHAT_NAMESPACE: 'chat', COMMAND_PARTITIONS: '2', HOST: '127.0.0.1', LOG_FORMAT: 'json' };
    worker = await startProcess({
      args: ['worker'],
      env: { ...common, AMQP_URL: amqpUrl('parley'), DATABASE_URL: urls.worker },
    });
    await worker.ready();
    api = await startProcess({
      args: ['api'],
      env: { ...common, AMQP_URL: amqpUrl('parley'), DATABASE_URL: urls.api, JWT_SECRET: PASSWORD.repeat(3) },
    });
    await api.ready();
  });

  after(async () => {
    await Promise.all([worker?.stop(), api?.stop()]);
    for (const cleanUp of cleanUps) await cleanUp();
  });

  async function makeBrokerUsers(suffix: string): Promise<(user: string) => string> {
    const { url, remove } = await freshVhost();
    const { node } = await rabbitmq();
    const vhost = new URL(url).pathname.slice(1);
    if (node === undefined) throw new Error('a test needs users of its own, which TEST_AMQP_URL does not provide');
    const ask = (method: string, path: string, body?: object) => manage(node, method, path, body);
    const permissions = brokerPermissions();
    expect([...permissions.keys()]).to.have.members(['parley', 'gateway', 'dispatcher', 'operator']);
    for (const [user, rights] of permissions) {
      await ask('PUT', `users/${user}-${suffix}`, { password: PASSWORD, tags: '' });
      await ask('PUT', `permissions/${vhost}/${user}-${suffix}`, rights);
      cleanUps.push(async () => void (await ask('DELETE', `users/${user}-${suffix}`)));
    }
    cleanUps.push(remove);
    return (user) => {
      const own = new URL(url);
      own.username = `${user}-${suffix}`;
      own.password = PASSWORD;
      return own.href;
    };
  }

  async function makeDatabaseRoles(suffix: string): Promise<{ owner: string; worker: string; api: string }> {
    const url = new URL(await emptyDatabase());
    const as = (role: string) => {
      const own = new URL(url);
      own.username = `parley_${role}_${suffix}`;
      own.password = PASSWORD;
      return own.href;
    };
    const statements = databaseStatements(suffix).split(/^-- .*migrat.*$/m);
    expect(statements).to.have.length(2);
    const [first = '', second = ''] = statements;
    await execute(url.href, first.replaceAll('DATABASE parley', `DATABASE ${url.pathname.slice(1)}`));
    await migrate({ url: as('owner'), folder: migrationsFolder });
    await execute(as('owner'), second);
    return { owner: as('owner'), worker: as('worker'), api: as('api') };
  }

  async function execute(url: string, statements: string): Promise<void> {
    await rowsOf(url, statements);
  }

  /** Those of the last statement. */
  async function rowsOf<Row>(url: string, statements: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const result = (await client.query(statements)) as pg.QueryResult | pg.QueryResult[];
      return [result].flat().at(-1)?.rows as Row[];
    } finally {
      await client.end();
    }
  }

  function run(example: string, user: string): Promise<TestProcess> {
    const script = join(projectFolder, 'dist', 'examples', `${example}.js`);
    return startProcess({
      script,
      env: { AMQP_URL: amqpUrl(user), CHAT_NAMESPACE: 'chat' },
      cwd: scratchFolder('least'),
    });
  }

  it('a gateway publishes commands and gets receipts, and a dispatch consumer gets the events', async () => {
    const dispatcher = await run('dispatch-worker', 'dispatcher');
    await dispatcher.line(/^consuming/);
    const gateway = await run('producer', 'gateway');
    expect((await gateway.ended).code, gateway.output).to.equal(0);
    await dispatcher.line(/^message\.created .*\/2 /);
    expect((await dispatcher.stop()).code).to.equal(0);
  });

  it('a gateway cannot read events, and a dispatch consumer cannot publish commands', async () => {
    const reader = await run('dispatch-worker', 'gateway');
    await reader.line(/ACCESS.REFUSED/i);
    await reader.stop();
    const publisher = await run('producer', 'dispatcher');
    expect((await publisher.ended).code).to.not.equal(0);
    expect(publisher.output).to.match(/ACCESS.REFUSED/i);
  });

  it('a worker stores every command', async () => {
    const gateway = await Producer.connect(amqpUrl('gateway'), 'chat');
    await execute(databaseUrl, makesKind('console', 'service'));
    const { played } = await playConversation((command) => gateway.request(command), 'console');
    await gateway.close();
    expect(commandTypes.filter((type) => !played.includes(type))).to.deep.equal([]);
  });

  it("a reader of the live feed registers with REST's rights and gets copies as the workers' broker user", async () => {
    const store = prismaStore(api.env.DATABASE_URL ?? '');
    const { transport } = await amqpTransport({ url: amqpUrl('parley'), namespace: 'chat', state: null });
    await transport.start();
    const reader = new LiveReader();
    const subscription = await transport.live.subscribe(reader);
    const gateway = await Producer.connect(amqpUrl('gateway'), 'chat');
    try {
      const isCopied = async () => {
        await store.liveReaders.heartbeat('reader-1');
        await playConversation((command) => gateway.request(command));
        return reader.events.length > 0;
      };
      await eventually(isCopied, { within: 60_000, what: 'a copy' });
      await store.liveReaders.withdraw('reader-1');
    } finally {
      await gateway.close();
      await subscription.close();
      await transport.stop();
      await store.close();
    }
  });

  it('REST accepts commands and answers queries', async () => {
    const token = await startProcess({ args: ['token', '--actor', 'alice'], env: { JWT_SECRET: PASSWORD.repeat(3) } });
    await token.ended;
    const headers = { authorization: `Bearer ${token.stdout[0]}`, 'content-type': 'application/json' };
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(`http://127.0.0.1:${api.env.PORT}/v1/${path}`, { ...init, headers });
    const created = await ask('chats', { method: 'POST', body: JSON.stringify({ kind: 'group', memberIds: ['bob'] }) });
    expect(created.status, await created.clone().text()).to.equal(201);
    const { chatId, commandId } = (await created.json()) as { chatId: string; commandId: string };
    for (const path of [
      'chats',
      `chats/${chatId}`,
      `chats/${chatId}/members`,
      `chats/${chatId}/messages`,
      `chats/${chatId}/events`,
      `receipts/${commandId}`,
      'users/alice',
      'sync',
    ])
      expect((await ask(path)).status, path).to.equal(200);
    const { next } = (await (await ask('sync')).json()) as { next: string };
    expect((await ask(`sync?since=${next}`)).status).to.equal(200);
  });

  it("an operator lists, replays and drops dead letters, replays events, and verifies the store with REST's rights", async () => {
    const gateway = await Producer.connect(amqpUrl('gateway'), 'chat');
    for (const number of [1, 2])
      await gateway.publishRaw(Buffer.from('no JSON'), { routingKey: 'somewhere', messageId: `unread-${number}` });
    const { chatId } = await playConversation((command) => gateway.request(command));
    await gateway.close();
    const env = { AMQP_URL: amqpUrl('operator'), DATABASE_URL: api.env.DATABASE_URL ?? '', COMMAND_PARTITIONS: '2' };
    const letters = ['dead-letters'];
    const list = () => cli([...letters, 'list'], env);
    await eventually(async () => (await list()).stdout.includes('2 dead letters: malformed 2'), {
      within: 20_000,
      what: 'two dead letters',
    });
    const done = async (args: string[]) => {
      const { code, stdout, stderr } = await cli(args, env);
      expect(code, stderr.join('\n')).to.equal(0);
      return stdout.at(-1);
    };
    expect(await done([...letters, 'replay', '--id', 'unread-1'])).to.equal('replayed 1 of 2 dead letters');
    expect(await done([...letters, 'drop', '--all', '--yes'])).to.match(/^dropped [12] of /);
    await done(['replay', '--chat', chatId, '--queue', 'chat.dispatch']);
    expect(await done(['verify'])).to.equal('no faults');
  });

  it('a worker deletes events of rejected commands only with the function, which deletes nothing else', async () => {
    const { DATABASE_URL: asWorker = '' } = worker.env;
    const gateway = await Producer.connect(amqpUrl('gateway'), 'chat');
    const { chatId } = await playConversation((command) => gateway.request(command));
    for (const commandId of ['refused-1', 'refused-2'])
      await gateway.request({ type: 'message.send', commandId, actorId: 'alice', chatId, data: { body: '' } });
    await gateway.close();
    const count = async (what: string) => {
      const [row] = await rowsOf<{ count: number }>(databaseUrl, `SELECT count(*)::int4 AS count FROM ${what}`);
      return row?.count ?? 0;
    };
    await eventually(async () => (await count('partitions WHERE published_through < position')) === 0, {
      within: 20_000,
      what: 'all of it noted as published',
    });
    const others = await count("chat_events WHERE type <> 'command.rejected'");
    const rejected = await count("chat_events WHERE type = 'command.rejected'");
    expect(rejected).to.be.at.least(2);
    // Nothing counts as published by the caller's word.
    await execute(databaseUrl, 'UPDATE partitions SET published_through = 0');
    const prune = (partition: number) =>
      `SELECT pruned::int4 FROM prune_rejected_commands(${partition}, 'infinity', 100)`;
    const deceive = `CREATE TEMP TABLE partitions AS SELECT partition, position, position AS published_through, log_floor, log_pruned
      FROM public.partitions; CREATE TEMP TABLE chat_events (LIKE public.chat_events)`;
    for (const partition of [0, 1])
      expect(await rowsOf(asWorker, `${deceive}; ${prune(partition)}`), 'not published').to.deep.equal([]);
    expect(await count("chat_events WHERE type = 'command.rejected'")).to.equal(rejected);
    await execute(databaseUrl, 'UPDATE partitions SET published_through = position');
    const pruned = [0, 1].map(async (partition) => rowsOf<{ pruned: number }>(asWorker, prune(partition)));
    const total = (await Promise.all(pruned)).flat().reduce((sum, row) => sum + row.pruned, 0);
    expect(total).to.equal(rejected);
    expect(await count("chat_events WHERE type <> 'command.rejected'")).to.equal(others);
    await refused(asWorker, "DELETE FROM chat_events WHERE type = 'command.rejected'");
    await refused(api.env.DATABASE_URL ?? '', prune(0));
  });

  it('a worker empties tables of old receipts only with the function, and never the present one', async () => {
    const { DATABASE_URL: asWorker = '' } = worker.env;
    const stored = async () => {
      const count = 'SELECT count(*)::int4 AS count FROM receipts';
      return (await rowsOf<{ count: number }>(asWorker, count))[0]?.count ?? 0;
    };
    const before = await stored();
    expect(before).to.be.at.least(1);
    const begin = `SELECT begin_receipt_period('0') AS begun`;
    await eventually(async () => (await rowsOf<{ begun: boolean }>(asWorker, begin))[0]?.begun, {
      within: 20_000,
      what: 'a period has begun',
    });
    // Nothing counts as old by the caller's word.
    const deceive = `CREATE TEMP TABLE receipt_periods AS SELECT period, timestamptz 'epoch' AS began_at FROM public.receipt_periods`;
    await rowsOf(asWorker, `${deceive}; SELECT drop_receipts('72 hours')`);
    expect(await stored()).to.equal(before);
    const gateway = await Producer.connect(amqpUrl('gateway'), 'chat');
    await playConversation((command) => gateway.request(command));
    await gateway.close();
    const present = (await stored()) - before;
    expect(present).to.be.at.least(1);
    await rowsOf(asWorker, `SELECT drop_receipts('0')`);
    expect(await stored()).to.equal(present);
    for (const call of [begin, `SELECT drop_receipts('0')`]) await refused(api.env.DATABASE_URL ?? '', call);
  });

  it("the workers' broker user checks, declares and repairs the ring, with REST's rights in the database", async () => {
    const env = { AMQP_URL: amqpUrl('parley'), DATABASE_URL: api.env.DATABASE_URL ?? '', COMMAND_PARTITIONS: '2' };
    for (const act of ['--check', '--declare', '--repair', '--adopt']) {
      const { code, stderr } = await cli(['topology', act], env);
      expect({ act, code, stderr }).to.deep.equal({ act, code: 0, stderr: [] });
    }
    const renewed = await cli(['new-store-id'], { ...env, DATABASE_URL: databaseUrl });
    expect(renewed.stderr.join()).to.match(/namespace chat at the broker keeps the old id, because workers consume it/);
  });

  it('a user with these rights cannot start another store in the namespace, and can adopt it without consumers', async () => {
    await Promise.all([worker.stop(), api.stop()]);
    const env = { AMQP_URL: amqpUrl('parley'), DATABASE_URL: databaseUrl, COMMAND_PARTITIONS: '2' };
    expect((await cli(['topology', '--declare'], env)).code).to.equal(1);
    expect((await cli(['topology', '--adopt', '--yes'], env)).code).to.equal(0);
    expect((await cli(['topology', '--declare'], env)).code).to.equal(0);
  });

  it('only the owner of the tables changes their schema, and REST changes no chat', async () => {
    const { DATABASE_URL: asWorker = '' } = worker.env;
    const { DATABASE_URL: asApi = '' } = api.env;
    for (const url of [asWorker, asApi]) {
      await refused(url, 'DROP TABLE receipts');
      await refused(url, 'TRUNCATE receipts_0');
      await refused(url, 'DELETE FROM receipts');
      await refused(url, 'UPDATE receipts SET rest = rest');
      await refused(url, 'DELETE FROM receipt_periods');
      await refused(url, 'DELETE FROM chat_events');
      await refused(url, 'UPDATE chat_events SET actor_id = actor_id');
      await refused(url, 'UPDATE message_revisions SET body = body');
      await refused(url, 'DELETE FROM removed_messages');
      await refused(url, 'CREATE TABLE mine (id int)');
    }
    for (const table of ['chats', 'messages', 'message_revisions', 'members', 'reactions', 'receipts'])
      await refused(asApi, `DELETE FROM ${table}`);
    await execute(databaseUrl, 'ALTER TABLE receipts ADD COLUMN probe int; ALTER TABLE receipts DROP COLUMN probe');
  });

  async function refused(url: string, statement: string): Promise<void> {
    const error = await execute(url, statement).then(
      () => null,
      (failure: { code?: string }) => failure,
    );
    expect(error?.code, statement).to.equal('42501');
  }
});
