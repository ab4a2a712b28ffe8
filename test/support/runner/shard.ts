/** One of the mocha processes that the tests are divided among. */
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { signal } from '../../../src/infrastructure/process/process-identity.js';
import type { ShardReport } from './shard-reporter.js';

const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');
const reporter = fileURLToPath(new URL('./shard-reporter.js', import.meta.url));

/** After SIGTERM it ends its services; a process that does not even do that is killed. */
const STOP_TIMEOUT_MS = 10_000;
const MS_PER_SECOND = 1000;

/**
 * Titles of tests, by what came of them. A process that broke off is one of the failures, beside those it had told of.
 */
export interface ShardOutcome {
  passed: string[];
  failed: string[];
  skipped: string[];
}

export interface ShardOptions {
  name: string;
  files: string[];
  /** Besides this process's own. */
  env?: Readonly<Record<string, string>>;
  /** How long it may be silent. */
  silenceLimitMs: number;
  /** Ends it, and everything it has started. */
  stopping: AbortSignal;
  /** Takes a line for each suite that is through. */
  progress: (line: string) => void;
}

/** Resolves when the process is gone. */
export async function runShard(options: ShardOptions): Promise<ShardOutcome> {
  const { name, files, silenceLimitMs, stopping, progress } = options;
  const outcome: ShardOutcome = { passed: [], failed: [], skipped: [] };
  // In a process group of its own: Ctrl-C in a terminal reaches it by us, once.
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
  const seconds = silenceLimitMs / MS_PER_SECOND;
  const silence = setTimeout(() => end(`was ended: not a word from it for ${seconds} s`), silenceLimitMs);

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
        progress(`${name} ${done}/${tests}: ${report.title} (${report.seconds.toFixed(1)} s)`);
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
