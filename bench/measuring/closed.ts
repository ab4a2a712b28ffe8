import type { BenchResult } from '../reporting/bench-result.js';

type Measured = Pick<BenchResult, 'lanes' | 'peer' | 'rates' | 'backlog' | 'readers' | 'verified' | 'brokenOff'>;

/** Why the run is void: each ledger that does not close, with its place in the run. */
export function voidBecause({ lanes, peer, rates, backlog, readers, verified, brokenOff }: Measured): string[] {
  const all = [
    ...lanes.map(({ workload, subject, rounds }) => ({ of: `${workload} ${subject}`, figures: rounds })),
    ...rates.map(({ label, subject, rounds }) => ({
      of: `open loop at ${label}, ${subject}`,
      figures: rounds.map((one) => one.figures),
    })),
    { of: peer?.title ?? '', figures: peer?.rounds ?? [] },
    { of: 'W5 backlog', figures: backlog },
    { of: 'W6 readers', figures: readers.map((one) => one.figures) },
  ];
  const ledgers = all.flatMap(({ of, figures }) =>
    figures.flatMap(({ faults }, round) => faults.map((fault) => `${of}, round ${round + 1}: ${fault}`)),
  );
  const reads = readers.flatMap(({ answered }, round) =>
    answered.failed === 0 ? [] : [`W6 readers, round ${round + 1}: ${answered.failed} reads failed`],
  );
  const early = brokenOff === null ? [] : [`broken off: ${brokenOff}`];
  return [...early, ...ledgers, ...reads, ...(verified?.faults.map((fault) => `parley verify: ${fault}`) ?? [])];
}

export function isClosed(result: Measured): boolean {
  return voidBecause(result).length === 0;
}
