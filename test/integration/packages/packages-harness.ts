/**
 * The packages as npm makes them, installed into fresh projects. By default no registry is asked: the client's
 * dependencies come as archives of the installed ones, the server's are links to them. With PARLEY_PACKAGES=registry
 * npm installs both as a user's npm does.
 */
import { execFile } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { projectFolder, scratchFolder } from '../../support/services/services.js';

const run = promisify(execFile);
const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;

export const FROM_REGISTRY = process.env.PARLEY_PACKAGES === 'registry';

export interface Manifest {
  name: string;
  version: string;
  bin?: Record<string, string>;
  exports: Record<string, string | Record<string, string>>;
  dependencies: Record<string, string>;
}

export interface Packed {
  /** The archive that npm would publish. */
  archive: string;
  manifest: Manifest;
}

export type PackageName = 'client' | 'server';

export function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** Both packages, packed from the build. */
export async function packPackages(): Promise<Record<PackageName, Packed>> {
  const folder = scratchFolder('packed');
  await npm(['pack', '--workspaces', '--pack-destination', folder], projectFolder);
  const packed = (name: PackageName): Packed => {
    const manifest = manifestOf(join(projectFolder, 'packages', name));
    return { archive: join(folder, `parley-chat-${name}-${manifest.version}.tgz`), manifest };
  };
  return { client: packed('client'), server: packed('server') };
}

/** @returns a fresh project with the client and its dependencies in `node_modules`, and nothing else */
export async function installClient({ archive, manifest }: Packed): Promise<string> {
  const folder = scratchFolder('client-project');
  const overrides = FROM_REGISTRY ? {} : await archivesOf(Object.keys(manifest.dependencies));
  const project = { type: 'module', private: true, dependencies: { [manifest.name]: `file:${archive}` }, overrides };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project));
  await npm(['install', ...(FROM_REGISTRY ? [] : ['--offline'])], folder);
  return folder;
}

/** @returns a fresh project with the server, and the libraries that its manifest declares */
export async function installServer({ archive, manifest }: Packed): Promise<string> {
  const folder = scratchFolder('server-project');
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  if (FROM_REGISTRY) {
    await npm(['install', archive], folder);
    return folder;
  }
  const target = join(folder, 'node_modules', manifest.name);
  mkdirSync(target, { recursive: true });
  await run('tar', ['-xzf', archive, '-C', target, '--strip-components=1']);
  linkInstalled(folder, Object.keys(manifest.dependencies));
  return folder;
}

/** Makes installed packages of this project visible in `folder`. */
export function linkInstalled(folder: string, names: readonly string[]): void {
  for (const name of names) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(projectFolder, 'node_modules', name), link);
  }
}

/** The names in a project's `node_modules`, sorted. */
export function installedIn(folder: string): string[] {
  const modules = join(folder, 'node_modules');
  const names = readdirSync(modules).filter((name) => !name.startsWith('.'));
  return names
    .flatMap((name) =>
      name.startsWith('@') ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : name,
    )
    .sort();
}

/** The sum of the files' lengths in bytes. A link counts as itself. */
export function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => lstatSync(join(folder, name)))
    .filter((entry) => !entry.isDirectory())
    .reduce((sum, { size }) => sum + size, 0);
}

/** @returns for each installed package, the archive that npm makes of it, as a dependency */
async function archivesOf(names: readonly string[]): Promise<Record<string, string>> {
  const folder = scratchFolder('libraries');
  const sources = names.map((name) => join(projectFolder, 'node_modules', name));
  await npm(['pack', '--ignore-scripts', '--offline', '--pack-destination', folder, ...sources], folder);
  return Object.fromEntries(
    names.map((name, index) => {
      const { version } = manifestOf(sources[index] ?? '');
      return [name, `file:${join(folder, `${name}-${version}.tgz`)}`];
    }),
  );
}

async function npm(args: string[], cwd: string): Promise<void> {
  await run('npm', [...args, '--no-audit', '--no-fund', '--silent'], { cwd, maxBuffer: OUTPUT_MAX_BYTES });
}
