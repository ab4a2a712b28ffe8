/** One worker under a steady load for any time: growth, dead rows, memory and latency. `--help` lists the options. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import amqp, { type Channel } from 'amqplib';
import { names } from '../src/contract/messages/topology.js';
import { migrate } from '../src/infrastructure/postgres/migrations.js';
import { ChatTraffic, ledgerFaults, quantile } from './growth/chat-traffic.js';
import { measureDisk } from './growth/disk.js';
import { Conversation } from './growth/loading/conversation.js';
import { describeMachine } from './growth/machine.js';
import { reportName, writeReport } from './growth/report-files.js';
import { walPosition } from './growth/send-cost.js';
import { openStand, type Stand, urlOf, withSql } from './growth/stand.js';
import { type Sample, type SteadyResult, steadyMarkdown, steadyPlots } from './growth/steady-report.js';
import { measureBloat, residentBytes, tableStates } from './growth/table-state.js';
import { NO_DELAY } from './running/no-delay.js';
import { showProgress } from './running/progress.js';

const HELP = `Keeps one worker under a steady load (an open loop: commands are sent when they are due), and samples sizes, dead rows,
vacuum, memory, latency and queues. At the end it checks the ledger and measures bloat.

  npm run bench -- steady [-- options]

  --minutes N        (default: 60)
  --rate N           commands per second (default: 500)
  --chats N          groups of two, Zipf 1.0 (default: 5000)
  --every N          seconds between two samples (default: 10)
  --receipts TIME    retention of receipts; short, so that pruning is measured (default: 10m)
  --report F         folder of the report (default: bench/reports)
  --help

Exits with 1 if the ledger did not close.
`;

const DATABASE = 'steady';
const CREATE_IN_FLIGHT = 500;
const PARTITIONS = 8;

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interruption.abort(new Error('interrupted')));

interface Options {
  minutes: number;
  rate: number;
  chats: number;
  every: number;
  receipts: string;
  report: string;
}

async function measure(stand: Stand, { minutes, rate, chats, every, receipts, report }: Options): Promise<void> {
  const url = stand.databaseUrl(DATABASE);
  const machine = await describeMachine(url, stand.amqpUrl);
  const worker = await stand.startWorker(DATABASE, { RECEIPT_RETENTION: receipts });
  const broker = await amqp.connect(stand.amqpUrl, NO_DELAY);
  const traffic = await ChatTraffic.connect(stand.amqpUrl, DATABASE, interruption.signal);
  try {
    const channel = await broker.createChannel();
    const conversation = new Conversation(chats);
    traffic.onAccepted = (commandId, receipt) => conversation.accepted(commandId, receipt);
    await traffic.run(conversation.creations(), { inFlight: CREATE_IN_FLIGHT });
    traffic.takeLatencies();
    const count = Math.round(minutes * 60 * rate);
    const samples: Sample[] = [];
    const over = new AbortController();
    const before = await countEvents(url);
    const walBefore = await walPosition(url);
    const looking = look(over.signal, every, async (seconds) => {
      samples.push(await sample(url, channel, traffic, worker.pid, seconds));
    });
    const progress = showProgress('steady, commands', count);
    const ledger = await traffic.run(counted(conversation.acts(count), progress.at), { perSecond: rate });
    progress.end();
    over.abort();
    await looking;
    const wal = ((await walPosition(url)) - walBefore) / Math.max(1, count);
    const at = new Date();
    const bloat = await withSql(url, measureBloat);
    const stored = (await countEvents(url)) - before;
    const faults = ledgerFaults(ledger, stored);
    const result: SteadyResult = {
      at: at.toISOString(),
      machine: machine(),
      ...{ minutes, rate, chats, samples, bloat, wal, ledger, faults, receiptRetention: receipts },
      disk: await measureDisk(url),
    };
    const markdown = steadyMarkdown(result);
    console.log(markdown);
    const name = reportName('growth-steady', at, result.machine.commit);
    console.error(`report: ${await writeReport(report, name, result, markdown, steadyPlots(result))}`);
    if (faults.length > 0) process.exitCode = 1;
  } finally {
    await traffic.close();
    await broker.close();
    await worker.stop();
  }
}

function* counted<T>(commands: Iterable<T>, at: (done: number) => void): Generator<T> {
  let done = 0;
  for (const command of commands) {
    at(done);
    done += 1;
    yield command;
  }
}

/** Receipts expire, but every command of this load makes one event. */
async function countEvents(url: string): Promise<number> {
  return withSql(
    url,
    async (sql) => (await sql.query('SELECT count(*)::int AS events FROM chat_events')).rows[0].events,
  );
}

/** At each interval until the end, and once at the end. */
async function look(over: AbortSignal, every: number, take: (seconds: number) => Promise<void>): Promise<void> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1_000;
  for (let n = 1; !over.aborted; n += 1) {
    await sleep(Math.max(0, n * every - seconds()) * 1_000, undefined, { signal: over }).catch(() => undefined);
    await take(seconds());
  }
}

async function sample(
  url: string,
  channel: Channel,
  traffic: ChatTraffic,
  pid: number,
  seconds: number,
): Promise<Sample> {
  const latencies = traffic.takeLatencies();
  const both = (values: number[]) => ({ p50: quantile(values, 0.5), p99: quantile(values, 0.99) });
  const queues = [
    ...Array.from({ length: PARTITIONS }, (_, partition) => `${names.commands(DATABASE)}.p${partition}`),
    `${DATABASE}.dispatch`,
  ];
  let queued = 0;
  for (const queue of queues) queued += (await channel.checkQueue(queue)).messageCount;
  const { receipts, events } = traffic.pending;
  return {
    seconds,
    commands: latencies.receipt.length,
    receipt: both(latencies.receipt),
    dispatch: both(latencies.dispatch),
    pending: { receipts, events, queued },
    workerBytes: residentBytes(pid),
    tables: await withSql(url, tableStates),
  };
}

function readOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '60' },
      rate: { type: 'string', default: '500' },
      chats: { type: 'string', default: '5000' },
      every: { type: 'string', default: '10' },
      receipts: { type: 'string', default: '10m' },
      report: { type: 'string', default: 'bench/reports' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const positive = (name: 'minutes' | 'rate' | 'chats' | 'every') => {
    if (!(Number(values[name]) > 0)) throw new Error(`--${name} must be a number above 0`);
    return Number(values[name]);
  };
  return {
    ...{ minutes: positive('minutes'), rate: positive('rate'), chats: positive('chats'), every: positive('every') },
    ...{ receipts: values.receipts, report: values.report },
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
    await measure(stand, options);
  } finally {
    await stand.stop();
  }
}

try {
  await main();
} catch (error) {
  console.error(`steady: ${(error as Error).message}`);
  process.exitCode = 1;
}
