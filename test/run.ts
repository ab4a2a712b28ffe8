/**
 * Runs the tests in a few mocha processes side by side, each with private services of its own: many of them wait more
 * than they work. Ends with `N passed, N failed, N skipped` alone on a line; exits 1 exactly when that counts a
 * failure. A process that breaks off, that is silent for too long or that is interrupted counts as one, and so does a
 * run in which nothing passed.
 *
 * The tests of the PostgreSQL store run twice: on the embedded server, and on an installed one of another version with
 * its default settings.
 *
 * Usage: node dist/test/run.js [--silence SECONDS] [--only PATTERN] [folder]
 *   --only: the files whose paths below the folder match this regular expression
 */
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runShard, type ShardOptions, type ShardOutcome } from './support/runner/shard.js';
import { clearAwayKilledRuns } from './support/services/services-folder.js';
import { ensureInstalledPostgres, ensureRabbitmq } from './support/services/services-install.js';

/** More of them at once make each so slow on two busy processors that tests run into their time limits. */
const SHARDS_AT_ONCE = 3;
/** Longer than any test may take. */
const SILENCE_LIMIT_S = '900';
const MS_PER_SECOND = 1000;

/** What the embedded PostgreSQL may hide: JIT, the planner of an older version, a collation by language. */
const INSTALLED = 'installed postgres';
const ON_INSTALLED =
  /^integration\/(installed-postgres\/|prisma\/(archive|message-commands|missing|prisma-|query-plans|store-audit|sync))/;

/** A file belongs to the first shard that owns it. The shards start in this order. */
const SHARDS: { name: string; owns: (file: string) => boolean }[] = [
  {
    name: 'kills',
    owns: (file) =>
      /^(chaos\/(kill|irc|ownership)|integration\/(examples|main\/(archive|dead-letters|cli\/verify)))/.test(file),
  },
  {
    name: 'faults',
    owns: (file) => /^(chaos|integration\/(stack|prisma)|integration\/main\/cli\/policy-decisions)/.test(file),
  },
  { name: 'starts', owns: (file) => /^(integration\/(main|infrastructure)|property\/fuzz)\//.test(file) },
  {
    name: 'brokers',
    owns: (file) => /^(integration\/(amqp|client|deploy|packages)|bench|property\/simulation)\//.test(file),
  },
  { name: INSTALLED, owns: (file) => file.startsWith('integration/installed-postgres/') },
  { name: 'pages', owns: (file) => file.startsWith('web/') },
  { name: 'edges', owns: (file) => /^(unit\/(adapters|contract|policy)|support)\//.test(file) },
  { name: 'others', owns: () => true },
];

const { values, positionals } = parseArgs({
  options: { silence: { type: 'string', default: SILENCE_LIMIT_S }, only: { type: 'string', default: '' } },
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

const nothing = (): ShardOutcome => ({ passed: [], failed: [], skipped: [] });

async function runAll(): Promise<ShardOutcome[]> {
  // Once for all of them, who would each do it.
  const missing = ensureRabbitmq();
  if (missing !== undefined) return [{ ...nothing(), failed: [missing] }];
  const shards = SHARDS.filter(({ name }) => name !== INSTALLED)
    .map(({ name }) => ({
      name,
      files: testFiles((file) => SHARDS.find(({ owns }) => owns(file))?.name === name),
    }))
    .filter(({ files }) => files.length > 0);
  const options = {
    silenceLimitMs: Number(values.silence) * MS_PER_SECOND,
    stopping: interruption.signal,
    progress: console.log,
  };
  const waiting = [...shards];
  const outcomes: ShardOutcome[] = [];
  const work = async () => {
    for (let shard = waiting.shift(); shard !== undefined; shard = waiting.shift())
      outcomes.push(await runShard({ ...shard, ...options }));
  };
  await Promise.all(Array.from({ length: SHARDS_AT_ONCE }, work));
  // Afterwards: side by side with the others, all of them would take longer than their time limits foresee.
  return [...outcomes, await onInstalledPostgres(options)];
}

async function onInstalledPostgres(options: Omit<ShardOptions, 'name' | 'files'>): Promise<ShardOutcome> {
  const files = testFiles((file) => ON_INSTALLED.test(file));
  if (files.length === 0) return nothing();
  const found = ensureInstalledPostgres();
  if ('missing' in found) return { ...nothing(), skipped: [`${INSTALLED}: ${found.missing}`] };
  const { named } = found;
  const { passed, failed, skipped } = await runShard({
    ...{ name: INSTALLED, files, env: { TEST_POSTGRES: named } },
    ...options,
  });
  const marked = (titles: string[]) => titles.map((title) => `${title} (TEST_POSTGRES=${named})`);
  return { passed: marked(passed), failed: marked(failed), skipped: marked(skipped) };
}

const outcomes = await runAll();
clearAwayKilledRuns();
const [passed, failed, skipped] = (['passed', 'failed', 'skipped'] as const).map((what) =>
  outcomes.flatMap((outcome) => outcome[what]),
) as [string[], string[], string[]];
if (passed.length === 0 && failed.length === 0) failed.push('no test passed');
for (const title of skipped) console.log(`skipped: ${title}`);
for (const title of failed) console.log(`failed: ${title}`);
console.log(`\n${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`);
if (failed.length > 0) process.exitCode = 1;
