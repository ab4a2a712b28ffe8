/** What a message of 200 bytes takes on disk, while the tables are still empty: nothing is reused, nothing is dead. */

import { parleyStation, type Stage, underLoad } from '../bench-harness.js';
import { Bodies, MEDIAN_BYTES } from '../bodies.js';
import { diskFigures, tableSizes } from '../disk.js';
import type { Step } from '../steps.js';
import { SteadyWorkload } from '../workloads/steady.js';

const SEED = 1;
/** Of a round's messages: as many again as it takes for pages to be full. */
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
