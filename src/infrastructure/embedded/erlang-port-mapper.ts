import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { isListening } from '../free-port.js';
import { signal } from '../process/process-identity.js';
import { hasEnded, whenEnded } from './child-exit.js';
import { findOnPath } from './rabbitmq-program.js';

export interface PortMapper {
  readonly pid: number;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 10_000;
const POLL_INTERVAL_MS = 20;

/**
 * Starts `epmd`, which an Erlang node needs. The node itself would start one in the background that survives the node.
 * This one is our child.
 * @param onStarted gets the process id at once, before it is ready
 */
export async function startPortMapper(options: {
  port: number;
  folder: string;
  env: Record<string, string>;
  output: number;
  onStarted(pid: number): void;
}): Promise<PortMapper> {
  const program = findOnPath('epmd');
  if (program === undefined) throw new Error("Erlang's epmd is not on the PATH");
  const { folder, env, output } = options;
  const child = spawn(program, [], { detached: true, stdio: ['ignore', output, output], cwd: folder, env });
  const ended = whenEnded(child);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} could not be started`);
  options.onStarted(pid);
  const stop = async () => {
    if (!hasEnded(child)) signal(pid, 'SIGTERM');
    await ended;
  };
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isListening(options.port))) {
    if (hasEnded(child)) throw new Error('epmd ended at once');
    if (Date.now() >= deadline) {
      await stop();
      throw new Error(`epmd did not listen within ${START_TIMEOUT_MS} ms`);
    }
    await sleep(POLL_INTERVAL_MS);
  }
  return { pid, stop };
}
