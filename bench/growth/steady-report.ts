import type { TopLevelSpec } from 'vega-lite';
import { RECEIPT_TABLES } from '../measuring/receipt-tables.js';
import { linePlot, type Point } from '../reporting/plot.js';
import type { TrafficLedger } from './chat-traffic.js';
import { bytesPerMessage, bytesPerRow, type Disk } from './disk.js';
import { type Machine, machineLine } from './machine.js';
import { markdownTable } from './report-files.js';
import type { Bloat, TableState } from './table-state.js';

export interface Sample {
  seconds: number;
  commands: number;
  receipt: { p50: number; p99: number };
  dispatch: { p50: number; p99: number };
  /** Commands without an answer; events not dispatched; messages in the broker's queues. */
  pending: { receipts: number; events: number; queued: number };
  workerBytes: number;
  tables: TableState[];
}

export interface SteadyResult {
  at: string;
  machine: Machine;
  minutes: number;
  rate: number;
  chats: number;
  receiptRetention: string;
  samples: Sample[];
  bloat: Bloat[];
  /** Bytes of write-ahead log per command. */
  wal: number;
  disk: Disk[];
  ledger: TrafficLedger;
  faults: string[];
}

const MIB = 2 ** 20;
const mib = (bytes = 0) => (bytes / MIB).toFixed(1);

export function steadyMarkdown(result: SteadyResult): string {
  const { samples, bloat, ledger, faults, disk } = result;
  const [first] = samples;
  const last = samples.at(-1);
  const half = samples[Math.floor(samples.length / 2)];
  const of = (sample: Sample | undefined, table: string) => sample?.tables.find((one) => one.table === table);
  const tables = (last?.tables ?? []).map(({ table, live, dead, updates, hot, autovacuums, bytes, indexBytes }) => {
    const most = Math.max(...samples.map((sample) => of(sample, table)?.dead ?? 0));
    return [
      table,
      ...[of(first, table), of(half, table)].map((one) => mib((one?.bytes ?? 0) + (one?.indexBytes ?? 0))),
      `${mib(bytes + indexBytes)} (${mib(indexBytes)})`,
      `${live}`,
      `${dead} / ${most}`,
      `${updates}`,
      updates === 0 ? '–' : `${((100 * hot) / updates).toFixed(1)} %`,
      `${autovacuums}`,
    ];
  });
  const spans = [samples.slice(0, Math.ceil(samples.length / 4)), samples.slice(-Math.ceil(samples.length / 4))];
  const mean = (span: Sample[] = [], pick: (sample: Sample) => number) =>
    (span.reduce((sum, sample) => sum + pick(sample), 0) / Math.max(1, span.length)).toFixed(1);
  const row = (label: string, pick: (sample: Sample) => number) => [label, ...spans.map((span) => mean(span, pick))];
  return [
    `# Steady: ${result.minutes} minutes at ${result.rate} commands per second`,
    `${result.at}. ${machineLine(result.machine)}`,
    `One worker, ${result.chats.toLocaleString('en')} groups of two, Zipf 1.0; about 20 % reads, 4 % edits, 6 % reactions, ` +
      `the rest messages of 200 bytes. The retention of receipts is ${result.receiptRetention}, so that pruning is ` +
      'included. PostgreSQL with the settings of `npm start`.',
    `Ledger: ${faults.length === 0 ? 'closed' : `**not closed**: ${faults.join('; ')}`}: ${ledger.attempted} sent, ` +
      `${ledger.accepted} accepted, ${ledger.dispatched} dispatched, ${ledger.repeated} repeats, ${ledger.gaps} gaps. ` +
      `Write-ahead log: ${result.wal.toFixed(0)} bytes per command.`,
    '## First and last quarter',
    markdownTable([
      ['mean of the samples', 'first', 'last'],
      row('receipt, p50, ms', ({ receipt }) => receipt.p50),
      row('receipt, p99, ms', ({ receipt }) => receipt.p99),
      row('dispatch, p50, ms', ({ dispatch }) => dispatch.p50),
      row('dispatch, p99, ms', ({ dispatch }) => dispatch.p99),
      row("the worker's memory, MiB", ({ workerBytes }) => workerBytes / MIB),
      row('messages in queues', ({ pending }) => pending.queued),
      row('sent, not dispatched', ({ pending }) => pending.events),
    ]),
    '## Tables',
    markdownTable([
      [
        '',
        'MiB at the start',
        'half way',
        'at the end (indexes)',
        'live rows',
        'dead rows: at the end / maximum',
        'updates',
        'HOT',
        'autovacuums',
      ],
      ...tables,
    ]),
    '## Bloat at the end',
    'Percent of the bytes, by `pgstattuple`. For an index, unused space in its leaf pages: up to 10 is the fill factor, ' +
      'about 30 is normal for random keys.',
    markdownTable([
      ['', 'MiB', 'dead', 'free'],
      ...bloat
        .filter(({ bytes }) => bytes > 0)
        .map(({ relation, bytes, dead, free }) => [relation, mib(bytes), dead.toFixed(1), free.toFixed(1)]),
    ]),
    '## Disk',
    'Bytes a row, as written by Parley itself from an empty store on.',
    markdownTable([
      ['', 'bytes a row'],
      ...disk
        .filter(({ rows }) => rows > 0)
        .map((one) => [one.index ?? `**${one.table}**`, bytesPerRow(one).toFixed(0)]),
      ['**message and event, without search**', bytesPerMessage(disk).toFixed(0)],
    ]),
  ].join('\n\n');
}

export function steadyPlots({ samples }: SteadyResult): Record<string, TopLevelSpec> {
  const x = { title: 'minutes' };
  const minutes = ({ seconds }: Sample) => seconds / 60;
  const line = (series: string, y: (sample: Sample) => number): Point[] =>
    samples.map((sample) => ({ series, x: minutes(sample), y: y(sample) }));
  const tables = (of: (state: TableState) => number, only: (state: TableState) => boolean) =>
    samples.flatMap((sample) =>
      sample.tables.filter(only).map((state) => ({ series: state.table, x: minutes(sample), y: of(state) })),
    );
  return {
    latency: linePlot({
      title: 'From when it was due to its receipt, and to dispatch',
      x,
      y: { title: 'milliseconds', scale: 'log' },
      points: [
        ...line('receipt p50', ({ receipt }) => receipt.p50),
        ...line('receipt p99', ({ receipt }) => receipt.p99),
        ...line('dispatch p50', ({ dispatch }) => dispatch.p50),
        ...line('dispatch p99', ({ dispatch }) => dispatch.p99),
      ],
    }),
    sizes: linePlot({
      title: 'Tables with their indexes',
      x,
      y: { title: 'MiB' },
      points: tables(
        ({ bytes, indexBytes }) => (bytes + indexBytes) / MIB,
        () => true,
      ),
    }),
    dead: linePlot({
      title: 'Dead rows',
      x,
      y: { title: 'rows' },
      points: tables(
        ({ dead }) => dead,
        ({ updates, table }) => updates > 0 || RECEIPT_TABLES.includes(table),
      ),
    }),
    memory: linePlot({
      title: "The worker's memory",
      x,
      y: { title: 'MiB' },
      points: line('worker', ({ workerBytes }) => workerBytes / MIB),
    }),
  };
}
