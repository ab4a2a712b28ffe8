/** The report as Markdown: goals, then measurements, then the machine. */

import { voidBecause } from '../measuring/closed.js';
import type { Quantiles } from '../measuring/quantiles.js';
import type { Figures } from '../measuring/station.js';
import { WORKLOADS } from '../options.js';
import { namedSettings } from '../running/given-settings.js';
import type { PeerFigures } from '../subjects/peer.js';
import type { BenchResult, Lane, ReadersRound } from './bench-result.js';
import { allButDriver, type Goal, goalsOf, isMet, laneOf, meetsMilestone, perSecond, ratios } from './goals.js';
import { markdownTable, spread } from './report.js';

const PERCENT = 100;

/** @param plots file names by title; null: no plots */
export function markdown(result: BenchResult, plots: Readonly<Record<string, string>> | null): string {
  const faults = voidBecause(result);
  const ledger =
    faults.length === 0
      ? 'Every ledger is closed: each command has exactly the expected answer; accepted commands are stored, published ' +
        'and dispatched, once and in order.' +
        verified(result)
      : `**Void**:\n\n${faults.map((fault) => `- ${fault}`).join('\n')}`;
  const drawn = Object.entries(plots ?? {}).map(([title, file]) => `![${title}](${file})`);
  return [
    `# Bench, ${result.startedAt}, ${result.commit}`,
    'Medians over the rounds, with the lowest and highest in parentheses; ratios are computed for each round. On a ' +
      'machine with other load, ratios and CPU-seconds are the most reliable figures.',
    ledger,
    '## Goals',
    goalsTable(goalsOf(result)),
    ...section('Throughput (closed loop) and cost', lanesTable(result)),
    ...section('A peer, with its own protocol and guarantees', peerTable(result)),
    ...drawn,
    ...section('Latency (open loop, from when each message was due)', ratesTable(result)),
    ...section('W5: draining a backlog', backlogTable(result)),
    ...[0.5, 0.8].flatMap((share) =>
      section(`W6: reads beside W1 at ${share * 100} % load`, readersTable(readersAt(result, share))),
    ),
    ...section('Disk: bytes per message of 200 bytes', diskTable(result)),
    '## Machine',
    machineTable(result),
    '',
  ].join('\n\n');
}

function verified({ verified: store }: BenchResult): string {
  return store === null ? '' : ` \`parley verify\` found nothing wrong in ${store.rows.toLocaleString('en')} rows.`;
}

function section(title: string, table: string | null): string[] {
  return table === null ? [] : [`## ${title}`, table];
}

function goalsTable(goals: readonly Goal[]): string {
  const rows = goals.map((goal) => {
    const met = isMet(goal);
    const unit = goal.unit === '' ? '' : ` ${goal.unit}`;
    return [
      goal.figure,
      goal.milestone === null ? '' : `${goal.is} ${goal.milestone}${unit}`,
      `${goal.is} ${goal.bound}${unit}`,
      met === null ? 'not measured' : `${spread(goal.values, goal.digits)}${unit}`,
      met === null ? '–' : verdict(goal),
    ];
  });
  return markdownTable([['figure', 'milestone', 'goal', 'measured', ''], ...rows]);
}

function verdict(goal: Goal): string {
  if (isMet(goal)) return 'met';
  return meetsMilestone(goal) ? 'milestone met' : '**missed**';
}

