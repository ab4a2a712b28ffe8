import { median } from '../measuring/quantiles.js';
import type { Figures } from '../measuring/station.js';
import { LIVE_TITLE, STEADY_RATE, type WorkloadName } from '../options.js';
import type { BenchResult, Lane } from './bench-result.js';

/** One figure and its goal. */
export interface Goal {
  figure: string;
  /** `≥`: at least the bound; `≤`: at most. */
  is: '≥' | '≤';
  bound: number;
  digits: number;
  unit: string;
  /** The values of the rounds; the goal is for their median. Empty: not measured in this run. */
  values: number[];
}

export function isMet({ is, bound, values }: Goal): boolean | null {
  if (values.length === 0) return null;
  return is === '≥' ? median(values) >= bound : median(values) <= bound;
}

export const perSecond = ({ dispatchedPerSecond }: Figures) => dispatchedPerSecond;
/** CPU-seconds per million commands, of all processes except the load driver. */
export const allButDriver = ({ cpu }: Figures) => cpu.service + cpu.postgres + cpu.rabbitmq;

/** CPU-seconds per million commands, of the processes that make and pass on the copies of the live feed. */
const workerAndBroker = ({ cpu }: Figures) => cpu.service + cpu.rabbitmq;

export function laneOf({ lanes }: Pick<BenchResult, 'lanes'>, workload: WorkloadName, subject = 'Parley'): Lane {
  const found = lanes.find((lane) => lane.workload === workload && lane.subject === subject);
  return found ?? { workload, subject, rounds: [] };
}

/** The ratio of two lanes, by round: a temporary slowdown of the machine slows both. */
export function ratios(one: Lane, other: Lane, of: (figures: Figures) => number): number[] {
  return one.rounds.flatMap((figures, round) => {
    const beside = other.rounds[round];
    return beside === undefined || of(beside) === 0 ? [] : [of(figures) / of(beside)];
  });
}

export function goalsOf(result: Pick<BenchResult, 'lanes' | 'peer' | 'rates' | 'disk'>): Goal[] {
  const steady = laneOf(result, 'W1');
  const ceiling = laneOf(result, 'W1', 'ceiling');
  const naive = laneOf(result, 'W1', 'naive service');
  const ratio = { digits: 2, unit: '' };
  const ms = { digits: 0, unit: 'ms' };
  const latency = (label: string, of: (figures: Figures) => number) =>
    result.rates
      .find((series) => series.label === label && series.subject === 'Parley')
      ?.rounds.map(({ figures }) => of(figures)) ?? [];
  const p50 = ({ latencyMs }: Figures) => latencyMs.p50;
  const p99 = ({ latencyMs }: Figures) => latencyMs.p99;
  const { disk, peer } = result;
  const besidePeer = steady.rounds.flatMap((figures, round) => {
    const beside = peer?.rounds[round];
    return beside === undefined ? [] : [perSecond(figures) / beside.dispatchedPerSecond];
  });
  const bytes = disk === null ? [] : [disk.messageRows + disk.eventRows];
  const goal = (figure: string, is: Goal['is'], bound: number, values: number[], how: typeof ms): Goal => ({
    ...{ figure, is, bound, values },
    ...how,
  });
  return [
    goal(
      'W1 accepted, stored and dispatched per second ÷ ceiling',
      '≥',
      0.7,
      ratios(steady, ceiling, perSecond),
      ratio,
    ),
    goal('W1 ÷ naive', '≥', 5, ratios(steady, naive, perSecond), ratio),
    goal('W1 ÷ ejabberd with archive', '≥', 1.5, besidePeer, ratio),
    goal(
      "CPU-seconds per million, all but the driver ÷ ceiling's",
      '≤',
      1.5,
      ratios(steady, ceiling, allButDriver),
      ratio,
    ),
    goal(`produce → dispatch at ${STEADY_RATE}/s, p50`, '≤', 10, latency(`${STEADY_RATE}/s`, p50), ms),
    goal(`produce → dispatch at ${STEADY_RATE}/s, p99`, '≤', 40, latency(`${STEADY_RATE}/s`, p99), ms),
    goal('p99 at 50 % load', '≤', 100, latency('50 % load', p99), ms),
    goal('p99 at 80 % load', '≤', 250, latency('80 % load', p99), ms),
    goal('W2 ÷ W1', '≥', 0.5, ratios(laneOf(result, 'W2'), steady, perSecond), ratio),
    goal(
      'CPU-seconds per million of worker and RabbitMQ with a live reader ÷ without',
      '≤',
      1.03,
      ratios(laneOf(result, 'W1', LIVE_TITLE), steady, workerAndBroker),
      { digits: 3, unit: '' },
    ),
    goal('disk per message of 200 bytes: message and event with their indexes', '≤', 700, bytes, {
      digits: 0,
      unit: 'B',
    }),
  ];
}
