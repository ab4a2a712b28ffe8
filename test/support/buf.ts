import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectFolder, scratchFolder } from './services/services.js';

const PROGRAM = join(projectFolder, 'node_modules', '@bufbuild', 'buf', 'bin', 'buf');

/** Runs buf in the project. Returns its output; rejects if it fails. */
export async function buf(...args: string[]): Promise<string> {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, BUF_CACHE_DIR: scratchFolder('buf') };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [PROGRAM, ...args], {
      cwd: projectFolder,
      env,
    });
    return `${stdout}${stderr}`;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`buf ${args[0]}: ${stdout}${stderr}`, { cause: error });
  }
}
