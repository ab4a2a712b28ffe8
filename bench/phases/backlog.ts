/** W5: commands wait in the queues while no worker runs; then one worker starts and drains them. */
import { parleyStation, type Stage, underLoad } from '../running/bench-harness.js';
import type { Step } from '../running/steps.js';

const FIRST_SEED = 3_000;
/** Commands per second on two quiet cores, for filling and draining together. */
const EXPECTED_RATE = 2_500;

export function backlogSteps(stage: Stage): Step[] {
  const { options, result, steady } = stage;
  const station = parleyStation(stage);
  return Array.from({ length: options.rounds }, (_, round) => ({
    title: `backlog ${round + 1}`,
    // Each command counts twice: when it waits and when it is drained.
    total: 2 * options.backlog,
    seconds: options.backlog / EXPECTED_RATE,
    run: async (progress) => {
      const load = { count: options.backlog, seed: FIRST_SEED + round };
      result.backlog.push(
        await underLoad(station, steady, load, (commands, prefix) =>
          station.measureBacklog(commands, options.backlog, prefix, progress),
        ),
      );
    },
  }));
}
