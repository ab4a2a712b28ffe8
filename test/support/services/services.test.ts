import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { findRabbitmq } from '../../../src/infrastructure/embedded/rabbitmq-node.js';
import { identify, isRunning, type ProcessIdentity } from '../../../src/infrastructure/process/process-identity.js';
import { eventually } from '../eventually.js';
import { startProcess, type TestProcess } from '../fleet/processes.js';
import { projectFolder, scratchFolder } from './services.js';

interface Run {
  child: TestProcess;
  folder: string;
  processes: ProcessIdentity[];
}

const script = join(projectFolder, 'dist', 'test', 'support', 'services', 'services-child.js');

/** Starts a run in another temporary folder, so that neither run removes the other's files. */
async function startRun(temporary: string, wanted: readonly string[]): Promise<Run> {
  const env = { TMPDIR: temporary, TEST_INSTALL: 'never', TEST_AMQP_URL: '' };
  const child = await startProcess({ script, args: wanted, env });
  const { folder, pids } = JSON.parse(await child.line(/^\{/, 60_000)) as { folder: string; pids: number[] };
  const epmd = join(folder, 'rabbitmq', 'processes.json');
  if (existsSync(epmd)) pids.push((JSON.parse(readFileSync(epmd, 'utf8')) as { epmd: ProcessIdentity }).epmd.pid);
  const processes = pids.map((pid) => identify(pid) as ProcessIdentity);
  expect(processes.every(isRunning)).to.equal(true);
  return { child, folder, processes };
}

describe('the services of a test run', function () {
  this.timeout(120_000);
  const services = ['postgres', 'process', ...(findRabbitmq() ? ['rabbitmq'] : [])];

  for (const [signal, wanted] of [
    ['SIGINT', services],
    ['SIGTERM', ['postgres', 'process']],
  ] as const) {
    it(`leave no process and no folder after ${signal}`, async () => {
      const temporary = scratchFolder('tmp');
      const { child, processes } = await startRun(temporary, wanted);
      child.send(signal);
      await child.ended;
      expect(processes.filter(isRunning)).to.deep.equal([]);
      expect(readdirSync(temporary)).to.deep.equal([]);
    });
  }

  it('are removed by the next run after a kill, without touching a live run or other folders', async () => {
    const temporary = scratchFolder('tmp');
    mkdirSync(join(temporary, 'somebody-elses'));
    const killed = await startRun(temporary, services);
    const living = await startRun(temporary, ['postgres']);
    await killed.child.kill();
    expect(killed.processes.filter(isRunning), 'they outlive it').to.have.length(killed.processes.length);

    const next = await startRun(temporary, []);
    await eventually(() => !killed.processes.some(isRunning), { within: 5000, what: 'the end of what was left' });
    expect(existsSync(killed.folder)).to.equal(false);
    expect(living.processes.every(isRunning) && existsSync(living.folder)).to.equal(true);
    expect(existsSync(join(temporary, 'somebody-elses'))).to.equal(true);

    await next.child.stop();
    await living.child.stop();
    expect(readdirSync(temporary)).to.deep.equal(['somebody-elses']);
  });

  it('fail with one line that names what to install if RabbitMQ is missing and may not be installed', async () => {
    const env = { PATH: '/nonexistent', TEST_INSTALL: 'never', TEST_AMQP_URL: '', TMPDIR: scratchFolder('tmp') };
    const child = await startProcess({ script, env });
    expect((await child.ended).code).to.equal(1);
    expect(child.stdout).to.deep.equal([]);
    expect(child.stderr).to.deep.equal([
      'the tests need RabbitMQ: install rabbitmq-server (so that it is on the PATH) or set TEST_AMQP_URL; TEST_INSTALL=never forbids installing it',
    ]);
  });
});

describe('waiting in tests', () => {
  it('ends when the check holds, with its result', async () => {
    let asked = 0;
    const check = () => {
      asked += 1;
      if (asked === 1) throw new Error('not yet');
      return asked === 3 ? 'now' : undefined;
    };
    expect(await eventually(check, { within: 1000, what: 'the third time' })).to.equal('now');
  });

  it('fails after the time limit, with the awaited condition and its last failure', async () => {
    const never = eventually(() => false, { within: 30, what: 'the impossible' });
    const failure = await never.catch((error: Error) => error.message);
    expect(failure).to.equal('the impossible: not within 30 ms; last: false');
    const asserting = eventually(() => undefined, { within: 0, what: 'nothing' });
    expect(await asserting.catch((error: Error) => error.message)).to.include('returns true');
  });
});
