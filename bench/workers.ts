/** One, two and four workers on this machine in turns, and the cost of stopping one. `--help` lists the options. */
import { parseArgs } from 'node:util';
import { migrate } from '../src/infrastructure/postgres/migrations.js';
import { type FleetRound, FleetRun, type HandOver } from './growth/fleet-run.js';
import { describeMachine } from './growth/machine.js';
import { reportName, writeReport } from './growth/report-files.js';
import { openStand, urlOf, withSql } from './growth/stand.js';
import { type WorkersResult, workersFaults, workersMarkdown } from './growth/workers-report.js';
import { linePlot } from './reporting/plot.js';
import { showProgress } from './running/progress.js';

const HELP = `Sends messages through 1, 2 and 4 workers in turns, in a closed loop: throughput, processor time, distribution of the
partitions. Then stops or kills one of two workers during a steady load.

  npm run bench -- workers [-- options]

  --counts LIST      numbers of workers (default: 1,2,4)
  --rounds N         rounds; in each, every number of workers in turn (default: 3)
  --messages N       messages per round and number of workers (default: 20000)
  --hand-overs N     stops, and kills (default: 3 each)
  --rate N           commands per second during a hand-over (default: 300)
  --report F         folder of the report (default: bench/reports)
  --help

Exits with 1 if a ledger did not close.
`;

const DATABASE = 'fleet';
/** Size of the warm-up, as a share of a round. */
const WARM_UP_SHARE = 0.25;

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interruption.abort(new Error('interrupted')));

function readOptions() {
  const { values } = parseArgs({
    options: {
      counts: { type: 'string', default: '1,2,4' },
      rounds: { type: 'string', default: '3' },
      messages: { type: 'string', default: '20000' },
      'hand-overs': { type: 'string', default: '3' },
      rate: { type: 'string', default: '300' },
      report: { type: 'string', default: 'bench/reports' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const positive = (name: string, text: string) => {
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} must be a whole number above 0`);
    return Number(text);
  };
  return {
    counts: values.counts.split(',').map((count) => positive('counts', count)),
    rounds: positive('rounds', values.rounds),
    messages: positive('messages', values.messages),
    handOvers: positive('hand-overs', values['hand-overs']),
    rate: positive('rate', values.rate),
    report: values.report,
  };
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === null) {
    process.stdout.write(HELP);
    return;
  }
  const stand = await openStand(null, async (serverUrl) => {
    await withSql(serverUrl, (sql) => sql.query(`CREATE DATABASE ${DATABASE}`));
    await migrate({ url: urlOf(serverUrl, DATABASE), folder: 'prisma/migrations' });
  });
  try {
    const machine = await describeMachine(stand.databaseUrl(DATABASE), stand.amqpUrl);
    const run = await FleetRun.open(stand, DATABASE, interruption.signal);
    const rounds: FleetRound[] = [];
    const handOvers: HandOver[] = [];
    try {
      await run.load(Math.ceil(options.messages * WARM_UP_SHARE));
      const progress = showProgress('workers, rounds', options.rounds);
      for (let round = 0; round < options.rounds; round += 1) {
        for (const count of round % 2 === 0 ? options.counts : options.counts.toReversed()) {
          await run.scale(count);
          rounds.push(await run.load(options.messages));
        }
        progress.at(round + 1);
      }
      progress.end();
      const handing = showProgress('hand-overs', 2 * options.handOvers);
      for (let n = 0; n < options.handOvers; n += 1)
        for (const how of ['told to stop', 'killed'] as const) {
          handOvers.push(await run.handOver(how, options.rate));
          handing.at(handOvers.length);
        }
      handing.end();
    } finally {
      await run.stop();
    }
    const at = new Date();
    const { rate } = options;
    rounds.sort((a, b) => a.workers - b.workers);
    const result: WorkersResult = { at: at.toISOString(), machine: machine(), rounds, handOvers, rate };
    const markdown = workersMarkdown(result);
    console.log(markdown);
    const plots = {
      throughput: linePlot({
        title: 'Workers on one machine',
        x: { title: 'workers' },
        y: { title: 'stored and dispatched per second' },
        points: rounds.map(({ workers, perSecond }) => ({ series: 'each round', x: workers, y: perSecond })),
      }),
    };
    const name = reportName('growth-workers', at, result.machine.commit);
    console.error(`report: ${await writeReport(options.report, name, result, markdown, plots)}`);
    if (workersFaults(result).length > 0) process.exitCode = 1;
  } finally {
    await stand.stop();
  }
}

try {
  await main();
} catch (error) {
  console.error(`workers: ${(error as Error).message}`);
  process.exitCode = 1;
}