function lanesTable(result: BenchResult): string | null {
  const { lanes } = result;
  if (lanes.length === 0) return null;
  const steady = laneOf(result, 'W1');
  const row = (label: string, cell: (lane: Lane) => string) => [label, ...lanes.map(cell)];
  const figure = (label: string, of: (figures: Figures) => number | undefined, digits: number) =>
    row(label, ({ rounds }) =>
      spread(
        rounds.map(of).filter((value) => value !== undefined),
        digits,
      ),
    );
  const beside = (lane: Lane, of: (figures: Figures) => number) =>
    lane === steady ? '' : spread(ratios(lane, steady, of), 2);
  const kinds = ({ rounds }: Lane) =>
    Object.entries(rounds[0]?.kinds ?? {})
      .map(([kind, count]) => `${kind} ${((PERCENT * count) / (rounds[0]?.commands ?? 1)).toFixed(1)} %`)
      .join(', ');
  return markdownTable([
    row('', ({ workload, subject }) => `${workload} ${subject}`),
    row('commands, by what becomes of them (first round)', kinds),
    figure('accepted and stored per second', ({ storedPerSecond }) => storedPerSecond, 0),
    figure('stored and dispatched per second', perSecond, 0),
    row('÷ W1 of Parley, each round', (lane) => beside(lane, perSecond)),
    figure('CPU-seconds per million: worker or service', ({ cpu }) => cpu.service, 0),
    figure('CPU-seconds per million: PostgreSQL', ({ cpu }) => cpu.postgres, 0),
    figure('CPU-seconds per million: RabbitMQ', ({ cpu }) => cpu.rabbitmq, 0),
    figure('CPU-seconds per million: these together', allButDriver, 0),
    row('÷ W1 of Parley, each round', (lane) => beside(lane, allButDriver)),
    figure('CPU-seconds per million: load driver', ({ cpu }) => cpu.driver, 0),
    figure('produce → dispatch under full load, p50, ms', ({ latencyMs }) => latencyMs.p50, 0),
    figure('produce → dispatch under full load, p99, ms', ({ latencyMs }) => latencyMs.p99, 0),
    figure('commands a batch', ({ batch }) => batch?.commands, 1),
    figure('search index behind at the end, s', ({ search }) => search?.lag.seconds, 1),
    figure('search index complete after, s', ({ search }) => search?.caughtUpSeconds, 1),
    figure('a batch: reading, ms', ({ batch }) => batch?.readingMs, 1),
    figure('a batch: transaction, ms', ({ batch }) => batch?.transactionMs, 1),
    figure("the worker's event loop late by, p50, ms", ({ loopDelayMs }) => loopDelayMs?.p50, 1),
    figure("the worker's event loop late by, p99, ms", ({ loopDelayMs }) => loopDelayMs?.p99, 1),
  ]);
}

function peerTable({ peer }: BenchResult): string | null {
  if (peer === null) return null;
  const figure = (label: string, of: (figures: PeerFigures) => number) => [label, spread(peer.rounds.map(of), 0)];
  return markdownTable([
    ['', peer.title],
    figure('archived per second', ({ storedPerSecond }) => storedPerSecond),
    figure('delivered per second', ({ dispatchedPerSecond }) => dispatchedPerSecond),
    figure('CPU-seconds per million: its process', ({ cpu }) => cpu.service),
    figure('CPU-seconds per million: PostgreSQL', ({ cpu }) => cpu.postgres),
    figure('sender → receiver under full load, p50, ms', ({ latencyMs }) => latencyMs.p50),
    figure('sender → receiver under full load, p99, ms', ({ latencyMs }) => latencyMs.p99),
  ]);
}

const QUANTILES: [string, (quantiles: Quantiles) => number][] = [
  ['p50', ({ p50 }) => p50],
  ['p90', ({ p90 }) => p90],
  ['p99', ({ p99 }) => p99],
  ['p99.9', ({ p999 }) => p999],
  ['max', ({ max }) => max],
];

function ratesTable({ rates }: BenchResult): string | null {
  if (rates.length === 0) return null;
  return markdownTable([
    ['produce → dispatch, ms', '', 'a second', ...QUANTILES.map(([label]) => label), 'commands a batch'],
    ...rates.map(({ label, subject, rounds }) => [
      label,
      subject,
      spread(
        rounds.map((round) => round.perSecond),
        0,
      ),
      ...QUANTILES.map(([, of]) =>
        spread(
          rounds.map(({ figures }) => of(figures.latencyMs)),
          1,
        ),
      ),
      spread(
        rounds.flatMap(({ figures: { batch } }) => (batch === null ? [] : [batch.commands])),
        1,
      ),
    ]),
  ]);
}

