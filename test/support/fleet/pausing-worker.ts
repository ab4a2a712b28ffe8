/**
 * `parley worker`, or another role (PAUSE_ROLE), that blocks its whole process at a failpoint of its n-th batch, prints
 * this, and waits to be killed.
 */
import { existsSync, readFileSync, writeSync } from 'node:fs';
import type { Failpoints, RelayStep, Step } from '../../../src/application/runtime/failpoints.js';
import { runRoles } from '../../../src/main/roles/run-roles.js';

/** The failpoint: given at the start, or later by a file with JSON. */
interface Order {
  pauseAt: Step | RelayStep;
  batchesLeft: number;
}

const { PAUSE_ROLE = 'worker', PAUSE_AT, PAUSE_AFTER_BATCHES = '1', PAUSE_ORDERS } = process.env;
let order: Order | null =
  PAUSE_AT === undefined ? null : { pauseAt: PAUSE_AT as Order['pauseAt'], batchesLeft: Number(PAUSE_AFTER_BATCHES) };

function block(step: Order['pauseAt']): never {
  writeSync(1, `paused at ${step}\n`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  throw new Error('woken up');
}

function isDue(step: Order['pauseAt']): boolean {
  if (order === null && PAUSE_ORDERS !== undefined && existsSync(PAUSE_ORDERS))
    order = JSON.parse(readFileSync(PAUSE_ORDERS, 'utf8')) as Order;
  if (step !== order?.pauseAt) return false;
  order.batchesLeft -= 1;
  return order.batchesLeft <= 0;
}

/** Data written to a socket is sent in the next turns of the event loop; the broker's reply takes longer. */
async function bytesHaveLeft(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const steps: Failpoints = {
  async reached(step, at) {
    if (!isDue(step)) return;
    // After `acknowledging` everything is published and confirmed, which this failpoint needs.
    if (step === 'acknowledging') await at.published();
    if (step === 'published') await bytesHaveLeft();
    block(step);
  },
  reachedSync(step) {
    if (isDue(step)) block(step);
  },
  relayReached(step, { count }) {
    if (count > 0 && isDue(step)) block(step);
  },
};

await runRoles([PAUSE_ROLE], steps);
