/** A goal, and what was measured for it. */
export interface Figure {
  readonly name: string;
  readonly what: string;
  readonly unit: 's' | 'MiB';
  /** Every run shall stay below. */
  readonly goal: number;
  readonly samples: number[];
}

export const MS_PER_S = 1_000;

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  const [below = Number.NaN, above = Number.NaN] = [sorted[middle - 1 + (sorted.length % 2)], sorted[middle]];
  return (below + above) / 2;
}

export function worst(samples: readonly number[]): number {
  return Math.max(...samples);
}

export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / MS_PER_S;
}
