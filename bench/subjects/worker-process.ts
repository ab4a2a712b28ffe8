import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../src/main/cli.js', import.meta.url));
/** A busy machine needs long to start a process. */
const READY_TIMEOUT_MS = 60_000;

/** The metrics of a process, in the text format of Prometheus. */
export class MetricLines {
  constructor(private readonly lines: readonly string[]) {}

  /** Sum and count of a histogram, over all labels except the given ones. */
  histogram(name: string, labels = ''): { sum: number; count: number } {
    return { sum: this.total(`${name}_sum`, labels), count: this.total(`${name}_count`, labels) };
  }

  /** 0 if the line is missing. */
  total(name: string, labels = ''): number {
    return this.lines
      .filter((line) => line.startsWith(name) && line.includes(labels))
      .reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
  }
}

export interface WorkerProcess {
  pid: number;
  /** Sum and count of a histogram, over all labels except the given ones. */
  histogram(name: string, labels?: string): Promise<{ sum: number; count: number }>;
  /** All metrics at once. Some count since the last reading. */
  metrics(): Promise<MetricLines>;
  stop(): Promise<void>;
}

/** `parley worker`, or another script or `role`, as its own process; ready. */
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
