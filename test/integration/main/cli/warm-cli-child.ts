/**
 * Runs command lines one after the other in one process, each with an environment and a folder of its own, and tells
 * what came of it. Most of a short command's time is the start of Node and the loading of modules.
 */
import { runCommandLine } from '../../../../src/main/cli/command-line.js';

export interface WarmRequest {
  args: readonly string[];
  /** All of it. */
  env: Readonly<Record<string, string>>;
  cwd: string;
}

export interface WarmEnd {
  code: number;
  stdout: string;
  stderr: string;
}

/** Thrown in place of the end of the process. */
class Exit extends Error {
  constructor(readonly code: number) {
    super(`exit ${code}`);
  }
}

async function run({ args, env, cwd }: WarmRequest): Promise<WarmEnd> {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  process.exitCode = 0;
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    process[stream].write = (text: string | Uint8Array, ...others: unknown[]) => {
      said[stream] += typeof text === 'string' ? text : Buffer.from(text).toString();
      const written = others.find((other) => typeof other === 'function') as (() => void) | undefined;
      if (written !== undefined) queueMicrotask(written);
      return true;
    };
  try {
    await runCommandLine([process.execPath, 'parley', ...args]);
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    process.exitCode = error.code;
  }
  return { code: Number(process.exitCode), ...said };
}

process.exit = (code) => {
  throw new Exit(Number(code ?? process.exitCode ?? 0));
};
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('message', (request) => void run(request as WarmRequest).then((end) => process.send?.(end)));
