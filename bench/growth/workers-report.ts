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
      row('CPU-seconds per million: these together', allCpu),
      [
        'partitions of each',
        ...counts.map((workers) => rounds.find((round) => round.workers === workers)?.spread.join(', ') ?? ''),
      ],
    ]),
    `All processes share ${result.machine.cores} cores, the producer and the dispatch consumer too. So this shows what a worker more costs, and that partitions and order hold with several; it does not show how much more several take on machines of their own.`,
    `## A hand-over at ${rate} a second`,
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
