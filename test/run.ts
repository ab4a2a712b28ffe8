/**
 * Runs the tests in a few mocha processes side by side, each with private services of its own: many of them wait more
 * than they work. Ends with `N passed, N failed, N skipped` alone on a line; exits 1 exactly when that counts a
 * failure. A process that breaks off, that is silent for too long or that is interrupted counts as one, and so does a
 * run in which nothing passed.
 *
 * The tests of the PostgreSQL store run twice: on the embedded server, and on an installed one of another version with
 * its default settings.
 *
 * Usage: node dist/test/run.js [--silence SECONDS] [--only PATTERN] [--times] [folder]
 *   --only: the files whose paths below the folder match this regular expression
 *   --times: lists the files by their processor time at the end
 */
import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runShard, type ShardOptions, type ShardOutcome, type SuiteTime } from './support/runner/shard.js';
import { clearAwayKilledRuns } from './support/services/services-folder.js';
import { ensureInstalledPostgres, ensureRabbitmq } from './support/services/services-install.js';

/**
 * Each uses half a processor, so that four use two. More of them at once make each so slow on two busy processors that
 * tests run into their time limits.
 */
const SHARDS_AT_ONCE = 4;
/** Longer than any test may take. */
const SILENCE_LIMIT_S = '900';
const MS_PER_SECOND = 1000;

/** What the embedded PostgreSQL may hide: JIT, the planner of an older version, a collation by language. */
const INSTALLED = 'installed postgres';
const ON_INSTALLED =
  /^integration\/(installed-postgres\/|prisma\/(archive|message-commands|missing|prisma-|query-plans|webhooks|store-audit|sync))/;

/**
 * A file belongs to the first shard that owns it. The shards that take longest start first, so that no process is left
 * alone at the end: `seconds` is how long each takes beside the others (`--times`).
 */
const SHARDS: { name: string; seconds: number; owns: (file: string) => boolean }[] = [
  {
    name: 'kills',
    seconds: 190,
    owns: (file) =>
      /^(chaos\/(kill|irc|ownership)|integration\/(examples|main\/(archive|dead-letters|cli\/verify)))/.test(file),
  },
  { name: 'faults', seconds: 190, owns: (file) => /^(chaos|integration\/main\/cli\/policy-decisions)/.test(file) },
  { name: 'starts', seconds: 340, owns: (file) => file.startsWith('integration/main/') },
  { name: 'stack', seconds: 330, owns: (file) => file.startsWith('integration/stack/') },
  { name: 'brokers', seconds: 260, owns: (file) => /^integration\/(amqp|client|deploy|packages)\//.test(file) },
  { name: 'programs', seconds: 130, owns: (file) => /^(integration\/infrastructure|property\/fuzz)\//.test(file) },
  { name: 'integrations', seconds: 160, owns: (file) => /^integration\/(grpc|kafka|webhooks)\//.test(file) },
  { name: 'pages', seconds: 70, owns: (file) => file.startsWith('web/') },
  { name: 'edges', seconds: 180, owns: (file) => /^(unit\/(adapters|contract|policy)|support)\//.test(file) },
  { name: 'stories', seconds: 120, owns: (file) => /^(bench|property|integration\/relay)\//.test(file) },
  { name: 'others', seconds: 220, owns: (file) => !/^integration\/(installed-postgres|prisma)\//.test(file) },
  { name: INSTALLED, seconds: 90, owns: (file) => file.startsWith('integration/installed-postgres/') },
  { name: 'stores', seconds: 80, owns: () => true },
];

const { values, positionals } = parseArgs({
  options: {
    silence: { type: 'string', default: SILENCE_LIMIT_S },
    only: { type: 'string', default: '' },
    times: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const root = resolve(positionals[0] ?? fileURLToPath(new URL('.', import.meta.url)));
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort());

function testFiles(isWanted: (file: string) => boolean): string[] {
  const only = new RegExp(values.only);
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.js') && only.test(file) && isWanted(file))
    .map((file) => join(root, file));
}

const nothing = (): ShardOutcome => ({ passed: [], failed: [], skipped: [], times: [] });

async function runAll(): Promise<ShardOutcome[]> {
  // Once for all of them, who would each do it.
  const missing = ensureRabbitmq();
  if (missing !== undefined) return [{ ...nothing(), failed: [missing] }];
  const longestFirst = [...SHARDS].sort((a, b) => b.seconds - a.seconds);
  const waiting = longestFirst
    .map(({ name }) => ({
      name,
      files: testFiles((file) =>
        name === INSTALLED ? ON_INSTALLED.test(file) : SHARDS.find(({ owns }) => owns(file))?.name === name,
      ),
    }))
    .filter(({ files }) => files.length > 0);
  const options = {
    silenceLimitMs: Number(values.silence) * MS_PER_SECOND,
    stopping: interruption.signal,
    progress: console.log,
  };
  const outcomes: ShardOutcome[] = [];
  const work = async () => {
    for (let shard = waiting.shift(); shard !== undefined; shard = waiting.shift()) {
      const run = shard.name === INSTALLED ? onInstalledPostgres : runShard;
      outcomes.push(await run({ ...shard, ...options }));
    }
  };
  await Promise.all(Array.from({ length: SHARDS_AT_ONCE }, work));
  return outcomes;
}

async function onInstalledPostgres(options: ShardOptions): Promise<ShardOutcome> {
  const found = ensureInstalledPostgres();
  if ('missing' in found) return { ...nothing(), skipped: [`${INSTALLED}: ${found.missing}`] };
  const { named } = found;
  const { passed, failed, skipped, times } = await runShard({ ...options, env: { TEST_POSTGRES: named } });
  const marked = (titles: string[]) => titles.map((title) => `${title} (TEST_POSTGRES=${named})`);
  return { passed: marked(passed), failed: marked(failed), skipped: marked(skipped), times };
}

/** Files by processor time, the first column; then the time that they took, and their process. */
function listTimes(times: readonly SuiteTime[]): void {
  const files = new Map<string, { cpu: number; seconds: number }>();
  for (const { shard, file, cpu, seconds } of times) {
    const name = `${shard}: ${relative(root, file)}`;
    const before = files.get(name) ?? { cpu: 0, seconds: 0 };
    files.set(name, { cpu: before.cpu + cpu, seconds: before.seconds + seconds });
  }
  const column = (seconds: number) => seconds.toFixed(1).padStart(8);
  for (const [name, { cpu, seconds }] of [...files].sort(([, a], [, b]) => b.cpu - a.cpu))
    console.log(`${column(cpu)}${column(seconds)}  ${name}`);
}

const outcomes = await runAll();
clearAwayKilledRuns();
const [passed, failed, skipped] = (['passed', 'failed', 'skipped'] as const).map((what) =>
  outcomes.flatMap((outcome) => outcome[what]),
) as [string[], string[], string[]];
if (passed.length === 0 && failed.length === 0) failed.push('no test passed');
if (values.times) listTimes(outcomes.flatMap(({ times }) => times));
for (const title of skipped) console.log(`skipped: ${title}`);
for (const title of failed) console.log(`failed: ${title}`);
console.log(`\n${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`);
if (failed.length > 0) process.exitCode = 1;
