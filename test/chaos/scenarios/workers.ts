import type { Row } from '../faults/table.js';
import { type FleetHarness, lasting } from '../fleet-harness.js';
import type { Scenario } from './scenario.js';

const HAND_OVERS = 3;
const ROW: Row = 'take-over and shutdown within a batch, two owners, a frozen owner';
export const HOUR_MS = 3_600_000;
/** Longer than a worker counts as alive, shorter than its connections do. */
const BRIEFLY_MS = 5_000;

async function ready(harness: FleetHarness): Promise<void> {
  await Promise.all(harness.workers.map((worker) => worker.ready()));
}

/** One of the steady workers, by its number. */
export async function frozenFor(harness: FleetHarness, number: number, forMs: number): Promise<void> {
  const frozen = harness.workers[number % harness.workers.length];
  frozen?.pause();
  try {
    await lasting(forMs);
  } finally {
    frozen?.resume();
  }
}

export const workers: Scenario[] = [
  {
    name: 'hand-over',
    row: ROW,
    what: `a second worker starts, and the first one is stopped with SIGTERM within its batches, ${HAND_OVERS} times`,
    async play(harness) {
      for (let handOver = 0; handOver < HAND_OVERS; handOver += 1) {
        const [first] = harness.workers;
        await harness.addWorker();
        await ready(harness);
        await harness.sends(100);
        if (first !== undefined) await harness.removeWorker(first);
        await harness.flows();
      }
    },
  },
  {
    name: 'frozen-owner',
    row: ROW,
    what: 'an owner is frozen with SIGSTOP until another worker serves its partitions, then resumed',
    harness: { workers: 2 },
    async play(harness, round) {
      const frozen = harness.workers[round % harness.workers.length];
      await harness.sends(50);
      frozen?.pause();
      try {
        await harness.flows();
      } finally {
        frozen?.resume();
      }
      await ready(harness);
      await harness.flows();
    },
  },
  {
    name: 'briefly-frozen-owner',
    row: ROW,
    what: `an owner is frozen for ${BRIEFLY_MS} ms: its lease ends, and its connections stay open`,
    harness: { workers: 2 },
    async play(harness, round) {
      await harness.sends(50);
      await frozenFor(harness, round, BRIEFLY_MS);
      await ready(harness);
      await harness.flows();
    },
  },
  {
    name: 'skewed-clocks',
    row: 'clocks skewed by an hour',
    what: 'workers with clocks an hour ahead and an hour behind share the partitions and take over from each other',
    async play(harness) {
      const [first] = harness.workers;
      await harness.addSkewedWorker(HOUR_MS);
      await harness.addSkewedWorker(-HOUR_MS);
      await ready(harness);
      if (first !== undefined) await harness.removeWorker(first);
      await harness.flows();
      const [ahead, behind] = harness.workers;
      ahead?.send('SIGKILL');
      await ahead?.ended;
      harness.workers.shift();
      await harness.flows();
      await harness.addSkewedWorker(HOUR_MS);
      await ready(harness);
      if (behind !== undefined) await harness.removeWorker(behind);
      await harness.flows();
      const [hours] = await harness.fleet.query<{ spread: number }>(
        `SELECT extract(epoch FROM max(at) - min(at)) / 3600 AS spread FROM chat_events`,
      );
      if (!(Number(hours?.spread) > 1.9)) throw new Error('the clocks were not skewed');
    },
  },
];
