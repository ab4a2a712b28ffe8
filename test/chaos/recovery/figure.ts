/** A measured value and its goal in every run. Null: no goal. */
export interface Measure {
  readonly name: string;
  readonly what: string;
  readonly unit: 's' | 'MiB' | '/s';
  readonly goal: number | null;
}

/** Keeps each sample at once, so that a later failure does not lose earlier ones. */
export type Take = (measure: Measure, sample: number) => void;

export const MS_PER_S = 1_000;

/** Everything measured so far, in the order in which it was first measured. */
export class Figures {
  private readonly all = new Map<Measure, number[]>();

  take(measure: Measure, sample: number): void {
    const samples = this.all.get(measure);
    if (samples === undefined) this.all.set(measure, [sample]);
    else samples.push(sample);
  }

  count(measure: Measure): number {
    return this.all.get(measure)?.length ?? 0;
  }

  /** Those of which a run did not stay below the goal. */
  get missed(): Measure[] {
    return [...this.all].flatMap(([measure, samples]) => (isMissed(measure, samples) ? [measure] : []));
  }

  get json(): string {
    return JSON.stringify(
      [...this.all].map(([measure, samples]) => ({
        ...measure,
        runs: samples.length,
        median: median(samples),
        worst: worst(samples),
        isMissed: isMissed(measure, samples),
        samples,
      })),
    );
  }

  /** A table in Markdown. */
  get table(): string {
    const rows = [...this.all].map(([measure, samples]) => {
      const { what, unit, goal } = measure;
      const digits = unit === 's' ? 2 : 0;
      const cells = [median(samples), worst(samples)].map((value) => `${value.toFixed(digits)} ${unit}`);
      const verdict =
        goal === null ? ['', ''] : [`< ${goal} ${unit}`, isMissed(measure, samples) ? '**missed**' : 'met'];
      return `| ${[what, samples.length, ...cells, ...verdict].join(' | ')} |`;
    });
    return ['| | runs | median | worst | goal | |', '| --- | --- | --- | --- | --- | --- |', ...rows].join('\n');
  }
}

function isMissed({ goal }: Measure, samples: readonly number[]): boolean {
  return goal !== null && !(worst(samples) < goal);
}

function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  const [below = Number.NaN, above = Number.NaN] = [sorted[middle - 1 + (sorted.length % 2)], sorted[middle]];
  return (below + above) / 2;
}

/** The highest. */
function worst(samples: readonly number[]): number {
  return Math.max(...samples);
}

export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / MS_PER_S;
}
