import type { Figures } from './station.js';

/** A subject's rounds, in order. */
export interface Series {
  title: string;
  rounds: Figures[];
}

interface Row {
  label: string;
  /** Undefined where it does not apply. */
  of: (figures: Figures) => number | undefined;
  digits: number;
}

const allButDriver = ({ cpu }: Figures) => cpu.service + cpu.postgres + cpu.rabbitmq;

const ROWS: Row[] = [
  { label: 'accepted and stored per second', of: ({ storedPerSecond }) => storedPerSecond, digits: 0 },
  { label: 'stored and dispatched per second', of: ({ dispatchedPerSecond }) => dispatchedPerSecond, digits: 0 },
  { label: 'produce → dispatch under full load, p50, ms', of: ({ latencyMs }) => latencyMs.p50, digits: 0 },
  { label: 'produce → dispatch under full load, p99, ms', of: ({ latencyMs }) => latencyMs.p99, digits: 0 },
  { label: 'CPU-seconds per million: worker or service', of: ({ cpu }) => cpu.service, digits: 0 },
  { label: 'CPU-seconds per million: PostgreSQL', of: ({ cpu }) => cpu.postgres, digits: 0 },
  { label: 'CPU-seconds per million: RabbitMQ', of: ({ cpu }) => cpu.rabbitmq, digits: 0 },
  { label: 'CPU-seconds per million: these together', of: allButDriver, digits: 0 },
  { label: 'CPU-seconds per million: load driver', of: ({ cpu }) => cpu.driver, digits: 0 },
  { label: 'commands a batch', of: ({ batch }) => batch?.commands, digits: 1 },
  { label: 'a batch: reading, ms', of: ({ batch }) => batch?.readingMs, digits: 1 },
  { label: 'a batch: transaction, ms', of: ({ batch }) => batch?.transactionMs, digits: 1 },
];

/** One round's line. */
export function roundLine(series: readonly Series[], round: number): string {
  const parts = series.flatMap(({ title, rounds }) => {
    const figures = rounds[round];
    return figures === undefined ? [] : [`${title} ${figures.dispatchedPerSecond.toFixed(0)}/s`];
  });
  const [parley, ...others] = series;
  const each = others.flatMap((other) => {
    const ratio = ratios(parley === undefined ? [] : [parley, other], (figures) => figures.dispatchedPerSecond)[round];
    return ratio === undefined ? [] : [ratio.toFixed(2)];
  });
  return `round ${round + 1}: ${parts.join(', ')}${each.length === 0 ? '' : `, ratio ${each.join(' and ')}`}`;
}

/** The table: medians over the rounds, and in parentheses the lowest and the highest. With more than one series, the first one's ratio to each other one, round by round. */
export function report(series: readonly Series[]): string {
  const header = ['', ...series.map(({ title }) => title)];
  const absolute = ROWS.map(({ label, of, digits }) => [
    label,
    ...series.map(({ rounds }) =>
      spread(
        rounds.map(of).filter((value) => value !== undefined),
        digits,
      ),
    ),
  ]);
  const ledgers = ['ledger', ...series.map(({ rounds }) => ledger(rounds))];
  const [parley, ...others] = series;
  const compared = others.flatMap((other) => {
    const pair = parley === undefined ? [] : [parley, other];
    const ratio = pair.map(({ title }) => title).join(' ÷ ');
    const compare = (of: (figures: Figures) => number) => spread(ratios(pair, of), 2);
    return [
      [`stored and dispatched, ${ratio}`, compare(({ dispatchedPerSecond }) => dispatchedPerSecond)],
      [`CPU-seconds without the driver, ${ratio}`, compare(allButDriver)],
    ];
  });
  return table([header, ...absolute, ledgers, ...compared]);
}

export function isClosed(series: readonly Series[]): boolean {
  return series.every(({ rounds }) => rounds.every(({ faults }) => faults.length === 0));
}

/** Of the first series to the second, round by round: what slows the machine for a while slows both. */
function ratios([first, second]: readonly Series[], of: (figures: Figures) => number): number[] {
  if (first === undefined || second === undefined) return [];
  return first.rounds.flatMap((figures, round) => {
    const other = second.rounds[round];
    return other === undefined ? [] : [of(figures) / of(other)];
  });
}

function ledger(rounds: readonly Figures[]): string {
  const faults = rounds.flatMap(({ faults }, round) => faults.map((fault) => `round ${round + 1}: ${fault}`));
  return faults.length === 0 ? 'closed' : `NOT closed, void: ${faults.join('; ')}`;
}

export function spread(values: readonly number[], digits: number): string {
  if (values.length === 0) return '–';
  const sorted = values.toSorted((a, b) => a - b);
  const text = (value = 0) =>
    value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
  return sorted.length === 1 ? text(median) : `${text(median)} (${text(sorted[0])}–${text(sorted.at(-1))})`;
}

export function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
