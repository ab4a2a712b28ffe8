/** The packages as others get them: packed, installed into fresh projects, compiled against, and run. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { startProcess, type TestProcess } from '../../support/fleet/processes.js';
import { emptyDatabase, projectFolder, rabbitmq, uniqueNamespace } from '../../support/services/services.js';
import { bannerOf, say } from '../main/dev/dev-harness.js';
import {
  bytesIn,
  FROM_REGISTRY,
  installClient,
  installedIn,
  installServer,
  linkInstalled,
  manifestOf,
  type Packed,
  packPackages,
} from './packages-harness.js';

const run = promisify(execFile);
const TIMEOUT_MS = FROM_REGISTRY ? 600_000 : 120_000;
/** Measured: 7.2 MB, of which zod has 6.1 MB. */
const CLIENT_MAX_BYTES = 8_500_000;
/** Measured: 185.1 MB, of which Prisma's client has 74 MB and the embedded PostgreSQL 60 MB. */
const SERVER_MAX_BYTES = 200_000_000;
/** Types that a project in TypeScript has anyway. */
const TYPES = ['@types/node', 'undici-types'];

const PROGRAM = `
import { CommandProducer, DispatchConsumer, RestReader } from '@parley-chat/client';
import { type CloudEvent, commandBody, directChatId, type Receipt } from '@parley-chat/client/contract';

export function typed(producer: CommandProducer): void {
  // @ts-expect-error: a message has a body
  void (() => producer.send('message.send', { actorId: 'alice', chatId: 'x', data: {} }));
  // @ts-expect-error: there is no such command
  void (() => producer.send('message.sing', { actorId: 'alice', chatId: 'x', data: {} }));
}

export function dispatch(event: CloudEvent<'message.created'>): string | null {
  return event.data.body;
}

export async function latest(reader: RestReader, chatId: string): Promise<string | null | undefined> {
  for await (const message of reader.each('listMessages', { chatId })) return message.body;
  return undefined;
}

const chatId = directChatId('default', 'alice', 'bob');
const [url = '', namespace = ''] = process.argv.slice(2);
const producer = await CommandProducer.connect({ url, namespace, appId: 'fresh-project' });
await producer.send('chat.create', { actorId: 'alice', data: { kind: 'direct', memberIds: ['bob'] } });
const receipt: Receipt = await producer.send('message.send', { actorId: 'alice', chatId, data: { body: 'hello' } });
await producer.close();
console.log(
  JSON.stringify({
    classes: [typeof DispatchConsumer.start, typeof RestReader],
    parsed: commandBody['chat.archive'].safeParse({ actorId: 'alice' }).success,
    receipt,
  }),
);
`;

const STRICT = {
  // The declarations of the package are checked too.
  ...{ strict: true, skipLibCheck: false, noUncheckedIndexedAccess: true },
  ...{ target: 'ES2023', lib: ['ES2023'], types: ['node'], outDir: 'out', rootDir: '.' },
};
const RESOLUTIONS = {
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler', noEmit: true },
};
const GUIDES = ['docs/client.md', 'docs/build-a-client.md', 'packages/client/README.md', 'README.md'];

let client: Packed;
let server: Packed;
before(async function () {
  this.timeout(TIMEOUT_MS);
  ({ client, server } = await packPackages());
});

