/**
 * Runs the tests in a few mocha processes side by side, each with private services of its own: many of them wait more than they work.
 * Ends with `N passed, N failed, N skipped` alone on a line; exits 1 on any failure, and when nothing ran.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');

/** What is slow for its waits comes first in a process of its own; everything that is in no other shard is in the last one. */
const SHARDS: { name: string; owns: (file: string) => boolean }[] = [
  { name: 'kills', owns: (file) => /^(faults\/(kill|irc|ownership)|examples|deploy)/.test(file) },
  { name: 'faults', owns: (file) => /^(faults|integration)\//.test(file) },
  { name: 'starts', owns: (file) => /^(main|infrastructure|support)\//.test(file) },
  { name: 'others', owns: () => true },
];

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

function testFiles(): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.js'));
}

function shardOf(file: string): string {
  return SHARDS.find(({ owns }) => owns(file))?.name ?? 'others';
}

/** Runs one shard; its lines are shown as they come, its counts read from mocha's own closing lines. */
async function run(name: string, files: string[], stopping: AbortSignal): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  if (files.length === 0) return counts;
  const child = spawn(process.execPath, [mocha, ...files.map((file) => join(root, file))], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ctrl-C reaches them by us, once.
    detached: true,
  });
  stopping.addEventListener('abort', () => child.kill('SIGTERM'));
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      console.log(line);
      const [, count, what] = /^ {2}(\d+) (passing|failing|pending)\b/.exec(line) ?? [];
      if (what === 'passing') counts.passed = Number(count);
      if (what === 'failing') counts.failed = Number(count);
      if (what === 'pending') counts.skipped = Number(count);
    }
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  // A process that died has failed, whatever it had counted.
  if (code !== 0 && counts.failed === 0) {
    console.log(`  the shard ${name} ended with ${code ?? 'a signal'}`);
    counts.failed = 1;
  }
  return counts;
}

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());

const files = testFiles();
const results = await Promise.all(
  SHARDS.map(({ name }) =>
    run(
      name,
      files.filter((file) => shardOf(file) === name),
      stopping.signal,
    ),
  ),
);
const sum = (key: keyof Counts) => results.reduce((total, counts) => total + counts[key], 0);
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
if (sum('failed') > 0 || sum('passed') === 0 || stopping.signal.aborted) process.exitCode = 1;
