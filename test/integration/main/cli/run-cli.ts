import { startProcess } from '../../../support/fleet/processes.js';

export interface CliEnd {
  code: number | null;
  stdout: string[];
  stderr: string[];
}

/** Runs the command line to its end, by default in an empty folder. */
export async function cli(args: string[], env: Record<string, string> = {}, cwd?: string): Promise<CliEnd> {
  const child = await startProcess({ args, env, ...(cwd === undefined ? {} : { cwd }) });
  const { code } = await child.ended;
  return { code, stdout: child.stdout, stderr: child.stderr };
}
