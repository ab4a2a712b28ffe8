/**
 * The cost of a store of ten million messages beside one of a million: queries, sends, disk. `--help` lists the
 * options.
 */
import { parseArgs } from 'node:util';
import { measureDisk } from './growth/disk.js';
import { type GrowthResult, growthGoals, growthMarkdown, growthPlots } from './growth/growth-report.js';
import { loadStore } from './growth/loading/load-store.js';
import { LoadedChats, type LoadSize } from './growth/loading/loaded-chats.js';
import { describeMachine } from './growth/machine.js';
import { measureReads } from './growth/read-cost.js';
import { reportName, writeReport } from './growth/report-files.js';
import { measureSends } from './growth/send-cost.js';
import { openStand, urlOf, withSql } from './growth/stand.js';
import { readSettings } from './running/given-settings.js';

const HELP = `Loads a small and a large store on one private PostgreSQL, and measures both in turns: queries (latency and pages
touched), sends by real workers (processor time of PostgreSQL and worker), and disk. Compares the results with the goals.

  npm run bench -- growth [-- options]

  --small N          messages (default: 1000000)
  --large N          messages (default: 10000000)
  --grown N          messages of a third store, whose indexes grow with the rows, to measure disk (default: 500000)
  --chats N          in each of the first two (default: 100000)
  --samples N        of each query on each store (default: 300)
  --rounds N         rounds of sends (default: 5)
  --sends N          in each round, to each store (default: 20000)
  --set NAME=VALUE   a setting of PostgreSQL during the measurement; may be repeated (shared_buffers=4GB)
  --folder F         keeps the loaded stores here, and reuses existing ones (default: a temporary folder)
  --report F         folder of the report (default: bench/reports)
  --help

Exits with 1 if a ledger did not close. A missed goal is reported and is not a failure: the machine may be busy.
`;

const PARTITIONS = 8;
const BODY_BYTES = 200;
const SEED = 1;
/** The third store is the small one, scaled down. */
const GROWN_SHARE_OF_CHATS = 0.5;

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interruption.abort(new Error('interrupted')));

function readOptions() {
  const { values } = parseArgs({
    options: {
      small: { type: 'string', default: '1000000' },
      large: { type: 'string', default: '10000000' },
      grown: { type: 'string', default: '500000' },
      chats: { type: 'string', default: '100000' },
      samples: { type: 'string', default: '300' },
      rounds: { type: 'string', default: '5' },
      sends: { type: 'string', default: '20000' },
      set: { type: 'string', multiple: true, default: [] },
      folder: { type: 'string' },
      report: { type: 'string', default: 'bench/reports' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const count = (name: 'small' | 'large' | 'grown' | 'chats' | 'samples' | 'rounds' | 'sends') => {
    if (!/^[1-9]\d{0,9}$/.test(values[name])) throw new Error(`--${name} must be a whole number above 0`);
    return Number(values[name]);
  };
  const chats = count('chats');
  const size = (messages: number, most = chats): LoadSize => ({
    ...{ messages, chats: Math.min(most, messages), partitions: PARTITIONS },
    ...{ bodyBytes: BODY_BYTES, seed: SEED, until: new Date() },
  });
  return {
    small: size(count('small')),
    large: size(count('large')),
    grown: size(count('grown'), Math.ceil(chats * GROWN_SHARE_OF_CHATS)),
    ...{ samples: count('samples'), rounds: count('rounds'), sends: count('sends') },
    settings: readSettings('set', values.set),
    folder: values.folder ?? null,
    report: values.report,
  };
}

type Options = NonNullable<ReturnType<typeof readOptions>>;
const STORES = ['small', 'large', 'grown'] as const;
const databaseOf = (store: (typeof STORES)[number], { [store]: size }: Options) => `growth_${store}_${size.messages}`;

/** Creates missing stores. A store gets its name last, so an existing one was loaded completely. */
async function prepare(serverUrl: string, options: Options): Promise<void> {
  for (const store of STORES) {
    const name = databaseOf(store, options);
    await withSql(serverUrl, async (sql) => {
      const { rows } = await sql.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
      if (rows.length > 0) return console.error(`${name} is there`);
      interruption.signal.throwIfAborted();
      console.error(`loading ${name}`);
      await sql.query('DROP DATABASE IF EXISTS loading');
      await sql.query('CREATE DATABASE loading');
      await loadStore(urlOf(serverUrl, 'loading'), { ...options[store], keepIndexes: store === 'grown' });
      await sql.query(`ALTER DATABASE loading RENAME TO ${name}`);
    });
  }
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === null) {
    process.stdout.write(HELP);
    return;
  }
  const stand = await openStand(options.folder, (serverUrl) => prepare(serverUrl, options), options.settings);
  try {
    const url = (store: (typeof STORES)[number]) => stand.databaseUrl(databaseOf(store, options));
    const machine = await describeMachine(url('small'), stand.amqpUrl);
    const disk = {
      small: await measureDisk(url('small')),
      large: await measureDisk(url('large')),
      grown: await measureDisk(url('grown')),
    };
    const both = ['small', 'large'] as const;
    const reads = await measureReads(
      both.map((store) => ({ url: url(store), chats: new LoadedChats(options[store]) })),
      options.samples,
      interruption.signal,
    );
    const sends = await measureSends(
      stand,
      both.map((store) => ({ database: databaseOf(store, options), size: options[store] })),
      options,
      interruption.signal,
    );
    const { small, large, grown, settings } = options;
    const at = new Date();
    const result: GrowthResult = {
      at: at.toISOString(),
      machine: machine(),
      ...{ settings, small, large, grown, disk, reads, sends },
    };
    const markdown = growthMarkdown(result);
    console.log(markdown);
    const name = reportName('growth', at, result.machine.commit);
    console.error(`report: ${await writeReport(options.report, name, result, markdown, growthPlots(result))}`);
    if (growthGoals(result).at(-1)?.met === false) process.exitCode = 1;
  } finally {
    await stand.stop();
  }
}

try {
  await main();
} catch (error) {
  console.error(`growth: ${(error as Error).message}`);
  process.exitCode = 1;
}
