import { lasting, type Stage } from '../stage.js';
import type { Row } from '../table.js';
import type { Scenario } from './scenario.js';

const HAND_OVERS = 3;
const ROW: Row = 'hand-over and shutdown mid-batch, two owners, a frozen owner';
export const HOUR_MS = 3_600_000;
/** Longer than a worker counts as alive, shorter than its connections do. */
const BRIEFLY_MS = 5_000;

async function ready(stage: Stage): Promise<void> {
  await Promise.all(stage.workers.map((worker) => worker.ready()));
}

/** One of the steady workers, by its number. */
export async function frozenFor(stage: Stage, number: number, forMs: number): Promise<void> {
  const frozen = stage.workers[number % stage.workers.length];
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
    what: `a second worker starts, and the first ends by SIGTERM in the middle of its batches, ${HAND_OVERS} times`,
    async play(stage) {
      for (let handOver = 0; handOver < HAND_OVERS; handOver += 1) {
        const [first] = stage.workers;
        await stage.addWorker();
        await ready(stage);
        await stage.sends(100);
        if (first !== undefined) await stage.removeWorker(first);
        await stage.flows();
      }
    },
  },
  {
    name: 'frozen-owner',
    row: ROW,
    what: 'an owner is frozen with SIGSTOP until its partitions are served by another, then woken up',
    stage: { workers: 2 },
    async play(stage, round) {
      const frozen = stage.workers[round % stage.workers.length];
      await stage.sends(50);
      frozen?.pause();
      try {
        await stage.flows();
      } finally {
        frozen?.resume();
      }
      await ready(stage);
      await stage.flows();
    },
  },
  {
    name: 'briefly-frozen-owner',
    row: ROW,
    what: `an owner is frozen for ${BRIEFLY_MS} ms: it counts as dead, and its connections live`,
    stage: { workers: 2 },
    async play(stage, round) {
      await stage.sends(50);
      await frozenFor(stage, round, BRIEFLY_MS);
      await ready(stage);
      await stage.flows();
    },
  },
  {
    name: 'skewed-clocks',
    row: 'clocks skewed an hour',
    what: 'workers whose clocks are an hour ahead and an hour behind share the partitions, and take over from each other',
    async play(stage) {
      const [first] = stage.workers;
      await stage.addSkewedWorker(HOUR_MS);
      await stage.addSkewedWorker(-HOUR_MS);
      await ready(stage);
      if (first !== undefined) await stage.removeWorker(first);
      await stage.flows();
      const [ahead, behind] = stage.workers;
      ahead?.send('SIGKILL');
      await ahead?.ended;
      stage.workers.shift();
      await stage.flows();
      await stage.addSkewedWorker(HOUR_MS);
      await ready(stage);
      if (behind !== undefined) await stage.removeWorker(behind);
      await stage.flows();
      const [hours] = await stage.fleet.query<{ spread: number }>(
        `SELECT extract(epoch FROM max(at) - min(at)) / 3600 AS spread FROM chat_events`,
      );
      if (!(Number(hours?.spread) > 1.9)) throw new Error('the clocks were not skewed');
    },
  },
];
