/** The plots of the report, as specifications for plot.ts. */
import type { TopLevelSpec } from 'vega-lite';
import { median } from '../measuring/quantiles.js';
import type { CpuSeconds } from '../measuring/station.js';
import type { BenchResult } from './bench-result.js';
import { perSecond } from './goals.js';
import { linePlot } from './plot.js';

const PERCENT = 100;
const CPU_KINDS: [string, keyof CpuSeconds][] = [
  ['worker or service', 'service'],
  ['PostgreSQL', 'postgres'],
  ['RabbitMQ', 'rabbitmq'],
  ['load driver', 'driver'],
];

/** Specifications by file name. Figures that were not measured have no plot. */
export function plotsOf(result: BenchResult): Record<string, TopLevelSpec> {
  return {
    ...(result.lanes.length === 0 ? {} : { throughput: throughput(result), cpu: cpu(result) }),
    ...(result.rates.length === 0 ? {} : { latency: latency(result) }),
  };
}

function throughput({ lanes }: BenchResult): TopLevelSpec {
  return linePlot({
    title: 'Stored and dispatched per second',
    subtitle: 'closed loop, round by round',
    x: { title: 'round', isCount: true },
    y: { title: 'commands a second' },
    points: lanes.flatMap(({ workload, subject, rounds }) =>
      rounds.map((figures, round) => ({ series: `${workload} ${subject}`, x: round + 1, y: perSecond(figures) })),
    ),
  });
}

/** The share of events that take longer, on a logarithmic scale, so that rare ones are visible. */
function latency({ rates }: BenchResult): TopLevelSpec {
  return linePlot({
    title: 'Produce → dispatch',
    subtitle: 'open loop, W1, from when each message was due; each point is the median over the rounds',
    x: { title: 'percent of the events that took longer', scale: 'log', reverse: true },
    y: { title: 'milliseconds', scale: 'log' },
    points: rates.flatMap(({ label, subject, rounds }) => {
      const shares = new Set(rounds.flatMap(({ figures }) => figures.latencyCurve.map(({ share }) => share)));
      return [...shares].map((share) => {
        const values = rounds.flatMap(({ figures }) =>
          figures.latencyCurve.filter((point) => point.share === share).map(({ value }) => value),
        );
        return { series: `${label}, ${subject}`, x: PERCENT * (1 - share), y: median(values) };
      });
    }),
  });
}

function cpu({ lanes }: BenchResult): TopLevelSpec {
  const values = lanes.flatMap(({ workload, subject, rounds }) =>
    CPU_KINDS.map(([kind, key]) => ({
      subject: `${workload} ${subject}`,
      kind,
      seconds: median(rounds.map((figures) => figures.cpu[key])),
    })),
  );
  return {
    title: { text: 'CPU-seconds per million commands', subtitle: 'closed loop, medians over the rounds' },
    data: { values },
    mark: 'bar',
    encoding: {
      y: { field: 'subject', type: 'nominal', title: null, sort: null },
      x: { field: 'seconds', type: 'quantitative', title: 'CPU-seconds per million', stack: 'zero' },
      color: { field: 'kind', type: 'nominal', title: null, sort: CPU_KINDS.map(([kind]) => kind) },
    },
  };
}
