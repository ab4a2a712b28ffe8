/**
 * `parley dev` that stops dead, the whole process, right behind the first commit after PAUSE_FILE has appeared, and
 * waits to be killed.
 */
import { existsSync, writeSync } from 'node:fs';
import type { Failpoints } from '../../../../src/application/runtime/failpoints.js';
import { runDev } from '../../../../src/main/dev/dev.js';

const pauseFile = process.env.PAUSE_FILE ?? '';

const steps: Failpoints = {
  reached: () => undefined,
  reachedSync(step) {
    if (step !== 'committed' || !existsSync(pauseFile)) return;
    writeSync(1, 'paused behind the commit\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
};

await runDev(steps);
