import type { Chance } from '../../property/simulation/virtual-time.js';
import { requestPause } from '../../support/fleet/fleet.js';
import type { TestProcess } from '../../support/fleet/processes.js';
import { type FleetHarness, lasting, WITHIN_MS } from '../fleet-harness.js';
import { STEPS } from '../scenarios/kills.js';
import { frozenFor, HOUR_MS } from '../scenarios/workers.js';
import { type Act, duration } from './act.js';

const BATCHES_MAX = 8;
const SKEWS_MS = [0, 0, HOUR_MS, -HOUR_MS];

/** Removes one of the steady workers from the harness. The caller must start another one. */
function take(harness: FleetHarness, number: number): TestProcess {
  const [taken] = harness.workers.splice(number % harness.workers.length, 1);
  if (taken === undefined) throw new Error('there is no worker on the harness');
  return taken;
}

function skewed(skewMs: number): string {
  return skewMs === 0 ? '' : `, its clock ${skewMs / HOUR_MS} h off`;
}

function drawFreeze(chance: Chance, fromMs: number, toMs: number) {
  const [number, frozenMs] = [chance.below(2), duration(chance, fromMs, toMs)];
  return {
    what: `worker ${number} is frozen for ${frozenMs} ms`,
    async play(harness: FleetHarness) {
      await frozenFor(harness, number, frozenMs);
    },
  };
}

export const workerActs: readonly Act[] = [
  {
    name: 'kill-at-step',
    where: 'workers',
    weight: 20,
    draw(chance) {
      const [number, step, batch] = [chance.below(2), chance.pick(STEPS), 1 + chance.below(BATCHES_MAX)];
      const skewMs = chance.pick(SKEWS_MS);
      return {
        what: `worker ${number} is killed at "${step}", at its batch ${batch}; another one starts${skewed(skewMs)}`,
        async play(harness) {
          const victim = take(harness, number);
          requestPause(victim, step, batch);
          await victim.line(/^paused at/, WITHIN_MS);
          await victim.kill();
          await harness.addSkewedWorker(skewMs);
        },
      };
    },
  },
  {
    name: 'kill-anywhere',
    where: 'workers',
    weight: 12,
    draw(chance) {
      const [number, awayMs, skewMs] = [chance.below(2), duration(chance, 0, 800), chance.pick(SKEWS_MS)];
      return {
        what: `worker ${number} is killed at a random time; another one starts after ${awayMs} ms${skewed(skewMs)}`,
        async play(harness) {
          await take(harness, number).kill();
          await lasting(awayMs);
          await harness.addSkewedWorker(skewMs);
        },
      };
    },
  },
  {
    name: 'stop',
    where: 'workers',
    weight: 12,
    draw(chance) {
      const [number, isRelieved, skewMs] = [chance.below(2), chance.is(0.5), chance.pick(SKEWS_MS)];
      return {
        what: `worker ${number} is stopped; another one starts ${isRelieved ? 'before' : 'after'} that${skewed(skewMs)}`,
        async play(harness) {
          const leaving = take(harness, number);
          if (isRelieved) await (await harness.addSkewedWorker(skewMs)).ready(WITHIN_MS);
          // A worker that has just started has no handler for SIGTERM yet, and ends at once.
          await leaving.line(/"ops port"/, WITHIN_MS);
          const { code } = await leaving.stop();
          if (code !== 0) throw new Error(`a stopped worker exits with ${code}\n${leaving.output}`);
          if (!isRelieved) await harness.addSkewedWorker(skewMs);
        },
      };
    },
  },
  { name: 'freeze', where: 'workers', weight: 12, draw: (chance) => drawFreeze(chance, 50, 3_000) },
  // Until the broker drops its connection, and longer.
  { name: 'freeze-long', where: 'workers', weight: 1, draw: (chance) => drawFreeze(chance, 12_000, 24_000) },
];
