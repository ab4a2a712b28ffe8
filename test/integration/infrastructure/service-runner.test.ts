import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../../support/eventually.js';
import { startProcess, type TestProcess } from '../../support/fleet/processes.js';
import { projectFolder } from '../../support/services/services.js';

const script = join(projectFolder, 'dist', 'test', 'integration', 'infrastructure', 'service-runner-child.js');

function start(behaviour: string): Promise<TestProcess> {
  return startProcess({ script, args: [behaviour] });
}

/** Past the time within which one press of Ctrl-C may arrive twice. */
async function secondSignal(child: TestProcess, name: NodeJS.Signals): Promise<void> {
  const first = Date.now();
  await eventually(() => Date.now() - first > 400, { within: 1000, what: 'half a second' });
  child.send(name);
}

const logged = (child: TestProcess) => child.stderr.map((line) => JSON.parse(line) as Record<string, unknown>);

describe('the life of a process', () => {
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    it(`stops its services in reverse order on ${name}, finishes work in progress, and exits with 0`, async () => {
      const child = await start('well');
      await child.line(/server up/);
      child.send(name);
      expect(await child.ended).to.deep.equal({ code: 0, signal: null });
      const order = ['database up', 'server up', 'server stopping', 'server down', 'database down'];
      expect(child.stdout).to.deep.equal(order);
      expect(logged(child).at(-1)).to.include({ message: 'stopped', exitCode: 0 });
    });
  }

  it('treats a Ctrl-C that arrives twice as one', async () => {
    const child = await start('well');
    await child.line(/server up/);
    child.send('SIGINT');
    child.send('SIGINT');
    await child.line(/server stopping/);
    child.send('SIGINT');
    expect(await child.ended).to.deep.equal({ code: 0, signal: null });
    expect(child.stdout.at(-1)).to.equal('database down');
  });

  it('exits at once on a second signal, and leaves nothing running', async () => {
    const child = await start('hangs');
    await child.line(/server up/);
    child.send('SIGTERM');
    await child.line(/server stopping/);
    await secondSignal(child, 'SIGTERM');
    expect(await child.ended).to.deep.equal({ code: 143, signal: null });
    expect(child.stdout.slice(-2)).to.deep.equal(['server stopping', 'database abandoned']);
  });

  it('ends after everything has stopped, even if the event loop is still busy', async () => {
    const child = await start('lingers');
    await child.line(/server up/);
    child.send('SIGTERM');
    expect(await child.ended).to.deep.equal({ code: 0, signal: null });
    expect(child.stdout.at(-1)).to.equal('database down');
  });

  it('stops the others if one does not stop in time, and exits with 1', async () => {
    const child = await start('slow');
    await child.line(/server up/);
    child.send('SIGTERM');
    expect(await child.ended).to.deep.equal({ code: 1, signal: null });
    expect(child.stdout.at(-1)).to.equal('database down');
    expect(logged(child).find(({ level }) => level === 'error')).to.include({ component: 'server', timeoutMs: 200 });
  });

  it('stops the others if one fails to stop, and exits with 1', async () => {
    const child = await start('stubborn');
    await child.line(/server up/);
    child.send('SIGTERM');
    expect(await child.ended).to.deep.equal({ code: 1, signal: null });
    expect(child.stdout.at(-1)).to.equal('database down');
    expect(logged(child).find(({ level }) => level === 'error')).to.have.nested.property('error.message', 'will not');
  });

  it('stops started services if one does not start, and exits with 1', async () => {
    const child = await start('broken');
    expect(await child.ended).to.deep.equal({ code: 1, signal: null });
    expect(child.stdout).to.deep.equal(['database up', 'database down']);
    const [line] = logged(child);
    expect(line).to.include({ level: 'error', message: 'a service did not start', component: 'server' });
    expect(line).to.have.nested.property('error.message', 'no such port');
  });

  it('can be stopped while a service is still starting', async () => {
    const child = await start('never-up');
    await child.line(/server starting/);
    child.send('SIGTERM');
    expect(await child.ended).to.deep.equal({ code: 1, signal: null });
    expect(child.stdout.at(-1)).to.equal('database down');
  });

  for (const [behaviour, origin] of [
    ['throws', 'uncaughtException'],
    ['rejects', 'unhandledRejection'],
  ] as const) {
    it(`logs an ${origin}, stops gracefully, and exits with 1`, async () => {
      const child = await start(behaviour);
      expect(await child.ended).to.deep.equal({ code: 1, signal: null });
      expect(child.stdout.at(-1)).to.equal('database down');
      const line = logged(child).find(({ level }) => level === 'error');
      expect(line).to.include({ origin }).and.have.nested.property('error.stack').that.includes('service-runner-child');
    });
  }
});