function backlogTable({ backlog, options }: BenchResult): string | null {
  if (backlog.length === 0) return null;
  return markdownTable([
    [`${options.backlog.toLocaleString('en')} commands wait, then a worker starts`, 'measured'],
    ['drained per second, from the first event on', spread(backlog.map(perSecond), 0)],
    [
      'CPU-seconds per million: worker, its start included',
      spread(
        backlog.map(({ cpu }) => cpu.service),
        0,
      ),
    ],
    ['CPU-seconds per million: all but the driver', spread(backlog.map(allButDriver), 0)],
  ]);
}

/** Reports from before there was a share were all made at 80 %. */
function readersAt({ readers }: BenchResult, share: number): ReadersRound[] {
  return readers.filter((round) => (round.share ?? 0.8) === share);
}

function readersTable(readers: readonly ReadersRound[]): string | null {
  if (readers.length === 0) return null;
  const row = (label: string, of: (round: ReadersRound) => Quantiles) => [
    label,
    spread(
      readers.map((round) => of(round).count),
      0,
    ),
    ...QUANTILES.map(([, quantile]) =>
      spread(
        readers.map((round) => quantile(of(round))),
        1,
      ),
    ),
  ];
  return markdownTable([
    ['ms, from when each was due', 'a round', ...QUANTILES.map(([label]) => label)],
    row('history, a page of 50', ({ reads }) => reads.history),
    row('list of chats, 50', ({ reads }) => reads.list),
    row('search for a word, 50', ({ reads }) => reads.search),
    [
      'answered 503: not able to at the moment',
      spread(
        readers.map(({ answered }) => answered.unavailable),
        0,
      ),
      ...QUANTILES.map(() => ''),
    ],
    [
      'CPU of the REST process a read, ms',
      spread(
        readers.map(({ cpuMsPerRead }) => cpuMsPerRead),
        1,
      ),
      ...QUANTILES.map(() => ''),
    ],
    row('produce → dispatch meanwhile', ({ figures }) => figures.latencyMs),
  ]);
}

function diskTable({ disk }: BenchResult): string | null {
  if (disk === null) return null;
  const bytes = (value: number) => value.toFixed(0);
  return markdownTable([
    [`${disk.messages.toLocaleString('en')} messages`, 'bytes each'],
    ['message with its indexes, but for search', bytes(disk.messageRows)],
    ['event with its indexes', bytes(disk.eventRows)],
    ['beside it: search index', bytes(disk.searchIndex)],
    ['beside it: receipt with its indexes', bytes(disk.receipts)],
    ['beside it: decision log', bytes(disk.decisions)],
    ...disk.parts.map((part) => [`\`${part.name}\``, bytes(part.bytes)]),
    ...disk.missing.map((name) => [`\`${name}\``, '0: not in this database']),
  ]);
}

function machineTable({ machine, options }: BenchResult): string {
  const { only, rounds, messages, chats, bodies, seconds, inFlight, workers, partitions, sampleRate } = options;
  const settings = namedSettings(options.settings);
  const ofWorkers = namedSettings(options.workerSettings ?? {}); // absent in reports from before there was --worker
  return markdownTable([
    ['', ''],
    ['processor', `${machine.cpu}, ${machine.cores} cores, which hold everything`],
    ['memory', `${machine.memoryGib} GiB`],
    ['kernel', machine.kernel],
    ['Node, PostgreSQL, RabbitMQ', `${machine.node}, ${machine.postgres}, ${machine.rabbitmq}`],
    ...(settings === null ? [] : [["PostgreSQL's settings", settings]]),
    ...(ofWorkers === null ? [] : [["the workers' settings", ofWorkers]]),
    ['load before', `${machine.loadBefore}`],
    ['workloads', only.map((name) => `${name} ${WORKLOADS[name]}`).join('; ')],
    [
      'size',
      `${rounds} rounds of ${messages} commands over ${chats} chats, bodies: ${bodies}, open loops of ${seconds} s`,
    ],
    ['load', `closed loops with ${inFlight} in flight; ${workers} worker process(es), ${partitions} partitions`],
    ['decision log', `keeps ${sampleRate} of the permits`],
    ...(options.prepare === null ? [] : [['tried', `\`${options.prepare}\``]]),
  ]);
}
