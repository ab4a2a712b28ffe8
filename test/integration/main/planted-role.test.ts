/**
 * The recipe of CONTRIBUTING.md, "Add a role", in a copy of the compiled program: one file, and one line in the
 * registry.
 */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { variables } from '../../../src/main/settings.js';
import { startProcess, type TestProcess } from '../../support/fleet/processes.js';
import { projectFolder, scratchFolder } from '../../support/services/services.js';
import { bannerOf } from './dev/dev-harness.js';

const TEST_TIMEOUT_MS = 60_000;

describe('A role that is added', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let script: string;

  before(() => {
    const copy = scratchFolder('planted');
    const roles = join(copy, 'dist', 'src', 'main', 'roles');
    mkdirSync(join(copy, 'dist'));
    cpSync(join(projectFolder, 'dist', 'src'), join(copy, 'dist', 'src'), { recursive: true });
    for (const name of ['node_modules', 'package.json', 'policy', 'prisma'])
      symlinkSync(join(projectFolder, name), join(copy, name));
    const file = readFileSync(fileURLToPath(new URL('planted-role.js', import.meta.url)), 'utf8');
    writeFileSync(
      join(roles, 'planted.js'),
      file
        .replaceAll('../../../src/main/roles/', './')
        .replaceAll('../../../src/', '../../')
        .replaceAll('../../main/', '../'),
    );
    const registry = join(roles, 'registry.js');
    const before = readFileSync(registry, 'utf8');
    const after = before
      .replace(/^const all = \[(.*)\];$/m, 'const all = [$1, planted];')
      .replace(/^import \{ worker \}/m, "import { planted } from './planted.js';\n$&");
    expect(after.length).to.equal(
      before.length + ', planted'.length + "import { planted } from './planted.js';\n".length,
    );
    writeFileSync(registry, after);
    script = join(copy, 'dist', 'src', 'main', 'cli.js');
  });

  const run = async (args: string[], env: Record<string, string> = {}) => {
    const child = await startProcess({ script, args, env });
    return { ...(await child.ended), out: child.stdout.join('\n'), err: child.stderr.join('\n') };
  };

  it('is a command with a help text that lists its needs', async () => {
    expect((await run(['--help'])).out).to.match(/^ {2}planted \[roles\.\.\.\] +print a line$/m);
    expect((await run(['planted', '--help'])).out).to.include(
      'Needs: DATABASE_URL; with PLANTED_PAUSE=0s also JWT_ISSUER.',
    );
    const unknown = await run(['worker', 'foo']);
    expect(unknown.err).to.equal(
      'parley: unknown role foo; the roles are worker, api, gateway, grpc, relay, indexer, planted',
    );
  });

  it('has settings of its own, which are checked', async () => {
    const checked = await run(['check-config', 'planted'], { PLANTED_PAUSE: '0s' });
    expect(checked.code).to.equal(1);
    expect(checked.out).to.match(/^PLANTED_PAUSE +0s +environment +Pause of the planted role$/m);
    expect(checked.err.split('\n')).to.deep.equal([
      'parley: DATABASE_URL is required',
      'parley: JWT_ISSUER is required',
    ]);
    const started = await run(['planted'], { PLANTED_PAUSE: 'soon' });
    expect(started.err).to.match(/^parley: PLANTED_PAUSE "soon" must be a duration/);
  });

  it('runs in dev, with its settings, and reports its health', async () => {
    const ops = { STORE: 'memory', TRANSPORT: 'in-process', LOG_FORMAT: 'json' };
    const dev: TestProcess = await startProcess({ script, args: ['dev'], env: ops });
    try {
      await bannerOf(dev);
      const line = dev.stderr.find((each) => each.includes('planted role started')) ?? '{}';
      expect(JSON.parse(line)).to.include({ pauseMs: 7_000, partitions: 8 });
      const [, health] = /Health +(\S+)\/readyz/.exec(dev.stdout.join('\n')) ?? [];
      const report = await (await fetch(`${health}/readyz`)).json();
      expect(report).to.have.nested.property('dependencies.planted.ok', true);
    } finally {
      await dev.stop();
    }
  });
});

describe('The settings of roles, stores and transports', () => {
  it('have names that no two of them share', () => {
    const names = Object.values(variables).map(({ name }) => name);
    expect(names).to.deep.equal([...new Set(names)]);
  });
});

/** Files and packages that are loaded with a file, without later imports. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(
    /^(?:import|export) (?:[^'"]*? from )?'([^']+)';$/gm,
  ))
    if (target.startsWith('.')) loadedWith(join(dirname(file), target), seen);
    else seen.add(target);
  return seen;
}

/** What a role imports when it is composed, and all that is loaded with it. */
function loadedBy(role: string): Set<string> {
  const file = join(projectFolder, 'dist', 'src', 'main', 'roles', `${role}.js`);
  const seen = loadedWith(file);
  for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/await import\('([^']+)'\)/g))
    loadedWith(join(dirname(file), target), seen);
  return seen;
}

describe('What a role has in memory', () => {
  const reach = (loaded: Set<string>, what: string) => [...loaded].filter((each) => each.includes(what));

  it('is nothing that only another role needs', () => {
    const [worker, api] = [loadedBy('worker'), loadedBy('api')];
    for (const what of ['express', 'swagger-ui-express', 'apis/http'])
      expect(reach(worker, what), `worker: ${what}`).to.deep.equal([]);
    for (const what of ['application/coordinator', 'application/processing/batch', 'telemetry/worker-metrics'])
      expect(reach(api, what), `api: ${what}`).to.deep.equal([]);
    // The walk finds modules that are present.
    expect(reach(api, 'express')).to.not.have.length(0);
    expect(reach(worker, 'application/coordinator')).to.not.have.length(0);
  });

  it('is nothing of a role, a store or a transport before it is chosen', () => {
    const loaded = loadedWith(join(projectFolder, 'dist', 'src', 'main', 'cli', 'command-line.js'));
    for (const what of [
      'express',
      'amqplib',
      '@prisma/client',
      'winston',
      'application/coordinator',
      'stores/memory/memory-tables',
    ])
      expect(reach(loaded, what), what).to.deep.equal([]);
    expect(reach(loaded, 'roles/worker.js')).to.have.length(1);
  });
});
