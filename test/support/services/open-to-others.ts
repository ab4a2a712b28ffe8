/** Tests of root run programs as other users, which cannot enter folders below a folder of mode 0700. */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const FALLBACKS = ['/tmp', '/var/tmp'];
/** The files that a process of Parley reads, besides its packages. */
const PARTS = ['dist', 'policy', 'prisma', 'package.json'];

/** Whether every user may enter the folder and its parents. */
export function isOpenToOthers(folder: string): boolean {
  const above = dirname(resolve(folder));
  return (statSync(folder).mode & 0o001) !== 0 && (above === resolve(folder) || isOpenToOthers(above));
}

/** The temporary folder of the system; for root, one that PostgreSQL's user can enter. */
export function temporaryFolder(): string {
  const usual = tmpdir();
  if (process.getuid?.() !== 0 || isOpenToOthers(usual)) return usual;
  return FALLBACKS.find(isOpenToOthers) ?? usual;
}

/** Copies the files of Parley's processes to a folder that every user can read, without the packages of tests. */
export function copyForOthers(project: string, folder: string): void {
  const { packages } = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
  };
  const installed = Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
    .map(([path]) => path)
    .filter((path) => statSync(join(project, path), { throwIfNoEntry: false }) !== undefined);
  for (const part of [...PARTS, ...installed])
    cpSync(join(project, part), join(folder, part), { recursive: true, verbatimSymlinks: true });
  const { status, stderr } = spawnSync('chmod', ['-R', 'u=rwX,go=rX', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${folder} cannot be opened to others: ${stderr.trim()}`);
}
