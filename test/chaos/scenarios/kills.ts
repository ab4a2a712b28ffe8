/**
 * A steady worker runs. Another one joins, gets its share, and is killed with SIGKILL at a failpoint; the steady worker
 * takes over.
 */
import type { Step } from '../../../src/application/runtime/failpoints.js';
import { CuttingProxy, type Fault } from '../../integration/prisma/cutting-proxy.js';
import { eventually } from '../../support/eventually.js';
import type { Row } from '../faults/table.js';
import { type FleetHarness, WITHIN_MS } from '../fleet-harness.js';
import { GATHERING_MS } from './database.js';
import type { Scenario } from './scenario.js';

const ROW: Row = 'kill -9 at each step';
/** Where a worker can be stopped. */
export const STEPS: readonly Step[] = [
  'received',
  'decided',
  'committed',
  'receipted',
  'acknowledging',
  'acknowledged',
  'published',
  'confirmed',
];
/** Maximum number of batches before the failpoint. */
const BATCHES_MAX = 4;

const atStep = (step: Step): Scenario => ({
  name: `kill-${step}`,
  row: ROW,
  what: `killed at "${step}", in one of its first batches`,
  async play(harness, round) {
    const victim = await harness.fleet.startPausingWorker(step, 1 + (round % BATCHES_MAX));
    await victim.line(/^paused at/, WITHIN_MS);
    await victim.kill();
    await harness.flows();
  },
});

/**
 * A failpoint in the proxy: it sees COMMIT, which the worker does not report.
 * @param partitionsMin the number of partitions in the batch, at least
 */
export const atCommit = (name: string, what: string, fault: Fault, partitionsMin = 0): Scenario => ({
  name,
  row: ROW,
  what,
  async play(harness: FleetHarness) {
    const wire = await CuttingProxy.before(harness.fleet.databaseUrl);
    try {
      const victim = await harness.fleet.startWorker({ DATABASE_URL: wire.url });
      await victim.ready();
      await eventually(async () => (await harness.fleet.ownership()).size > 1, {
        within: WITHIN_MS,
        what: 'the worker owns its share',
      });
      wire.onStrike = () => victim.send('SIGKILL');
      wire.partitionsMin = partitionsMin;
      if (partitionsMin > 1) wire.commitDelayMs = GATHERING_MS;
      wire.fault = fault;
      await victim.ended;
      await harness.flows();
    } finally {
      await wire.close();
    }
  },
});

export const kills: Scenario[] = [
  ...STEPS.map(atStep),
  atCommit('kill-written', 'killed when everything is written and COMMIT has not arrived', 'lose COMMIT'),
  atCommit('kill-committing', 'killed when COMMIT has arrived and its reply has not', 'lose the reply to COMMIT'),
];
