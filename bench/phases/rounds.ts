/** Closed loops, in turns, by round: W1 on all systems, W2 to W4 on Parley. */

import type { Station } from '../measuring/station.js';
import type { WorkloadName } from '../options.js';
import type { Lane } from '../reporting/bench-result.js';
import { parleyStation, type Stage, underLoad } from '../running/bench-harness.js';
import type { Step } from '../running/steps.js';
import type { PeerSeries } from '../subjects/peer.js';
import { DirtyWorkload } from '../workloads/dirty.js';
import { HotWorkload } from '../workloads/hot.js';
import type { Load } from '../workloads/load.js';
import { MixedWorkload } from '../workloads/mixed.js';

/**
 * Approximate commands per second on two quiet cores. Slower services get fewer commands, so that each is measured for
 * a similar time.
 */
const EXPECTED_RATES: Record<string, number> = { bench: 4_000, live: 4_000, ceiling: 5_000, naive: 700, usual: 1_000 };
/** For the peer with one-to-one messages and an archive. */
const PEER_RATE = 3_000;
/** The warm-up before the first round has the messages of a round, divided by this. */
const WARM_UP_SHARE = 4;
/** Each round has its own texts and its own sequence of chats, the same for all systems. */
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
  const peer = peerSteps(stage);
  const steps = turns.map((turn) =>
    measured('warm-up', turn, Math.ceil(turn.count / WARM_UP_SHARE), FIRST_SEED, false),
  );
  steps.push(...peer(0));
  for (let round = 1; round <= stage.options.rounds; round += 1) {
    const these = turns.map((turn) => measured(`round ${round}`, turn, turn.count, FIRST_SEED + round, true));
    these.push(...peer(round));
    steps.push(...(round % 2 === 1 ? these : these.toReversed()));
  }
  return steps;
}

/** The peer's part of a round; round 0 is the warm-up. */
function peerSteps({ peer, options, result }: Stage): (round: number) => Step[] {
  if (peer === null) return () => [];
  const series: PeerSeries = { title: peer.title, rounds: [] };
  result.peer = series;
  const share = PEER_RATE / (EXPECTED_RATES.bench ?? PEER_RATE);
  return (round) => {
    const count = Math.ceil((options.messages * share) / (round === 0 ? WARM_UP_SHARE : 1));
    return [
      {
        title: `${round === 0 ? 'warm-up' : `round ${round}`}, ${peer.title}`,
        total: count,
        seconds: count / PEER_RATE,
        run: async (progress) => {
          const figures = await peer.measure(count, `peer${round}-`, progress);
          if (round > 0) series.rounds.push(figures);
        },
      },
    ];
  };
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
