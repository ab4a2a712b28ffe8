/**
 * Where root's tests may be run by accounts that are not root: a checkout or a temporary folder below a folder of mode
 * 0700 is closed to them. Everybody else has one account, which can enter all that is theirs.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const FALLBACKS = ['/tmp', '/var/tmp'];
/** What a process of ours reads while it runs, besides its packages. */
const PARTS = ['dist', 'policy', 'prisma', 'package.json'];

/** Whether every account may pass through the folder and those above it. */
export function isOpenToOthers(folder: string): boolean {
  const above = dirname(resolve(folder));
  return (statSync(folder).mode & 0o001) !== 0 && (above === resolve(folder) || isOpenToOthers(above));
}

/** The system's temporary folder, or for root one that PostgreSQL's account can enter where TMPDIR names another. */
export function temporaryFolder(): string {
  const usual = tmpdir();
  if (process.getuid?.() !== 0 || isOpenToOthers(usual)) return usual;
  return FALLBACKS.find(isOpenToOthers) ?? usual;
}

/**
 * Copies what runs our processes to where every account can read it: without tests' packages, with every mode opened.
 */
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
