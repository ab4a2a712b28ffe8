import { chownSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.js';
import { Dispatch } from '../../../support/fleet/dispatch.js';
import type { TestProcess } from '../../../support/fleet/processes.js';
import { LOOPBACK, listenersOf } from '../../infrastructure/embedded/listeners.js';
import {
  type Banner,
  bannerOf,
  DevFolder,
  expectNothingLeft,
  history,
  paste,
  pressTwice,
  readableByNobody,
  say,
  unpublished,
  upWithinMs,
} from './dev-harness.js';

const START_TIMEOUT_MS = 150_000;
const NOBODY = 65_534;

/** Waits for the event of a text in the dispatch queue; others may come with it, again or for the first time. */
async function dispatched(amqpUrl: string, awaited: string): Promise<void> {
  const dispatch = await Dispatch.connect(amqpUrl, 'chat.dispatch');
  const texts = () => dispatch.events.filter(({ type }) => type === 'message.created').map(({ data }) => data.body);
  try {
    await eventually(() => texts().includes(awaited), { within: 10_000, what: `the event of "${awaited}"` });
  } finally {
    await dispatch.close();
  }
}

describe('npm start as an ordinary user with an installed RabbitMQ', () => {
  let folder: DevFolder;
  let dev: TestProcess;
  let banner: Banner;
  let token: string;
  let tookMs: number;

  const start = async (rabbitmq: boolean, script?: string) => {
    const env = script === undefined ? {} : { SCRIPT: script };
    dev = await folder.start({ rabbitmq, script: readableByNobody('unprivileged-user.js'), env });
    banner = await bannerOf(dev);
  };

  before(async function () {
    this.timeout(START_TIMEOUT_MS);
    folder = new DevFolder();
    if (process.getuid?.() === 0) chownSync(folder.cwd, NOBODY, NOBODY);
    const startedAt = Date.now();
    await start(true, readableByNobody('pausing-dev.js'));
    tookMs = Date.now() - startedAt;
    token = banner.token;
  });

  after(() => dev?.kill());

  it('is up within 15 s, with a private broker on loopback in its data folder', () => {
    expect(tookMs).to.be.below(upWithinMs());
    expect(banner.text).to.match(/RabbitMQ +amqp:\S+ +\(private, kept in .*\.data\)/);
    const listeners = folder.processes().flatMap(listenersOf);
    expect(listeners.map(({ port }) => port)).to.include(Number(new URL(banner.amqpUrl ?? '').port));
    expect(listeners.filter(({ host }) => !LOOPBACK.includes(host))).to.deep.equal([]);
  });

  it('is ready when the banner is printed, and reports each dependency', async () => {
    await dev.ready();
    const response = await fetch(`${dev.opsUrl}/readyz`);
    const { dependencies } = (await response.json()) as { dependencies: Record<string, unknown> };
    expect(dependencies).to.have.all.keys(
      'start',
      'private services',
      'database',
      'broker',
      'worker',
      'rest',
      'gateway',
    );
  });

  it('accepts a first message with its curl line, and publishes its event', async () => {
    const { status, stdout, stderr } = paste(banner.curl);
    expect(status, stderr).to.equal(0);
    expect(JSON.parse(stdout)).to.include({ status: 'accepted', sequence: 2 });
    await dispatched(banner.amqpUrl ?? '', 'hello');
  });

  it('publishes unpublished events after SIGKILL, and stops remaining servers', async function () {
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
    expect(await unpublished(banner.databaseUrl)).to.equal(1);
    rmSync(folder.pauseFile);

    await start(true);
    expect(folder.processes().filter((pid) => orphans.includes(pid))).to.deep.equal([]);
    await dispatched(banner.amqpUrl ?? '', 'unpublished');
    expect((await history(banner, token)).map(({ body }) => body)).to.deep.equal(['hello', 'unpublished']);
  });

  it('stops gracefully on SIGTERM and leaves no process, port or lock', async function () {
    this.timeout(START_TIMEOUT_MS);
    expect(await dev.stop()).to.deep.equal({ code: 0, signal: null });
    await expectNothingLeft(folder, dev, banner);
  });

  it('continues the same chats without RabbitMQ and with it again', async function () {
    this.timeout(START_TIMEOUT_MS);
    await start(false);
    expect(banner.amqpUrl).to.equal(undefined);
    expect((await say(banner, 'without a broker', token)).sequence).to.equal(4);
    await dev.kill();

    await start(true);
    expect((await say(banner, 'with it again', token)).sequence).to.equal(5);
    await dispatched(banner.amqpUrl ?? '', 'with it again');
    const items = await history(banner, token);
    expect(items.map(({ sequence }) => sequence)).to.deep.equal([2, 3, 4, 5]);
  });

  it('leaves no process, port or lock if Ctrl-C is pressed twice', async function () {
    this.timeout(START_TIMEOUT_MS);
    // RabbitMQ 4 may else have stopped before the second press.
    const processes = readFileSync(join(folder.dataDir, 'rabbitmq', 'processes.json'), 'utf8');
    process.kill((JSON.parse(processes) as { node: { pid: number } }).node.pid, 'SIGSTOP');
    await pressTwice(dev);
    expect((await dev.ended).code).to.equal(130);
    await expectNothingLeft(folder, dev, banner);
  });
});
