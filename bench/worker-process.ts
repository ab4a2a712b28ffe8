import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../src/main/cli.js', import.meta.url));
const READY_TIMEOUT_MS = 20_000;

export interface WorkerProcess {
  pid: number;
  /** Sum and count of a histogram, over all its labels but the ones given. */
  histogram(name: string, labels?: string): Promise<{ sum: number; count: number }>;
  stop(): Promise<void>;
}

/** `parley worker` as a process of its own, ready to work. */
export async function startWorkerProcess(
  env: Record<string, string>,
  nodeArguments: string[] = [],
): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [...nodeArguments, CLI, 'worker'], {
    env: { PATH: process.env.PATH ?? '', HOST: '127.0.0.1', ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const isReady = await fetch(`http://127.0.0.1:${env.OPS_PORT}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) break;
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('the worker did not become ready');
    await sleep(50);
  }
  return {
    pid: child.pid ?? 0,
    histogram: async (name, labels = '') => {
      const text = await (await fetch(`http://127.0.0.1:${env.OPS_PORT}/metrics`)).text();
      const total = (suffix: string) =>
        text
          .split('\n')
          .filter((line) => line.startsWith(`${name}_${suffix}`) && line.includes(labels))
          .reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
      return { sum: total('sum'), count: total('count') };
    },
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
