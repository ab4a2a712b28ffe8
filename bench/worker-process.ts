import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../src/main/cli.js', import.meta.url));
const READY_TIMEOUT_MS = 20_000;

export interface WorkerProcess {
  pid: number;
  /** Sum and count of a histogram, over all its labels but the ones given. */
  histogram(name: string, labels?: string): Promise<{ sum: number; count: number }>;
  /** A metric's present value; undefined: there is no such. */
  gauge(name: string, labels?: string): Promise<number | undefined>;
  stop(): Promise<void>;
}

/** `parley worker` as a process of its own, or another script that is one, or with `role` another role; ready to work. */
export async function startWorkerProcess(
  env: Record<string, string>,
  nodeArguments: string[] = [],
  program = CLI,
  role = 'worker',
): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [...nodeArguments, program, role], {
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
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the ${role} did not become ready`);
    }
    await sleep(50);
  }
  const metricLines = async (name: string, labels: string) => {
    const text = await (await fetch(`http://127.0.0.1:${env.OPS_PORT}/metrics`)).text();
    return text.split('\n').filter((line) => line.startsWith(name) && line.includes(labels));
  };
  const numberIn = (line: string) => Number(line.split(' ')[1]);
  return {
    pid: child.pid ?? 0,
    histogram: async (name, labels = '') => {
      const lines = await metricLines(name, labels);
      const total = (suffix: string) =>
        lines.filter((line) => line.startsWith(`${name}_${suffix}`)).reduce((sum, line) => sum + numberIn(line), 0);
      return { sum: total('sum'), count: total('count') };
    },
    gauge: async (name, labels = '') => {
      const [line] = await metricLines(name, labels);
      return line === undefined ? undefined : numberIn(line);
    },
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
