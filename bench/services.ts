/**
 * Settings of RabbitMQ and PostgreSQL, in turns: each variant has its own private services and its own worker. All run
 * the whole time, and get the same commands in turns, in alternating order. `--help` lists the options.
 */
import { parseArgs } from 'node:util';
import { walPosition } from './growth/send-cost.js';
import { median } from './measuring/quantiles.js';
import { type Figures, Station } from './measuring/station.js';
import { Bodies } from './population/bodies.js';
import { loadPopulation } from './population/load-population.js';
import { Population } from './population/population.js';
import { markdownTable, spread } from './reporting/report.js';
import { query, startPrivateServices } from './running/private-services.js';
import { type ServiceSettings, serviceSettings } from './running/service-settings.js';
import { startParley } from './subjects/parley.js';
import { SteadyWorkload } from './workloads/steady.js';

/** What management statistics and logging cost. */
const DEFAULT_VARIANTS = [
  'rabbitmq.collect_statistics_interval=30000',
  'rabbitmq.management.rates_mode=none',
  'rabbitmq.management_agent.disable_metrics_collector=true',
  'rabbitmq.log.file.level=info',
  'rabbitmq.log.file.level=none',
];
const UNCHANGED = 'as it is';
const TEMPLATE = 'bench_template';
/** The warm-up has the commands of a closed loop, divided by this. */
const WARM_UP_SHARE = 4;

const HELP = `Compares settings of RabbitMQ and PostgreSQL under W1, in turns: a closed loop and an open loop in each round.

  npm run bench -- services [-- options]

  --vary SETTINGS    a variant: SERVICE.NAME=VALUE, several separated by blanks (SERVICE: postgres, or rabbitmq for a line
                     of rabbitmq.conf); may be repeated. By default those that show the cost of statistics and logging:
${DEFAULT_VARIANTS.map((variant) => `                       ${variant}`).join('\n')}
  --rounds N         (default: 5)
  --messages N       commands of a closed loop (default: 20000)
  --in-flight N      commands without a receipt in a closed loop (default: 4000)
  --rate N           commands per second of an open loop (default: 500)
  --seconds N        duration of an open loop (default: 20)
  --chats N          (default: 20000)
  --postgres NAMED   an installed PostgreSQL: its version, or the folder of its programs
  --help

Figures are medians over the rounds, with the lowest and highest in parentheses. A share is the median of the rounds'
shares of "${UNCHANGED}". Exits with 1 if a ledger did not close.
`;

interface Sizes {
  messages: number;
  rate: number;
  seconds: number;
}

/** One load of a variant. */
interface Measured extends Figures {
  /** Bytes of write-ahead log per command. */
  wal: number;
}

interface Variant {
  title: string;
  station: Station;
  closed: Measured[];
  open: Measured[];
}

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interruption.abort(new Error('interrupted')));

/** What was started, the latest first. */
const started: { stop(): Promise<void> }[] = [];

async function start(title: string, settings: ServiceSettings, options: Options): Promise<Variant> {
  console.error(`starting ${title}`);
  const services = await startPrivateServices(settings.postgres, options.postgres, settings.rabbitmq);
  started.unshift(services);
  await loadPopulation(await services.createDatabase(TEMPLATE), options.population, () => undefined);
  const sizes = { workers: 1, partitions: 8, sampleRate: '0.01', nodeFlags: [] };
  const parley = await startParley(services, sizes, { template: TEMPLATE });
  started.unshift(parley);
  const station = await Station.open(parley, services, options.inFlight, interruption.signal);
  started.unshift(station);
  return { title, station, closed: [], open: [] };
}

async function measured({ station }: Variant, count: number, load: () => Promise<Figures>): Promise<Measured> {
  const { databaseUrl } = station.subject;
  const before = await walPosition(databaseUrl);
  const figures = await load();
  if (figures.faults.length > 0) throw new Error(`void: ${figures.faults.join(', ')}`);
  return { ...figures, wal: ((await walPosition(databaseUrl)) - before) / count };
}