describe('The client package', function () {
  this.timeout(TIMEOUT_MS);
  let folder = '';
  let installed = '';
  const shown: string[] = [];

  before(async () => {
    folder = await installClient(client);
    installed = join(folder, 'node_modules', client.manifest.name);
  });

  it('is installed with four libraries, in less than 10 MB', () => {
    const libraries = ['amqplib', 'canonicalize', 'uuid', 'zod'];
    expect(installedIn(folder)).to.deep.equal([client.manifest.name, ...libraries].sort());
    const bytes = bytesIn(join(folder, 'node_modules'));
    report(client, bytes);
    expect(bytes).to.be.below(CLIENT_MAX_BYTES);
  });

  it('contains what its manifest names, and nothing of the server', () => {
    const exported = Object.values(client.manifest.exports).flatMap((entry) =>
      typeof entry === 'string' ? [entry] : Object.values(entry),
    );
    expect(exported).to.have.length(7);
    for (const path of exported) expect(existsSync(join(installed, path)), path).to.equal(true);
    expect(readdirSync(installed)).to.have.members(['LICENSE', 'README.md', 'dist', 'package.json']);
    expect(readdirSync(join(installed, 'dist'))).to.have.members(['client', 'contract']);
  });

  for (const [name, resolution] of Object.entries(RESOLUTIONS))
    it(`compiles with a strict program and with the guides, under the module resolution ${name}`, async () => {
      if (shown.length === 0) prepareProgram();
      const files = ['program.ts', ...shown];
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({ compilerOptions: { ...STRICT, ...resolution }, files }),
      );
      const compiler = join(projectFolder, 'node_modules', 'typescript', 'bin', 'tsc');
      await run(process.execPath, [compiler, '-p', folder]).catch((error: { stdout: string }) =>
        expect.fail(error.stdout),
      );
    });

  it('lets nothing else be imported', async () => {
    const reach = `import('${client.manifest.name}/dist/client/broker-link.js').catch((error) => console.log(error.code))`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', reach], { cwd: folder });
    expect(stdout.trim()).to.equal('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('sends a command to a worker of the server package, and gets its receipt', async () => {
    const project = await serverProject();
    const env = {
      DATABASE_URL: await emptyDatabase(),
      AMQP_URL: (await rabbitmq()).url,
      CHAT_NAMESPACE: uniqueNamespace(),
      COMMAND_PARTITIONS: '2',
      HOST: '127.0.0.1',
    };
    const parley = (command: string) =>
      startProcess({ script: programOf(project), args: [command], env, cwd: project });
    const migration = await parley('migrate');
    expect((await migration.ended).code, migration.output).to.equal(0);
    const worker = await parley('worker');
    await worker.ready();
    const program = join(folder, 'out', 'program.js');
    const { stdout } = await run(process.execPath, [program, env.AMQP_URL, env.CHAT_NAMESPACE], { cwd: folder });
    const { classes, parsed, receipt } = JSON.parse(stdout);
    expect(classes).to.deep.equal(['function', 'function']);
    expect(parsed).to.equal(false);
    expect(receipt).to.include({ type: 'message.send', status: 'accepted', sequence: 2, replayed: false });
    expect(await worker.stop()).to.deep.equal({ code: 0, signal: null });
  });

  /** The program, the guides' TypeScript, and the types that a project in TypeScript has. */
  function prepareProgram(): void {
    linkInstalled(folder, TYPES);
    writeFileSync(join(folder, 'program.ts'), PROGRAM);
    for (const guide of GUIDES)
      for (const [, code = ''] of readFileSync(join(projectFolder, guide), 'utf8').matchAll(
        /^```ts\n([\s\S]*?)^```$/gm,
      )) {
        shown.push(`shown-${shown.length}.ts`);
        writeFileSync(join(folder, shown.at(-1) ?? ''), code);
      }
    expect(shown).to.have.length(8);
  }
});

describe('The server package', function () {
  this.timeout(TIMEOUT_MS);
  let folder = '';
  let dev: TestProcess | undefined;

  before(async () => {
    folder = await serverProject();
  });
  after(() => dev?.kill());

  const parley = (args: string[], env: Record<string, string> = {}) =>
    startProcess({ script: programOf(folder), args, env, cwd: folder });

  it('contains the program, the default policy and the migrations', () => {
    const installed = join(folder, 'node_modules', server.manifest.name);
    expect(readdirSync(installed)).to.have.members([
      'LICENSE',
      'README.md',
      'dist',
      'package.json',
      'policy',
      'prisma',
    ]);
    expect(readdirSync(join(installed, 'dist'))).to.have.members(['src', 'web']);
    if (!FROM_REGISTRY) return;
    const bytes = bytesIn(join(folder, 'node_modules'));
    report(server, bytes);
    expect(bytes).to.be.below(SERVER_MAX_BYTES);
  });

  it('prints its version and the contract', async () => {
    const version = await parley(['--version']);
    expect((await version.ended).code).to.equal(0);
    expect(version.stdout).to.deep.equal([server.manifest.version]);
    const contract = await parley(['contract', '--asyncapi']);
    expect((await contract.ended).code).to.equal(0);
    expect(JSON.parse(contract.stdout.join('\n'))).to.include.keys('asyncapi', 'channels');
  });

  it('starts without services and accepts a message', async () => {
    dev = await parley(['dev'], { STORE: 'memory', TRANSPORT: 'in-process' });
    expect((await say(await bannerOf(dev), 'hello')).sequence).to.equal(2);
    expect(await dev.stop()).to.deep.equal({ code: 0, signal: null });
  });
});

describe('The manifests', () => {
  it('have one version, and the client accepts the versions of its libraries that the server is tested with', () => {
    const root = manifestOf(projectFolder);
    expect([client.manifest.version, server.manifest.version]).to.deep.equal([root.version, root.version]);
    for (const [name, range] of Object.entries(client.manifest.dependencies))
      expect(range).to.equal(`^${server.manifest.dependencies[name]}`);
  });

  it('keep the names of registries out of the lock file', () => {
    const lock = readFileSync(join(projectFolder, 'package-lock.json'), 'utf8');
    expect([...lock.matchAll(/"resolved": "([^"]*)"/g)].map(([, target]) => target)).to.deep.equal([
      'packages/client',
      'packages/server',
    ]);
  });
});

function report({ manifest }: Packed, bytes: number): void {
  if (FROM_REGISTRY) console.log(`      ${manifest.name} with its libraries: ${(bytes / 1e6).toFixed(1)} MB`);
}

let project: Promise<string> | undefined;
function serverProject(): Promise<string> {
  project ??= installServer(server);
  return project;
}

function programOf(folder: string): string {
  return join(folder, 'node_modules', server.manifest.name, server.manifest.bin?.parley ?? '');
}
