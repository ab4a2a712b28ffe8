/** Tests the runner on small test files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { identify, isRunning, type ProcessIdentity } from '../../../src/infrastructure/process/process-identity.js';
import { eventually } from '../eventually.js';
import { startProcess, type TestProcess } from '../fleet/processes.js';
import { projectFolder, scratchFolder } from '../services/services.js';

const PASSING = `describe('well', () => { it('passes', () => undefined); });`;
const SUM_TIMEOUT_MS = 60_000;

const support = (name: string) => JSON.stringify(join(projectFolder, 'dist', 'test', 'support', name));
/** Prints the ids of the process, of a server and of another process that it has started, and does not end. */
const WAITING = `describe('a process', function () {
  this.timeout(${SUM_TIMEOUT_MS});
  it('waits', async () => {
    const { postgres } = await import(${support('services/services.js')});
    const { startProcess } = await import(${support('fleet/processes.js')});
    const child = await startProcess({ script: ${support('services/services-child.js')} });
    console.log('pids', process.pid, (await postgres()).pid, child.pid);
    await new Promise(() => setInterval(() => undefined, 1000));
  });
});`;

/** Runs files by their names, which decide their process. */
function run(files: Record<string, string>, ...args: string[]): Promise<TestProcess> {
  const folder = scratchFolder('tests');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const env = { TMPDIR: scratchFolder('tmp') };
  return startProcess({
    script: join(projectFolder, 'dist', 'test', 'run.js'),
    args: [...args, folder],
    cwd: projectFolder,
    env,
  });
}

async function sumOf(runner: TestProcess): Promise<{ sum: string | undefined; code: number | null }> {
  const { code } = await runner.ended;
  return { sum: runner.stdout.at(-1), code };
}

describe('The test runner', function () {
  this.timeout(SUM_TIMEOUT_MS);

  it('sums up the results of its processes, and reports the progress of each', async () => {
    const runner = await run(
      {
        'chaos/kill.test.js': PASSING,
        'integration/main/a.test.js': `describe('mixed', () => {
        it('passes', () => undefined);
        it('fails', () => { throw new Error('for this reason'); });
        it.skip('waits for better times');
      });`,
        'any.test.js': `describe('set up', () => { before(() => { throw new Error('no way'); }); it('never runs', () => undefined); });`,
      },
      '--times',
    );
    expect(await sumOf(runner), runner.output).to.deep.equal({ sum: '2 passed, 2 failed, 1 skipped', code: 1 });
    expect(runner.output).to.match(/^kills 1\/1: well \(\d+\.\d s\)$/m);
    expect(runner.output).to.match(/^starts 3\/3: mixed \(\d+\.\d s\)$/m);
    expect(runner.output).to.include('for this reason').and.include('no way');
    expect(runner.output).to.match(/^ +\d+\.\d +\d+\.\d {2}starts: integration\/main\/a\.test\.js$/m);
    expect(runner.stdout).to.include.members([
      'skipped: mixed waits for better times',
      'failed: mixed fails',
      'failed: set up "before all" hook for "never runs"',
    ]);
  });

  it('succeeds if nothing failed', async () => {
    const runner = await run({ 'any.test.js': PASSING });
    expect(await sumOf(runner), runner.output).to.deep.equal({ sum: '1 passed, 0 failed, 0 skipped', code: 0 });
  });

  it('fails if nothing passed', async () => {
    const runner = await run({});
    expect(await sumOf(runner), runner.output).to.deep.equal({ sum: '0 passed, 1 failed, 0 skipped', code: 1 });
  });

  it('counts a process that does not end properly as a failure, and reports where it was', async () => {
    const breakingOff = (how: string) => `describe('a process', () => {
      it('begins', () => undefined);
      it('breaks off', () => ${how});
      it('never runs', () => undefined);
    });`;
    const runner = await run(
      {
        'chaos/kill.test.js': breakingOff('process.exit(0)'),
        'chaos/any.test.js': breakingOff(`process.kill(process.pid, 'SIGKILL')`),
        'integration/main/any.test.js': `this is no program`,
        'any.test.js': breakingOff('{ for (;;); }'),
      },
      '--silence=8',
    );
    expect(await sumOf(runner), runner.output).to.deep.equal({ sum: '3 passed, 4 failed, 0 skipped', code: 1 });
    expect(runner.stdout).to.include.members([
      'failed: the process "kills" ended with 0 in "a process breaks off"',
      'failed: the process "faults" ended with SIGKILL in "a process breaks off"',
      'failed: the process "starts" ended with 1 before its first test',
      'failed: the process "others" was ended: not a word from it for 8 s in "a process breaks off"',
    ]);
  });

  const endings: { when: string; end: (runner: TestProcess, shard: number) => unknown; failure: string | null }[] = [
    {
      when: 'it is interrupted',
      end: (runner) => runner.send('SIGINT'),
      failure: 'failed: the process "others" was interrupted in "a process waits"',
    },
    {
      when: 'one of its processes is killed',
      end: (_, shard) => process.kill(shard, 'SIGKILL'),
      failure: 'failed: the process "others" ended with SIGKILL in "a process waits"',
    },
    { when: 'it is killed itself', end: (runner) => runner.kill(), failure: null },
  ];
  for (const { when, end, failure } of endings)
    it(`leaves no process when ${when}`, async () => {
      const runner = await run({ 'any.test.js': WAITING });
      const pids = (await runner.line(/^pids /, SUM_TIMEOUT_MS)).split(' ').slice(1).map(Number);
      const started = pids.map((pid) => identify(pid) as ProcessIdentity);
      expect(started.map(isRunning)).to.deep.equal([true, true, true]);
      end(runner, pids[0] ?? 0);
      const { sum, code } = await sumOf(runner);
      await eventually(() => !started.some(isRunning), { within: 10_000, what: 'the end of what was started' });
      if (failure === null) return;
      expect({ sum, code }, runner.output).to.deep.equal({ sum: '0 passed, 1 failed, 0 skipped', code: 1 });
      expect(runner.stdout).to.include(failure);
    });
});
