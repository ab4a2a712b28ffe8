/**
 * A worker as `parley worker` runs it, that burns 100 µs more a command: what the guard of the worker's cost must
 * notice.
 */
import type { Failpoints } from '../../src/application/runtime/failpoints.js';
import { runRoles } from '../../src/main/roles/run-roles.js';

const BURNED_MICROSECONDS_PER_COMMAND = 100;

const steps: Failpoints = {
  reached: () => undefined,
  reachedSync(step, { count }) {
    if (step !== 'decided') return;
    // Processor time, not time that others had: it is what the guard goes by.
    const began = process.cpuUsage();
    const burned = () => process.cpuUsage(began).user + process.cpuUsage(began).system;
    while (burned() < count * BURNED_MICROSECONDS_PER_COMMAND);
  },
};

await runRoles(['worker'], steps);
