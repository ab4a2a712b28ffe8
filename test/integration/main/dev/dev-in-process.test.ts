import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { expect } from 'chai';
import { v4 } from 'uuid';
import { names } from '../../../../src/contract/messages/topology.js';
import { eventually } from '../../../support/eventually.js';
import type { TestProcess } from '../../../support/fleet/processes.js';
import { policyWithoutQuotas } from '../../../support/policies/policy-with.js';
import { freshDatabase, rabbitmq, uniqueNamespace } from '../../../support/services/services.js';
import {
  type Banner,
  bannerOf,
  DevFolder,
  expectNothingLeft,
  history,
  PAUSING_DEV,
  paste,
  pressTwice,
  query,
  say,
  unpublished,
  upWithinMs,
} from './dev-harness.js';

const START_TIMEOUT_MS = 120_000;
/** Messages of 1 KB each, into a dispatch queue of 32 KiB. */
const MORE_THAN_FITS = 60;

// As root where the tests run as root; its sibling is the one for an ordinary user.
describe('npm start without an installed RabbitMQ', () => {
  let folder: DevFolder;
  let dev: TestProcess;
  let banner: Banner;
  let tookMs: number;

  before(async function () {
    this.timeout(START_TIMEOUT_MS);
    folder = new DevFolder();
    const startedAt = Date.now();
    dev = await folder.start({ rabbitmq: false, script: PAUSING_DEV });
    banner = await bannerOf(dev);
    tookMs = Date.now() - startedAt;
  });

  after(() => dev?.kill());

  it('is up within 15 s and prints how to install RabbitMQ', () => {
    expect(tookMs).to.be.below(upWithinMs());
    expect(banner.text).to.match(/RabbitMQ +none: .*in-process transport/);
    expect(banner.text).to.include('apt-get install rabbitmq-server').and.to.include('AMQP_URL');
    expect(banner.text).to.match(/PostgreSQL +postgresql:\S+ +\(private, kept in /);
    expect(banner.text).to.include(`/docs`).and.to.include('/readyz').and.to.include('/metrics');
  });

  it('accepts a first message with its printed curl line', async () => {
    const { status, stdout, stderr } = paste(banner.curl);
    expect(status, stderr).to.equal(0);
    expect(JSON.parse(stdout)).to.include({ status: 'accepted', type: 'message.send', sequence: 2 });
    expect((await history(banner)).map(({ body }) => body)).to.deep.equal(['hello']);
  });

  it('serves REST from end to end', async () => {
    const call = async (method: string, path: string, body?: object) => {
      const response = await fetch(`${banner.base}/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${banner.token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    const chatId = v4();
    const created = await call('POST', '/chats', { chatId, kind: 'group', title: 'a group', memberIds: ['bob'] });
    expect(created.status, JSON.stringify(created.body)).to.equal(201);
    expect((await call('POST', `/chats/${chatId}/members`, { userIds: ['carol'] })).body).to.include({ sequence: 2 });
    expect((await call('POST', `/chats/${chatId}/messages`, { body: 'hi' })).body).to.include({ sequence: 3 });
    const events = (await call('GET', `/chats/${chatId}/events`)).body.items as { type: string }[];
    expect(events.map(({ type }) => type)).to.deep.equal(['chat.created', 'member.added', 'message.created']);
  });

  it('keeps everything in its data folder', () => {
    expect(readdirSync(folder.cwd)).to.deep.equal(['.data']);
    expect(readdirSync(folder.dataDir).sort()).to.deep.equal(['jwt-secret', 'lock', 'postgres']);
  });

  it('refuses a second start on the folder with one line that names the process', async () => {
    const second = await folder.start({ rabbitmq: false });
    expect(await second.ended).to.deep.equal({ code: 1, signal: null });
    expect(second.output).to.equal(`parley: the data folder ${folder.dataDir} is in use by process ${dev.pid}`);
  });

  it('publishes unpublished events after SIGKILL, and keeps messages and the validity of its first token', async function () {
    this.timeout(START_TIMEOUT_MS);
    await eventually(async () => (await unpublished(banner.databaseUrl)) === 0, {
      within: 10_000,
      what: 'all published',
    });
    writeFileSync(folder.pauseFile, '');
    say(banner, 'unpublished').catch(() => undefined); // the connection ends with the process
    await dev.line(/paused behind the commit/);
    const orphans = folder.processes().filter((pid) => pid !== dev.pid);
    await dev.kill();
    expect(orphans, 'servers run on without their owner').to.not.be.empty;
    expect(await unpublished(banner.databaseUrl)).to.equal(1);
    rmSync(folder.pauseFile);

    dev = await folder.start({ rabbitmq: false });
    const again = await bannerOf(dev);
    expect(folder.processes().filter((pid) => orphans.includes(pid))).to.deep.equal([]);
    await eventually(async () => (await unpublished(again.databaseUrl)) === 0, {
      within: 10_000,
      what: 'all published',
    });
    expect((await history(again, banner.token)).map(({ body }) => body)).to.deep.equal(['hello', 'unpublished']);
    expect((await say(again, 'third', banner.token)).sequence).to.equal(4);
    expect(again.databaseUrl, 'the address that people have noted').to.equal(banner.databaseUrl);
    banner = again;
  });

  it('leaves no process, port or lock if Ctrl-C is pressed twice', async function () {
    this.timeout(START_TIMEOUT_MS);
    await pressTwice(dev);
    await dev.ended;
    await expectNothingLeft(folder, dev, banner);
  });

  it('leaves no process, port or lock if its terminal is closed', async function () {
    this.timeout(START_TIMEOUT_MS);
    dev = await folder.start({ rabbitmq: false, onTerminal: true });
    await bannerOf(dev);
    await dev.kill(); // of the terminal: what runs on it hears SIGHUP
    await expectNothingLeft(folder, dev, banner);
  });
});

describe('npm start with given services', () => {
  it('continues without a consumer of its dispatch queue, and other queues get all events', async function () {
    this.timeout(START_TIMEOUT_MS);
    const [databaseUrl, { url: amqpUrl }] = await Promise.all([freshDatabase(), rabbitmq()]);
    const namespace = uniqueNamespace();
    const folder = new DevFolder();
    const env = {
      ...{ DATABASE_URL: databaseUrl, AMQP_URL: amqpUrl, CHAT_NAMESPACE: namespace, COMMAND_PARTITIONS: '1' },
      ...{ DISPATCH_MAX_BYTES: '32KiB', POLICY_FILE: policyWithoutQuotas() },
    };
    const dev = await folder.start({ rabbitmq: true, env });
    const connection = await connect(amqpUrl);
    try {
      const banner = await bannerOf(dev);
      const channel = await connection.createChannel();
      const { queue } = await channel.assertQueue('', { exclusive: true });
      await channel.bindQueue(queue, names.events(namespace), 'message.created.#');
      const text = 'x'.repeat(1_000);
      for (let sent = 0; sent < MORE_THAN_FITS; sent += 1) await say(banner, text);
      await eventually(async () => (await unpublished(databaseUrl)) === 0, { within: 20_000, what: 'all published' });
      expect((await channel.checkQueue(queue)).messageCount).to.equal(MORE_THAN_FITS);
      expect((await channel.checkQueue(`${namespace}.dispatch`)).messageCount).to.be.within(1, MORE_THAN_FITS - 1);
      expect((await fetch(`http://127.0.0.1:${dev.env.OPS_PORT}/readyz`)).status).to.equal(200);
    } finally {
      await connection.close();
      await dev.stop();
    }
    const again = await folder.start({ rabbitmq: true, env: { ...env, DISPATCH_WHEN_FULL: 'refuse' } });
    expect((await again.ended).code).to.equal(1);
    expect(again.stderr.join('\n')).to.match(
      /^parley: queue \S+\.dispatch: x-overflow should be reject-publish, but the broker has drop-head; DISPATCH_WHEN_FULL=drop-oldest.*delete the queue/m,
    );
  });

  it('uses the database and broker of DATABASE_URL and AMQP_URL, and starts none', async function () {
    this.timeout(START_TIMEOUT_MS);
    const [databaseUrl, { url: amqpUrl }] = await Promise.all([freshDatabase(), rabbitmq()]);
    const folder = new DevFolder();
    const env = { DATABASE_URL: databaseUrl, AMQP_URL: amqpUrl, CHAT_NAMESPACE: uniqueNamespace() };
    const dev = await folder.start({ rabbitmq: true, env });
    try {
      const banner = await bannerOf(dev);
      expect(banner.text)
        .to.match(/\(DATABASE_URL\)/)
        .and.to.match(/\(AMQP_URL\)/);
      expect(banner.text).to.not.include(new URL(databaseUrl).password);
      await say(banner, 'kept in the given database');
      const rows = await query<{ count: number }>(databaseUrl, 'SELECT count(*)::int AS count FROM messages');
      expect(rows).to.deep.equal([{ count: 1 }]);
      expect(readdirSync(folder.dataDir).sort()).to.deep.equal(['jwt-secret', 'lock']);
    } finally {
      expect(await dev.stop()).to.deep.equal({ code: 0, signal: null });
    }
    expect(existsSync(join(folder.dataDir, 'lock'))).to.equal(false);
  });
});
