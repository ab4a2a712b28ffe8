import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isPortFree } from '../../../src/infrastructure/free-port.js';
import { signal } from '../../../src/infrastructure/process/process-identity.js';
import { eventually } from '../eventually.js';
import { projectFolder, scratchFolder } from '../services/services.js';
import { recordChild } from '../services/services-folder.js';

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessOptions {
  /** Arguments of the command line, such as `['worker']`. */
  readonly args?: readonly string[];
  /** The environment besides PATH and HOME. Default for OPS_PORT and PORT: free ports. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the command line, `dist/src/main/cli.js`. */
  readonly script?: string;
  /** The interpreter. Default: this Node. */
  readonly interpreter?: string;
  /** Default: a new folder, so that no `.env` is read by accident. */
  readonly cwd?: string;
}

const STOP_TIMEOUT_MS = 30_000;
/** A generous limit: start times have their own tests, and RabbitMQ starts slowly on a busy machine. */
const READY_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 2_000;

// Between the ports of `freePort` and the ephemeral ports of the system, because a process may take seconds until it
// listens.
const LOWEST_PORT = 32_000;
const PORTS = 768;
/** Test processes start at different offsets, so that two seldom choose the same port. */
const STRIDE = 97;
let lastPort = (process.pid * STRIDE) % PORTS;

async function nextPort(): Promise<number> {
  for (let tried = 0; tried < PORTS; tried += 1) {
    lastPort = (lastPort + 1) % PORTS;
    // Advanced before the check, so that concurrent calls get different ports.
    const port = LOWEST_PORT + lastPort;
    if (await isPortFree(port)) return port;
  }
  throw new Error(`no free port from ${LOWEST_PORT} to ${LOWEST_PORT + PORTS - 1}`);
}

/**
 * Starts a process of Parley, or a script in another language. It leads its own process group and ends with the run.
 */
export async function startProcess(options: ProcessOptions = {}): Promise<TestProcess> {
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: process.env.HOME ?? '',
    OPS_PORT: String(await nextPort()),
    PORT: String(await nextPort()),
    ...options.env,
  };
  const script = options.script ?? join(projectFolder, 'dist', 'src', 'main', 'cli.js');
  const interpreter = options.interpreter ?? process.execPath;
  const child = spawn(interpreter, [script, ...(options.args ?? [])], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd ?? scratchFolder('process'),
    env,
  });
  if (child.pid === undefined) throw new Error(`${script} could not be started`);
  recordChild(child.pid);
  return new TestProcess(child, child.pid, env);
}

export class TestProcess {
  /** The output so far, by lines, without line ends. */
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  /** Settles when the process has ended and all its output was read. */
  readonly ended: Promise<ProcessEnd>;
  #end: ProcessEnd | undefined;

  constructor(
    child: ChildProcess,
    readonly pid: number,
    readonly env: Readonly<Record<string, string>>,
  ) {
    for (const name of ['stdout', 'stderr'] as const) {
      const stream = child[name];
      if (stream) createInterface({ input: stream }).on('line', (line) => this[name].push(line));
    }
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signalName) => {
        this.#end = { code, signal: signalName };
        resolve(this.#end);
      });
    });
  }

  get running(): boolean {
    return this.#end === undefined;
  }

  get output(): string {
    return [...this.stdout, ...this.stderr].join('\n');
  }

  get opsUrl(): string {
    return `http://127.0.0.1:${this.env.OPS_PORT}`;
  }

  /** The first matching line of either stream. Fails at once if the process has ended without one. */
  async line(pattern: RegExp, within = READY_TIMEOUT_MS): Promise<string> {
    const found = () => [...this.stdout, ...this.stderr].find((line) => pattern.test(line));
    const what = `a line like ${pattern} from ${this.pid}`;
    const answer = await eventually(() => found() ?? this.#endedAs(), { within, what });
    if (typeof answer === 'string') return answer;
    throw new Error(`${what}: it ended with ${JSON.stringify(answer)}\n${this.output}`);
  }

  /** Waits until `/readyz` answers 200. Fails at once if the process has ended. */
  async ready(within = READY_TIMEOUT_MS): Promise<void> {
    const what = `readiness of ${this.pid}`;
    const probe = async () => {
      const options = { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) };
      const response = await fetch(`${this.opsUrl}/readyz`, options).catch((error: Error) => error);
      if (response instanceof Error) throw response;
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      await response.body?.cancel();
      return true as const;
    };
    try {
      const answer = await eventually(async () => this.#endedAs() ?? probe(), { within, what });
      if (answer !== true) throw new Error(`${what}: it ended with ${JSON.stringify(answer)}`);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.output}`, { cause: error });
    }
  }

  send(name: NodeJS.Signals): void {
    if (this.running) signal(this.pid, name);
  }

  /** Sends SIGTERM and waits. Kills the process after the time limit, and throws. */
  async stop(within = STOP_TIMEOUT_MS): Promise<ProcessEnd> {
    this.send('SIGTERM');
    try {
      return await eventually(() => this.#endedAs(), { within, what: `the end of ${this.pid} after SIGTERM` });
    } catch (error) {
      await this.kill();
      throw new Error(`${(error as Error).message}\n${this.output}`, { cause: error });
    }
  }

  /** Sends SIGKILL and waits. Servers that the process has started continue. */
  async kill(): Promise<ProcessEnd> {
    this.send('SIGKILL');
    return this.ended;
  }

  /** Sends SIGSTOP: the process is frozen, and its connections stay open. */
  pause(): void {
    this.send('SIGSTOP');
  }

  resume(): void {
    this.send('SIGCONT');
  }

  #endedAs(): ProcessEnd | undefined {
    return this.#end;
  }
}
