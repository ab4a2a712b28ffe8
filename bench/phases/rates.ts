/** Open loops: how long W1 takes from when a message is due to be sent until its event is dispatched, at rates that Parley can take. */
import type { RateSeries } from '../bench-result.js';
import { STEADY_RATE } from '../options.js';
import { median } from '../quantiles.js';
import { parleyStation, type Stage, underLoad } from '../stage.js';
import type { Step } from '../steps.js';

const FIRST_SEED = 2_000;

/** What Parley took of W1, in the middle of the rounds. */
export function steadyRate({ result }: Pick<Stage, 'result'>): number {
  const lane = result.lanes.find(({ workload, subject }) => workload === 'W1' && subject === 'Parley');
  return median(lane?.rounds.map(({ dispatchedPerSecond }) => dispatchedPerSecond) ?? []);
}

export function rateSteps(stage: Stage): Step[] {
  const { options, result, steady } = stage;
  const station = parleyStation(stage);
  const rates: { series: RateSeries; perSecond: () => number }[] = [
    { series: { label: `${STEADY_RATE}/s`, rounds: [] }, perSecond: () => STEADY_RATE },
    { series: { label: '50 % load', rounds: [] }, perSecond: () => steadyRate(stage) * 0.5 },
    { series: { label: '80 % load', rounds: [] }, perSecond: () => steadyRate(stage) * 0.8 },
  ];
  result.rates.push(...rates.map(({ series }) => series));
  const steps: Step[] = [];
  for (let round = 0; round < options.rounds; round += 1)
    for (const { series, perSecond } of rates)
      steps.push({
        title: `open loop ${round + 1}, ${series.label}`,
        total: Math.ceil(STEADY_RATE * options.seconds),
        seconds: options.seconds,
        run: async (progress) => {
          const rate = perSecond();
          const count = Math.ceil(rate * options.seconds);
          const figures = await underLoad(station, steady, { count, seed: FIRST_SEED + round }, (commands, prefix) =>
            station.measureAtRate(rate, commands, count, prefix, progress),
          );
          series.rounds.push({ perSecond: rate, figures });
        },
      });
  return steps;
}
