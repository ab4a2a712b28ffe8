import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { scratchFolder } from '../../../support/services/services.js';
import { recordChild } from '../../../support/services/services-folder.js';
import type { CliEnd } from './run-cli.js';
import type { WarmEnd, WarmRequest } from './warm-cli-child.js';

const script = fileURLToPath(new URL('./warm-cli-child.js', import.meta.url));
let child: ChildProcess | undefined;
let turn: Promise<unknown> = Promise.resolve();

/**
 * As `cli`, in a process that is kept for the next one: for tests that ask many short questions. One at a time; what
 * has to end by itself, to be killed, or to run beside another one is a process of its own.
 */
export function warmCli(args: string[], env: Record<string, string> = {}): Promise<CliEnd> {
  const ended = turn.then(() => run(args, env));
  turn = ended.catch(() => undefined);
  return ended;
}

async function run(args: string[], env: Record<string, string>): Promise<CliEnd> {
  const warm = child ?? start();
  const { PATH = '', HOME = '' } = process.env;
  warm.send({ args, env: { PATH, HOME, ...env }, cwd: scratchFolder('process') } satisfies WarmRequest);
  const answered = new AbortController();
  const { signal } = answered;
  const end = await Promise.race([
    once(warm, 'message', { signal }).then(([answer]) => answer as WarmEnd),
    once(warm, 'exit', { signal }).then(([code, how]) => {
      throw new Error(`parley ${args.join(' ')}: the process ended with ${code ?? how}`);
    }),
  ]).finally(() => answered.abort());
  return { code: end.code, stdout: linesOf(end.stdout), stderr: linesOf(end.stderr) };
}

function start(): ChildProcess {
  const started = fork(script, { detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  if (started.pid !== undefined) recordChild(started.pid);
  // It ends with its parent, and does not keep the parent alive.
  started.unref();
  started.channel?.unref();
  started.once('exit', () => {
    child = undefined;
  });
  child = started;
  return started;
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
