import { spread, table } from '../reporting/report.js';
import type { EjabberdFigures } from './peer.js';

interface Row {
  label: string;
  of: (figures: EjabberdFigures) => number;
  digits: number;
}

const ROWS: Row[] = [
  { label: 'archived per second', of: ({ storedPerSecond }) => storedPerSecond, digits: 0 },
  { label: 'archived and delivered per second', of: ({ dispatchedPerSecond }) => dispatchedPerSecond, digits: 0 },
  { label: 'sender → receiver under full load, p50, ms', of: ({ latencyMs }) => latencyMs.p50, digits: 0 },
  { label: 'sender → receiver under full load, p99, ms', of: ({ latencyMs }) => latencyMs.p99, digits: 0 },
  { label: 'CPU-seconds per million: ejabberd', of: ({ cpu }) => cpu.service, digits: 0 },
  { label: 'CPU-seconds per million: PostgreSQL', of: ({ cpu }) => cpu.postgres, digits: 0 },
  { label: 'CPU-seconds per million: these together', of: ({ cpu }) => cpu.service + cpu.postgres, digits: 0 },
  { label: 'CPU-seconds per million: load driver', of: ({ cpu }) => cpu.driver, digits: 0 },
  { label: 'share of one core that the load driver used', of: ({ driverShare }) => driverShare, digits: 2 },
];

export function roundLine(round: number, { dispatchedPerSecond, ledger, faults }: EjabberdFigures): string {
  const { sent, delivered, archived, doubled, lost } = ledger;
  const counts = `${sent} sent, ${delivered} delivered, ${archived} archived, ${doubled} doubled, ${lost} lost`;
  return `round ${round}: ${dispatchedPerSecond.toFixed(0)}/s; ${counts}${faults.length === 0 ? '' : ': void'}`;
}

/** Medians over the rounds, with lowest and highest in parentheses. */
export function report(title: string, rounds: readonly EjabberdFigures[]): string {
  const faults = rounds.flatMap((figures, round) => figures.faults.map((fault) => `round ${round + 1}: ${fault}`));
  return table([
    ['', title],
    ...ROWS.map(({ label, of, digits }) => [label, spread(rounds.map(of), digits)]),
    ['ledger', faults.length === 0 ? 'closed' : `NOT closed, void: ${faults.join('; ')}`],
  ]);
}

export function isClosed(rounds: readonly EjabberdFigures[]): boolean {
  return rounds.every(({ faults }) => faults.length === 0);
}
