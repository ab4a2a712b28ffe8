import type { FleetRound, HandOver } from './fleet-run.js';
import { type Machine, machineLine } from './machine.js';
import { markdownTable, median, spreadOf } from './report-files.js';

export interface WorkersResult {
  at: string;
  machine: Machine;
  rounds: FleetRound[];
  handOvers: HandOver[];
  rate: number;
}

export const allCpu = ({ cpu }: FleetRound) => cpu.workers + cpu.postgres + cpu.rabbitmq;

export const workersFaults = ({ rounds, handOvers }: WorkersResult) =>
  [...rounds, ...handOvers].flatMap(({ faults }) => faults);

export function workersMarkdown(result: WorkersResult): string {
  const { rounds, handOvers, rate } = result;
  const counts = [...new Set(rounds.map(({ workers }) => workers))];
  const of = (workers: number, pick: (round: FleetRound) => number) =>
    rounds.filter((round) => round.workers === workers).map(pick);
  const row = (label: string, pick: (round: FleetRound) => number) => [
    label,
    ...counts.map((workers) => spreadOf(of(workers, pick), 0)),
  ];
  const faults = workersFaults(result);
  return [
    '# More workers, and hand-overs',
    `${result.at}. ${machineLine(result.machine)}`,
    `Ledger: ${faults.length === 0 ? 'closed in every round' : `**not closed**: ${faults.join('; ')}`}.`,
    markdownTable([
      ['workers', ...counts.map(String)],
      row('stored and dispatched per second', ({ perSecond }) => perSecond),
      row('CPU-seconds per million: workers', ({ cpu }) => cpu.workers),
      row('CPU-seconds per million: PostgreSQL', ({ cpu }) => cpu.postgres),
      row('CPU-seconds per million: RabbitMQ', ({ cpu }) => cpu.rabbitmq),
      row('CPU-seconds per million: total', allCpu),
      [
        'partitions of each',
        ...counts.map((workers) => rounds.find((round) => round.workers === workers)?.spread.join(', ') ?? ''),
      ],
    ]),
    `All processes share ${result.machine.cores} cores, also the producer and the dispatch consumer. So this shows the ` +
      'cost of another worker, and that partitions and order hold with several workers. It does not show the throughput ' +
      'of several machines.',
    `## A hand-over at ${rate} commands per second`,
    markdownTable([
      [
        'one of two workers is',
        'partitions',
        'until all had another owner, ms',
        'events that came again',
        'receipts before, p99, ms',
        'longest wait for a receipt, ms',
      ],
      ...(['told to stop', 'killed'] as const).map((how) => {
        const these = handOvers.filter((one) => one.how === how);
        const of = (pick: (one: HandOver) => number) => spreadOf(these.map(pick), 0);
        return [
          `${how}, ${these.length} times`,
          `${median(these.map(({ partitions }) => partitions))}`,
          of(({ milliseconds }) => milliseconds),
          of(({ repeated }) => repeated),
          of(({ before }) => before),
          of(({ longest }) => longest),
        ];
      }),
    ]),
  ].join('\n\n');
}
