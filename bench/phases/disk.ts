/** Disk space of a message of 200 bytes, on tables that are still empty: without dead rows and reused space. */

import { diskFigures, tableSizes } from '../measuring/disk.js';
import { Bodies, MEDIAN_BYTES } from '../population/bodies.js';
import { parleyStation, type Stage, underLoad } from '../running/bench-harness.js';
import type { Step } from '../running/steps.js';
import { SteadyWorkload } from '../workloads/steady.js';

const SEED = 1;
/** As a share of the messages of a round: enough to fill pages. */
const SHARE = 0.5;
const EXPECTED_RATE = 3_000;

export function diskSteps(stage: Stage): Step[] {
  const { options, population, result } = stage;
  const station = parleyStation(stage);
  const count = Math.ceil(options.messages * SHARE);
  const load = new SteadyWorkload(population, new Bodies('flat'));
  return [
    {
      title: `disk, messages of ${MEDIAN_BYTES} bytes`,
      total: count,
      seconds: count / EXPECTED_RATE,
      run: async (progress) => {
        const { databaseUrl } = station.subject;
        const before = await tableSizes(databaseUrl);
        const { faults } = await underLoad(station, load, { count, seed: SEED }, (commands, prefix) =>
          station.measure(commands, count, prefix, progress),
        );
        if (faults.length > 0) throw new Error(`void: ${faults.join(', ')}`);
        result.disk = diskFigures(before, await tableSizes(databaseUrl), count);
      },
    },
  ];
}