async function round(variant: Variant, number: number, work: SteadyWorkload, sizes: Sizes): Promise<void> {
  const { station } = variant;
  const { messages, rate, seconds } = sizes;
  const loop = (kind: string, count: number) => {
    const prefix = `${kind}${number}-`;
    return [work.commands(count, prefix, number), count, prefix, () => undefined] as const;
  };
  const count = number === 0 ? Math.ceil(messages / WARM_UP_SHARE) : messages;
  const closed = await measured(variant, count, () => station.measure(...loop('closed', count)));
  if (number === 0) return;
  variant.closed.push(closed);
  // Otherwise autovacuum catches up with the closed loop meanwhile.
  await query(station.subject.databaseUrl, 'VACUUM ANALYZE');
  const due = rate * seconds;
  variant.open.push(await measured(variant, due, () => station.measureAtRate(rate, ...loop('open', due))));
}

const ROWS: readonly [what: string, of: (figures: Measured) => number, digits: number][] = [
  ['µs of the worker per command', ({ cpu }) => cpu.service, 0],
  ['µs of PostgreSQL per command', ({ cpu }) => cpu.postgres, 0],
  ['µs of RabbitMQ per command', ({ cpu }) => cpu.rabbitmq, 0],
  ['… of all three', ({ cpu }) => cpu.service + cpu.postgres + cpu.rabbitmq, 0],
  ['write-ahead log per command, bytes', ({ wal }) => wal, 0],
  ['produce → dispatch, p50, ms', ({ latencyMs }) => latencyMs.p50, 1],
  ['produce → dispatch, p99, ms', ({ latencyMs }) => latencyMs.p99, 1],
];

function report(variants: readonly Variant[], { rate }: Sizes): string {
  const [first] = variants;
  const rows = (loop: 'closed' | 'open', name: string) =>
    ROWS.map(([what, of, digits]) => [
      `${name}: ${what}`,
      ...variants.map((variant) => {
        const values = variant[loop].map(of);
        if (variant === first) return spread(values, digits);
        const shares = values.map((value, index) => value / of(first?.[loop][index] as Measured));
        return `${spread(values, digits)}; ${(100 * median(shares)).toFixed(0)} %`;
      }),
    ]);
  const perSecond = variants.map(({ closed }) =>
    spread(
      closed.map((figures) => figures.dispatchedPerSecond),
      0,
    ),
  );
  return markdownTable([
    ['', ...variants.map(({ title }) => title)],
    ['closed loop, per second', ...perSecond],
    ...rows('closed', 'closed loop'),
    ...rows('open', `${rate}/s`),
  ]);
}

interface Options extends Sizes {
  variants: readonly string[];
  rounds: number;
  inFlight: number;
  population: Population;
  postgres: string | null;
}

function readOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      vary: { type: 'string', multiple: true, default: DEFAULT_VARIANTS },
      rounds: { type: 'string', default: '5' },
      messages: { type: 'string', default: '20000' },
      'in-flight': { type: 'string', default: '4000' },
      rate: { type: 'string', default: '500' },
      seconds: { type: 'string', default: '20' },
      chats: { type: 'string', default: '20000' },
      postgres: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const positive = (name: 'rounds' | 'messages' | 'in-flight' | 'rate' | 'seconds' | 'chats') => {
    if (!(Number(values[name]) > 0)) throw new Error(`--${name} must be a number above 0`);
    return Number(values[name]);
  };
  return {
    ...{ variants: values.vary, rounds: positive('rounds'), messages: positive('messages') },
    ...{ inFlight: positive('in-flight'), rate: positive('rate'), seconds: positive('seconds') },
    ...{ population: new Population(positive('chats')), postgres: values.postgres ?? null },
  };
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === null) {
    process.stdout.write(HELP);
    return;
  }
  const all: [title: string, settings: ServiceSettings][] = [
    [UNCHANGED, serviceSettings('')],
    ...options.variants.map((variant): [string, ServiceSettings] => [variant, serviceSettings(variant)]),
  ];
  const variants: Variant[] = [];
  for (const [title, settings] of all) variants.push(await start(title, settings, options));
  const work = new SteadyWorkload(options.population, new Bodies('mix'));
  for (let number = 0; number <= options.rounds; number += 1) {
    if (number > 0) console.error(`round ${number} of ${options.rounds}`);
    for (const variant of number % 2 === 0 ? variants : variants.toReversed())
      await round(variant, number, work, options);
  }
  console.log(report(variants, options));
}

try {
  await main();
} catch (error) {
  console.error(`services: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  for (const one of started) await one.stop().catch((error: Error) => console.error(`not stopped: ${error.message}`));
}
