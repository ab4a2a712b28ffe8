import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../src/main/cli.js', import.meta.url));
/** A machine that is busy with other things takes its time. */
const READY_TIMEOUT_MS = 60_000;

/** What a process told of itself, line by line as Prometheus reads it. */
export class MetricLines {
  constructor(private readonly lines: readonly string[]) {}

  /** Sum and count of a histogram, over all its labels but the ones given. */
  histogram(name: string, labels = ''): { sum: number; count: number } {
    return { sum: this.total(`${name}_sum`, labels), count: this.total(`${name}_count`, labels) };
  }

  /** 0 where there is no such line. */
  total(name: string, labels = ''): number {
    return this.lines
      .filter((line) => line.startsWith(name) && line.includes(labels))
      .reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
  }
}

export interface WorkerProcess {
  pid: number;
  /** Sum and count of a histogram, over all its labels but the ones given. */
  histogram(name: string, labels?: string): Promise<{ sum: number; count: number }>;
  /** All of them at once. Some count from the last reading on. */
  metrics(): Promise<MetricLines>;
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
  const metrics = async () =>
    new MetricLines((await (await fetch(`http://127.0.0.1:${env.OPS_PORT}/metrics`)).text()).split('\n'));
  return {
    pid: child.pid ?? 0,
    metrics,
    histogram: async (name, labels = '') => (await metrics()).histogram(name, labels),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
