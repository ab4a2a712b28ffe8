/** One of the mocha processes that run the tests. */
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { signal } from '../../../src/infrastructure/process/process-identity.js';
import type { ShardReport } from './shard-reporter.js';

const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');
const reporter = fileURLToPath(new URL('./shard-reporter.js', import.meta.url));

/** After SIGTERM the process stops its services. If it does not end in time, it is killed. */
const STOP_TIMEOUT_MS = 10_000;
const MS_PER_SECOND = 1000;

/** Titles of tests by outcome. A crashed process counts as a failure, besides the failures that it reported. */
export interface ShardOutcome {
  passed: string[];
  failed: string[];
  skipped: string[];
  /** In the order in which they ran. */
  times: SuiteTime[];
}

export interface SuiteTime {
  shard: string;
  file: string;
  title: string;
  seconds: number;
  cpu: number;
}

export interface ShardOptions {
  name: string;
  files: string[];
  /** Added to the environment of this process. */
  env?: Readonly<Record<string, string>>;
  /** Maximum time without output. */
  silenceLimitMs: number;
  /** Aborts the process and everything that it has started. */
  stopping: AbortSignal;
  /** Called with a line for each finished suite. */
  progress: (line: string) => void;
}

/** Resolves when the process is gone. */
export async function runShard(options: ShardOptions): Promise<ShardOutcome> {
  const { name, files, silenceLimitMs, stopping, progress } = options;
  const outcome: ShardOutcome = { passed: [], failed: [], skipped: [], times: [] };
  // In its own process group, so that Ctrl-C reaches it once, through this process.
  const env = { ...process.env, ...options.env };
  const child = fork(mocha, ['--reporter', reporter, ...files], { detached: true, env });
  let tests = 0;
  let where = 'before its first test';
  let isThrough = false;
  let ending: string | undefined;
  const end = (because: string) => {
    ending ??= because;
    endProcess(child);
  };
  stopping.addEventListener('abort', () => end('was interrupted'), { once: true });
  const silence = setTimeout(
    () => end(`was ended: not a word from it for ${silenceLimitMs / MS_PER_SECOND} s`),
    silenceLimitMs,
  );

  child.on('message', (message) => {
    silence.refresh();
    const report = message as ShardReport;
    switch (report.event) {
      case 'start':
        tests = report.tests;
        break;
      case 'begun':
        where = `in "${report.test}"`;
        break;
      case 'suite': {
        const done = outcome.passed.length + outcome.failed.length + outcome.skipped.length;
        const { title, file, seconds, cpu } = report;
        progress(`${name} ${done}/${tests}: ${title} (${seconds.toFixed(1)} s)`);
        outcome.times.push({ shard: name, file, title, seconds, cpu });
        break;
      }
      case 'end':
        isThrough = true;
        where = 'after its last test';
        break;
      default:
        outcome[report.event].push(report.test);
        where = `after "${report.test}"`;
    }
  });
  const [code, signalName] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once('close', (...how) => resolve(how)),
  );
  clearTimeout(silence);
  const isSound = isThrough && (code === 0 || outcome.failed.length > 0);
  if (!isSound) outcome.failed.push(`the process "${name}" ${ending ?? `ended with ${code ?? signalName}`} ${where}`);
  return outcome;
}

function endProcess(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const group = -child.pid;
  child.kill('SIGTERM');
  const timer = setTimeout(() => signal(group, 'SIGKILL'), STOP_TIMEOUT_MS);
  child.once('close', () => clearTimeout(timer));
}
