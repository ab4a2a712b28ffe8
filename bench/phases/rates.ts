/**
 * Open loops: the time from when a message of W1 is due until its event is dispatched, at rates that Parley can
 * sustain.
 */

import { median } from '../measuring/quantiles.js';
import type { Station } from '../measuring/station.js';
import { QUIET_RATES, STEADY_RATE } from '../options.js';
import type { RateSeries } from '../reporting/bench-result.js';
import { type Stage, underLoad } from '../running/bench-harness.js';
import type { Step } from '../running/steps.js';

const FIRST_SEED = 2_000;

/** Parley's throughput in W1: the median of the rounds. */
export function steadyRate({ result }: Pick<Stage, 'result'>): number {
  const lane = result.lanes.find(({ workload, subject }) => workload === 'W1' && subject === 'Parley');
  return median(lane?.rounds.map(({ dispatchedPerSecond }) => dispatchedPerSecond) ?? []);
}

const SUBJECTS = ['Parley', 'ceiling'];

type Rate = readonly [label: string, perSecond: () => number];

/** W1 at steady rates. */
export function rateSteps(stage: Stage): Step[] {
  return openLoops(stage, [
    [`${STEADY_RATE}/s`, () => STEADY_RATE],
    ['50 % load', () => steadyRate(stage) * 0.5],
    ['80 % load', () => steadyRate(stage) * 0.8],
  ]);
}

/** W7. */
export function quietSteps(stage: Stage): Step[] {
  return openLoops(
    stage,
    QUIET_RATES.map((rate) => [`${rate}/s`, () => rate]),
  );
}

/** Parley and the ceiling, in turns. */
function openLoops(stage: Stage, rates: readonly Rate[]): Step[] {
  const { options, result, stations } = stage;
  const turns = rates.flatMap(([label, perSecond]) =>
    stations
      .filter(({ subject }) => SUBJECTS.includes(subject.title))
      .map(
        (station): Turn => ({
          ...{ station, perSecond },
          series: { label, subject: station.subject.title, rounds: [] },
        }),
      ),
  );
  result.rates.push(...turns.map(({ series }) => series));
  const steps: Step[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    const these = turns.map((turn) => measured(stage, turn, round));
    steps.push(...(round % 2 === 0 ? these : these.toReversed()));
  }
  return steps;
}

interface Turn {
  station: Station;
  perSecond: () => number;
  series: RateSeries;
}

function measured({ options, steady }: Stage, { station, perSecond, series }: Turn, round: number): Step {
  return {
    title: `open loop ${round + 1}, ${series.label}, ${series.subject}`,
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
  };
}
