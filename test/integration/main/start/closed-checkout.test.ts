/** The two commands of README.md for root, in a checkout below a folder that only root may enter, as `/root` is. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { signal } from '../../../../src/infrastructure/process/process-identity.js';
import { startProcess, type TestProcess } from '../../../support/fleet/processes.js';
import { projectFolder, scratchFolder } from '../../../support/services/services.js';
import { type Banner, bannerOf, history, say } from '../dev/dev-harness.js';

/** What a clone does not have. */
const NOT_TRACKED = ['node_modules', 'dist', '.git', '.data'];
/** A part of the tests that starts PostgreSQL both ways, and lets an ordinary user run what root has built. */
const PART = '^(integration/prisma/missing-migrations|support/services/small-disk|integration/stack/send-path)';
const TEST_TIMEOUT_MS = 240_000;

describe('A checkout that only root may enter', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let closed: string;
  let checkout: string;
  const children: TestProcess[] = [];

  // A copy of what is tracked, and instead of `npm ci` the packages and the build that it has made here, by hard links:
  // .ci/run does all of it.
  before(function () {
    if (process.getuid?.() !== 0) this.skip();
    closed = join(scratchFolder('closed'), 'home');
    checkout = join(closed, 'parley');
    mkdirSync(closed, { mode: 0o700 });
    mkdirSync(checkout);
    for (const name of readdirSync(projectFolder))
      if (!NOT_TRACKED.includes(name)) cpSync(join(projectFolder, name), join(checkout, name), { recursive: true });
    for (const name of ['node_modules', 'dist']) copyByLinks(join(projectFolder, name), join(checkout, name));
  });
  afterEach(async () => {
    for (const { running, pid } of children.splice(0)) if (running) signal(-pid, 'SIGKILL');
    expect(statSync(closed).mode & 0o777, 'nobody has opened it').to.equal(0o700);
  });

  const run = async (interpreter: string, script: string, args: string[], env: Record<string, string> = {}) => {
    const child = await startProcess({ interpreter, script, args, cwd: checkout, env });
    children.push(child);
    return child;
  };
  const start = async (): Promise<{ dev: TestProcess; banner: Banner; copy: string }> => {
    const dev = await run('npm', 'start', []);
    const banner = await bannerOf(dev);
    const [, copy] = /a copy of its programs is in (\S+) until it stops/.exec(banner.text) ?? [];
    return { dev, banner, copy: copy ?? expect.fail(banner.text) };
  };

  /** Ctrl-C in a terminal reaches npm, its shell and what that runs. */
  const stop = async (dev: TestProcess) => {
    signal(-dev.pid, 'SIGINT');
    await dev.ended;
  };

  it('starts, reports the copy of PostgreSQL’s programs, keeps its messages, and leaves no copy when it stops', async () => {
    const first = await start();
    expect(first.banner.text).to.include(join(checkout, '.data'));
    expect(statSync(first.copy).isDirectory()).to.equal(true);
    await say(first.banner, 'from a closed folder');
    await stop(first.dev);
    expect(existsSync(first.copy)).to.equal(false);

    const second = await start();
    expect((await history(second.banner)).map(({ body }) => body)).to.deep.equal(['from a closed folder']);
    await stop(second.dev);
    expect(existsSync(second.copy)).to.equal(false);
  });

  it('runs tests, also if TMPDIR is below the folder', async () => {
    const temporary = join(closed, 'tmp');
    mkdirSync(temporary);
    const script = join(checkout, 'dist', 'test', 'run.js');
    const tests = await run(process.execPath, script, ['--only', PART], { TMPDIR: temporary });
    const { code } = await tests.ended;
    expect(tests.stdout.at(-1), tests.output).to.match(/^[1-9]\d* passed, 0 failed, \d+ skipped$/);
    expect(code).to.equal(0);
    expect(readdirSync(temporary)).to.deep.equal([]);
  });
});

/** Across file systems by content. */
function copyByLinks(from: string, to: string): void {
  for (const how of ['-al', '-a']) if (spawnSync('cp', [how, from, to], { stdio: 'ignore' }).status === 0) return;
  throw new Error(`${from} could not be copied`);
}
