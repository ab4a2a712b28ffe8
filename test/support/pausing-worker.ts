/**
 * A worker as `parley worker` runs it, that stops dead at a named step of its n-th batch, says so, and waits to be killed. It blocks the
 * whole process, so nothing else goes on behind the step.
 */
import { writeSync } from 'node:fs';
import type { Step, StepListener } from '../../src/application/worker/steps.js';
import { runRoles } from '../../src/main/run-roles.js';

const pauseAt = process.env.PAUSE_AT as Step;
let batchesLeft = Number(process.env.PAUSE_AFTER_BATCHES ?? '1');

function block(step: Step): never {
  writeSync(1, `paused at ${step}\n`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  throw new Error('woken up');
}

function isDue(step: Step): boolean {
  if (step !== pauseAt) return false;
  batchesLeft -= 1;
  return batchesLeft <= 0;
}

/** What was written to a socket leaves with the next turns of the event loop; the broker's answer takes longer. */
async function bytesHaveLeft(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const steps: StepListener = {
  async reached(step, at) {
    if (!isDue(step)) return;
    // Behind `acknowledging` everything is published and confirmed: that is what this step is about.
    if (step === 'acknowledging') await at.published();
    if (step === 'published') await bytesHaveLeft();
    block(step);
  },
  reachedSync(step) {
    if (isDue(step)) block(step);
  },
};

await runRoles(['worker'], steps);
