import { median } from '../measuring/quantiles.js';
import type { Figures } from '../measuring/station.js';
import { LIVE_TITLE, STEADY_RATE, type WorkloadName } from '../options.js';
import type { BenchResult, Lane } from './bench-result.js';

/** The share of Parley's throughput in W1 beside which the goal of a history page is measured. */
const HISTORY_SHARE = 0.5;

/** One figure and its goal. */
export interface Goal {
  figure: string;
  /** `≥`: at least the bound; `≤`: at most. */
  is: '≥' | '≤';
  bound: number;
  /** Must be met; `bound` is where we want to be. Null: there is none. */
  milestone: number | null;
  digits: number;
  unit: string;
  /** The values of the rounds; the goal is for their median. Empty: not measured in this run. */
  values: number[];
}

export function isMet({ is, bound, values }: Pick<Goal, 'is' | 'bound' | 'values'>): boolean | null {
  if (values.length === 0) return null;
  return is === '≥' ? median(values) >= bound : median(values) <= bound;
}

export function meetsMilestone({ milestone, ...goal }: Goal): boolean | null {
  return milestone === null ? null : isMet({ ...goal, bound: milestone });
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

export function goalsOf(result: Pick<BenchResult, 'lanes' | 'peer' | 'rates' | 'readers' | 'disk'>): Goal[] {
  const steady = laneOf(result, 'W1');
  const ceiling = laneOf(result, 'W1', 'ceiling');
  const naive = laneOf(result, 'W1', 'naive service');
  const atRate = (label: string, of: (figures: Figures) => number) =>
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
  const allBytes = disk === null ? [] : [disk.messageRows + disk.eventRows + disk.searchIndex + disk.receipts];
  const history = result.readers.filter(({ share }) => share === HISTORY_SHARE).map(({ reads }) => reads.history);
  const ratio = { digits: 2, unit: '' };
  const ms = { digits: 0, unit: 'ms' };
  const goal = (
    figure: string,
    is: Goal['is'],
    [milestone, bound]: readonly [milestone: number | null, bound: number],
    values: number[],
    how: Pick<Goal, 'digits' | 'unit'>,
  ): Goal => ({ ...{ figure, is, milestone, bound, values }, ...how });
  const rate = `${STEADY_RATE}/s`;
  return [
    goal('W1 a second ÷ ceiling', '≥', [0.75, 0.85], ratios(steady, ceiling, perSecond), ratio),
    goal('W1 ÷ naive', '≥', [null, 5], ratios(steady, naive, perSecond), ratio),
    goal('W1 ÷ ejabberd with archive', '≥', [1.4, 1.6], besidePeer, ratio),
    goal('CPU-seconds per million, closed loop, all but the driver', '≤', [400, 340], steady.rounds.map(allButDriver), {
      digits: 0,
      unit: 's',
    }),
    goal("… ÷ ceiling's", '≤', [null, 1.5], ratios(steady, ceiling, allButDriver), ratio),
    goal(`produce → dispatch at ${rate}, p50`, '≤', [20, 12], atRate(rate, p50), ms),
    goal(`produce → dispatch at ${rate}, p99`, '≤', [100, 60], atRate(rate, p99), ms),
    goal('produce → dispatch at 100/s, p50', '≤', [8, 4], atRate('100/s', p50), ms),
    goal('produce → dispatch at 100/s, p99', '≤', [30, 10], atRate('100/s', p99), ms),
    goal('produce → dispatch at 500/s, p50', '≤', [8, 6], atRate('500/s', p50), ms),
    goal('produce → dispatch at 500/s, p99', '≤', [30, 20], atRate('500/s', p99), ms),
    goal('CPU-seconds per million at 500/s, all but the driver', '≤', [1_500, 900], atRate('500/s', allButDriver), {
      digits: 0,
      unit: 's',
    }),
    goal('p99 at 50 % load', '≤', [120, 90], atRate('50 % load', p99), ms),
    goal('p99 at 80 % load', '≤', [450, 300], atRate('80 % load', p99), ms),
    goal(
      'REST: a history page beside W1 at 50 % load, p50',
      '≤',
      [15, 8],
      history.map(({ p50: half }) => half),
      ms,
    ),
    goal(
      'REST: a history page beside W1 at 50 % load, p99',
      '≤',
      [100, 60],
      history.map(({ p99: most }) => most),
      ms,
    ),
    goal('W2 ÷ W1', '≥', [null, 0.5], ratios(laneOf(result, 'W2'), steady, perSecond), ratio),
    goal(
      'CPU-seconds per million of worker and RabbitMQ with a live reader ÷ without',
      '≤',
      [null, 1.03],
      ratios(laneOf(result, 'W1', LIVE_TITLE), steady, workerAndBroker),
      { digits: 3, unit: '' },
    ),
    goal('disk per message of 200 bytes: message and event with their indexes', '≤', [null, 700], bytes, {
      digits: 0,
      unit: 'B',
    }),
    goal('… with receipt and search', '≤', [1_300, 1_100], allBytes, { digits: 0, unit: 'B' }),
  ];
}
