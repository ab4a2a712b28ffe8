/**
 * `parley worker` that uses 100 µs more processor time per command: the guard of the cost per command must notice it.
 */
import type { Failpoints } from '../../src/application/runtime/failpoints.js';
import { runRoles } from '../../src/main/roles/run-roles.js';

const BURNED_MICROSECONDS_PER_COMMAND = 100;

const steps: Failpoints = {
  reached: () => undefined,
  reachedSync(step, { count }) {
    if (step !== 'decided') return;
    // Processor time, which the guard measures, not wall time.
    const began = process.cpuUsage();
    const burned = () => process.cpuUsage(began).user + process.cpuUsage(began).system;
    while (burned() < count * BURNED_MICROSECONDS_PER_COMMAND);
  },
};

await runRoles(['worker'], steps);
