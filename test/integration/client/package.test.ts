/** The package as others get it: packed, unpacked beside nothing but what the client needs, imported, and compiled against. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { projectFolder, scratchFolder } from '../../support/services.js';

const run = promisify(execFile);

/** All that `parley/client` and `parley/contract` stand on. */
const LIBRARIES = ['amqplib', 'zod', 'uuid', 'canonicalize'];
const TYPES = ['@types/node', 'undici-types'];

const PROGRAM = `
import { CommandProducer, DispatchConsumer, RestReader } from 'parley/client';
import { type CloudEvent, commandBody, directChatId, type Receipt } from 'parley/contract';

export async function send(producer: CommandProducer): Promise<Receipt> {
  // @ts-expect-error: a message has a body
  void (() => producer.send('message.send', { actorId: 'alice', chatId: 'x', data: {} }));
  // @ts-expect-error: there is no such command
  void (() => producer.send('message.sing', { actorId: 'alice', chatId: 'x', data: {} }));
  return producer.send('message.send', { actorId: 'alice', chatId: 'x', data: { body: 'hello' } });
}

export function dispatch(event: CloudEvent<'message.created'>): string | null {
  return event.data.body;
}

export async function latest(reader: RestReader, chatId: string): Promise<string | null | undefined> {
  for await (const message of reader.each('listMessages', { chatId })) return message.body;
  return undefined;
}

console.log(directChatId('default', 'alice', 'bob'));
console.log([typeof DispatchConsumer.start, typeof CommandProducer.connect, typeof RestReader].join(' '));
console.log(commandBody['chat.archive'].safeParse({ actorId: 'alice' }).success);
`;

const TSCONFIG = {
  compilerOptions: {
    ...{ module: 'NodeNext', moduleResolution: 'NodeNext', target: 'ES2023', lib: ['ES2023'], types: ['node'] },
    // What we declare is checked too.
    ...{ strict: true, skipLibCheck: false, outDir: 'out', rootDir: '.' },
  },
};

describe('The package', function () {
  this.timeout(120_000);
  let folder = '';
  let unpacked = '';

  before(async () => {
    folder = scratchFolder('package');
    const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
    await run('npm', args, { cwd: projectFolder, maxBuffer: 64 * 1024 * 1024 });
    const archive = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
    const modules = join(folder, 'node_modules');
    unpacked = join(modules, 'parley');
    mkdirSync(unpacked, { recursive: true });
    await run('tar', ['-xzf', join(folder, archive), '-C', unpacked, '--strip-components=1']);
    for (const name of [...LIBRARIES, ...TYPES]) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(projectFolder, 'node_modules', name), join(modules, name));
    }
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }));
    writeFileSync(join(folder, 'program.ts'), PROGRAM);
    const guide = readFileSync(join(projectFolder, 'docs', 'client.md'), 'utf8');
    const shown = [...guide.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
    const files = shown.map((code, index) => {
      writeFileSync(join(folder, `shown-${index}.ts`), code);
      return `shown-${index}.ts`;
    });
    expect(files).to.have.length(5);
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ ...TSCONFIG, files: ['program.ts', ...files] }));
  });

  it("compiles and runs the guide's examples with only the client's dependencies", async () => {
    const compiler = join(projectFolder, 'node_modules', 'typescript', 'bin', 'tsc');
    await run(process.execPath, [compiler, '-p', folder]).catch((error: { stdout: string }) =>
      expect.fail(error.stdout),
    );
    const { stdout } = await run(process.execPath, [join(folder, 'out', 'program.js')], { cwd: folder });
    expect(stdout.trim().split('\n')).to.deep.equal([
      'd86a83b1-706f-5a3f-a04f-36b63ad13861',
      'function function function',
      'false',
    ]);
  });

  it('exports nothing else', async () => {
    const reach = "import('parley/dist/src/main/cli.js').catch((error) => console.log(error.code))";
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', reach], { cwd: folder });
    expect(stdout.trim()).to.equal('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('contains the files of its manifest: both entries with types, and the command line', () => {
    const manifest = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8')) as {
      bin: Record<string, string>;
      exports: Record<string, string | Record<string, string>>;
    };
    const exported = Object.values(manifest.exports).flatMap((entry) =>
      typeof entry === 'string' ? [entry] : Object.values(entry),
    );
    const paths = [...Object.values(manifest.bin), ...exported];
    expect(paths).to.have.length(6);
    for (const path of paths) expect(readFileSync(join(unpacked, path), 'utf8'), path).to.not.equal('');
    expect(readdirSync(unpacked)).to.not.include('test');
  });
});
