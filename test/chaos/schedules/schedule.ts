/**
 * The schedule of a seed and a number: which faults happen, to which target, when, for how long, and at the same time.
 */
import { Chance } from '../../property/simulation/virtual-time.js';
import { type FleetHarness, lasting } from '../fleet-harness.js';
import { type Act, type DrawnAct, duration } from './act.js';
import { brokerActs } from './broker-acts.js';
import { databaseActs } from './database-acts.js';
import { otherActs } from './other-acts.js';
import { workerActs } from './worker-acts.js';

export const acts: readonly Act[] = [...workerActs, ...databaseActs, ...brokerActs, ...otherActs];

/** The share of schedules with two faults at the same time. */
const TWO_AT_ONCE = 0.3;
/** Into the load's rounds and the workers' batches. */
const START_MAX_MS = 400;
/** Steady workers on the harness. */
export const WORKERS = 2;

export interface Schedule {
  readonly number: number;
  readonly acts: readonly (DrawnAct & { readonly name: string; readonly afterMs: number })[];
}

export function scheduleOf(seed: number, number: number): Schedule {
  const chance = new Chance(seed, `schedule ${number}`);
  const first = pick(chance, acts);
  const others = acts.filter(({ where, isAlone }) => where !== first.where && isAlone !== true);
  const isTwo = first.isAlone !== true && chance.is(TWO_AT_ONCE);
  const chosen = isTwo ? [first, pick(chance, others)] : [first];
  return {
    number,
    acts: chosen.map((act) => ({ name: act.name, afterMs: duration(chance, 0, START_MAX_MS), ...act.draw(chance) })),
  };
}

export function describe({ number, acts: drawn }: Schedule): string {
  return `schedule ${number}: ${drawn.map(({ what, afterMs }) => `after ${afterMs} ms, ${what}`).join('; ')}`;
}

/**
 * Returns when all faults are over, as many workers run as before, and every chat accepts messages.
 * @throws Error of the first step that failed
 */
export async function playSchedule(harness: FleetHarness, { acts: drawn }: Schedule): Promise<void> {
  const played = await Promise.allSettled(
    drawn.map(async ({ afterMs, play }) => {
      await lasting(afterMs);
      await play(harness);
    }),
  );
  for (const outcome of played) if (outcome.status === 'rejected') throw outcome.reason;
  if (harness.workers.length !== WORKERS) throw new Error(`${harness.workers.length} workers are on the harness`);
  const ended = harness.workers.find(({ running }) => !running);
  if (ended !== undefined) throw new Error(`a worker has ended that should run\n${ended.output}`);
  await harness.flows();
}

function pick(chance: Chance, choices: readonly Act[]): Act {
  let ticket = chance.below(choices.reduce((sum, { weight }) => sum + weight, 0));
  for (const act of choices) {
    ticket -= act.weight;
    if (ticket < 0) return act;
  }
  throw new Error('no act has any weight');
}
