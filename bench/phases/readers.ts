/** W6: W1 at 50 % and at 80 % of Parley's throughput, with readers over REST. */

import { cpuSeconds } from '../measuring/cpu-time.js';
import { Readers } from '../measuring/readers.js';
import { parleyStation, type Stage, underLoad } from '../running/bench-harness.js';
import type { Step } from '../running/steps.js';
import { steadyRate } from './rates.js';

const FIRST_SEED = 4_000;
const LOAD_SHARES = [0.5, 0.8];
const MS_PER_SECOND = 1_000;

/** @param start registers a started process, so that it is stopped in any case */
export function readerSteps(
  stage: Stage,
  start: (what: string, begin: () => Promise<Readers>) => Promise<Readers>,
): Step[] {
  const { options, result, population, bodies, steady, parley } = stage;
  const station = parleyStation(stage);
  let readers: Readers | null = null;
  const round = (title: string, share: number, seconds: number, seed: number, isKept: boolean): Step => ({
    title,
    total: Math.ceil(seconds),
    seconds,
    run: async () => {
      readers ??= await start('REST', () => Readers.start(parley, population, bodies));
      const perSecond = steadyRate(stage) * share;
      const count = Math.ceil(perSecond * seconds);
      const ended = new AbortController();
      const { pid } = readers;
      const cpuBefore = cpuSeconds([pid]);
      const reading = readers.read(seed, ended.signal);
      try {
        const figures = await underLoad(station, steady, { count, seed }, (commands, prefix) =>
          station.measureAtRate(perSecond, commands, count, prefix, () => undefined),
        );
        ended.abort();
        const { reads, answered } = await reading;
        const answers = answered.ok + answered.unavailable + answered.failed;
        const cpuMsPerRead = ((cpuSeconds([pid]) - cpuBefore) * MS_PER_SECOND) / answers;
        if (isKept) result.readers.push({ share, perSecond, figures, reads, answered, cpuMsPerRead });
      } finally {
        ended.abort();
        await reading;
      }
    },
  });
  return [
    // Warms up the REST process.
    round('readers, warm-up', 0.5, options.seconds, FIRST_SEED, false),
    ...Array.from({ length: options.rounds }, (_, index) =>
      LOAD_SHARES.map((share) =>
        round(
          `readers ${index + 1}, ${share * 100} % load`,
          ...([share, options.seconds, FIRST_SEED + 10 * (index + 1), true] as const),
        ),
      ),
    ).flat(),
  ];
}
