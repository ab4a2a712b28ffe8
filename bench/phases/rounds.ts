/** Closed loops: W1 on Parley and on what it is compared with, W2 to W4 on Parley, in turns, round by round. */
import type { Lane } from '../bench-result.js';
import type { WorkloadName } from '../options.js';
import { parleyStation, type Stage, underLoad } from '../stage.js';
import type { Station } from '../station.js';
import type { Step } from '../steps.js';
import { DirtyWorkload } from '../workloads/dirty.js';
import { HotWorkload } from '../workloads/hot.js';
import type { Load } from '../workloads/load.js';
import { MixedWorkload } from '../workloads/mixed.js';

/** Commands a second on two quiet cores, about: slower services get fewer, so that each is measured for about as long. */
const EXPECTED_RATES: Record<string, number> = { bench: 4_000, ceiling: 5_000, naive: 700, usual: 1_000 };
/** Before the first round each gets one of so many of a round's messages: what has just started is slow. */
const WARM_UP_SHARE = 4;
/** Each round has texts and turns of its own, the same ones for everyone. */
const FIRST_SEED = 1_000;

interface Turn {
  station: Station;
  load: Load;
  lane: Lane;
  count: number;
}

export function roundSteps(stage: Stage): Step[] {
  const turns = turnsOf(stage);
  stage.result.lanes.push(...turns.map(({ lane }) => lane));
  const measured = (title: string, turn: Turn, count: number, seed: number, isKept: boolean): Step => ({
    title: `${title}, ${turn.lane.workload} ${turn.lane.subject}`,
    total: count,
    seconds: count / rateOf(turn.station),
    run: async (progress) => {
      const figures = await underLoad(turn.station, turn.load, { count, seed }, (commands, prefix) =>
        turn.station.measure(commands, count, prefix, progress),
      );
      if (isKept) turn.lane.rounds.push(figures);
    },
  });
  const steps = turns.map((turn) =>
    measured('warm-up', turn, Math.ceil(turn.count / WARM_UP_SHARE), FIRST_SEED, false),
  );
  for (let round = 0; round < stage.options.rounds; round += 1)
    for (const turn of round % 2 === 0 ? turns : turns.toReversed())
      steps.push(measured(`round ${round + 1}`, turn, turn.count, FIRST_SEED + 1 + round, true));
  return steps;
}

function turnsOf(stage: Stage): Turn[] {
  const { options, stations, steady, population, bodies } = stage;
  const parley = parleyStation(stage);
  const turn = (workload: WorkloadName, station: Station, load: Load): Turn => ({
    station,
    load,
    lane: { workload, subject: station.subject.title, rounds: [] },
    count: Math.ceil(options.messages * Math.min(1, rateOf(station) / rateOf(parley))),
  });
  const turns = stations.map((station) => turn('W1', station, steady));
  if (options.only.has('W2')) turns.push(turn('W2', parley, new HotWorkload(population, bodies)));
  if (options.only.has('W3')) turns.push(turn('W3', parley, new MixedWorkload(population, bodies)));
  if (options.only.has('W4')) turns.push(turn('W4', parley, new DirtyWorkload(population, bodies)));
  return turns;
}

function rateOf({ subject }: Station): number {
  return EXPECTED_RATES[subject.namespace] ?? 1_000;
}
