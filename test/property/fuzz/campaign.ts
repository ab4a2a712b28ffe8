/**
 * Runs inputs through an entry point in stretches, each with its own seed, so that a failure can be reproduced without
 * earlier stretches.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import type { Door, DoorName, OpenDoor } from './doors/door.js';
import { Watch, watchingStalls } from './watch.js';

/** Time limit for shrinking a failed stretch. */
const STRETCH_LIMIT_MS = 60_000;
/** Maximum number of reported findings. */
const FAILURES_MAX = 3;
const TOLD_MAX_CHARACTERS = 3_000;

export interface Failure {
  door: DoorName;
  seed: number;
  path: string;
  what: string;
  input: string;
}

export interface Campaign {
  door: DoorName;
  inputs: number;
  outcomes: Map<string, number>;
  failures: Failure[];
  tookMs: number;
  heapGrewBytes: number;
}

interface Stretch {
  seed: number;
  runs: number;
  /** The path of the failure in fast-check. */
  path?: string;
}

async function playStretch<I>(door: Door<I>, stretch: Stretch, count: (outcomes: string[]) => void) {
  const watch = new Watch();
  try {
    const open = await door.open(stretch.seed);
    let hasFailed = true;
    try {
      const details = await playOpen(door, open, watch, stretch, count);
      hasFailed = details.failed;
      return details;
    } finally {
      // A finding is more important than an entry point that does not close.
      await open.close().catch((error) => {
        if (!hasFailed) throw error;
      });
    }
  } finally {
    // Also if the entry point does not open: an unreported error must not count as success.
    watch.end();
  }
}

async function playOpen<I>(
  door: Door<I>,
  open: OpenDoor<I>,
  watch: Watch,
  { seed, runs, path }: Stretch,
  count: (outcomes: string[]) => void,
) {
  let hasFailed = false;
  const take = async (inputs: readonly I[]) => {
    try {
      const outcomes = await (door.watchesStalls
        ? watchingStalls(inputs, (some) => open.take(some))
        : open.take(inputs));
      // Yields, because signals and uncaught errors are reported between turns of the event loop only.
      await nextTurn();
      watch.check();
      // Inputs that are repeated while shrinking are not counted.
      if (!hasFailed) count(outcomes);
    } catch (error) {
      hasFailed = true;
      throw error;
    }
  };
  const inputs = fc.array(door.input, { minLength: 1, maxLength: door.together, size: 'max' });
  return fc.check(fc.asyncProperty(inputs, take), {
    seed,
    numRuns: runs,
    interruptAfterTimeLimit: STRETCH_LIMIT_MS,
    ...(path === undefined ? {} : { path }),
  });
}

function failureOf<I>(door: Door<I>, details: fc.RunDetails<[readonly I[]]>): Failure | null {
  if (!details.failed || details.counterexample === null) return null;
  const { seed, counterexamplePath, counterexample, errorInstance } = details;
  return {
    door: door.name,
    seed,
    path: counterexamplePath ?? '',
    what: errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : String(errorInstance),
    input: fc.stringify(counterexample[0]).slice(0, TOLD_MAX_CHARACTERS),
  };
}

/** `onProgress` is called after each stretch with the number of inputs so far. */
export async function play<I>(
  door: Door<I>,
  { inputs, seed, path }: { inputs: number; seed: number; path?: string },
  onProgress: (inputs: number) => void = () => undefined,
): Promise<Campaign> {
  const campaign: Campaign = {
    ...{ door: door.name, inputs: 0, outcomes: new Map<string, number>(), failures: [] },
    ...{ tookMs: 0, heapGrewBytes: 0 },
  };
  const began = performance.now();
  const count = (outcomes: string[]) => {
    campaign.inputs += outcomes.length;
    for (const outcome of outcomes) campaign.outcomes.set(outcome, (campaign.outcomes.get(outcome) ?? 0) + 1);
  };
  let heapBytes: number | null = null;
  for (let stretch = seed; campaign.inputs < inputs && campaign.failures.length < FAILURES_MAX; stretch += 1) {
    const left = Math.min(door.perOpening, inputs - campaign.inputs);
    const runs = path === undefined ? Math.max(1, Math.ceil((2 * left) / door.together)) : 1;
    const details = await playStretch(door, { seed: stretch, runs, ...(path === undefined ? {} : { path }) }, count);
    const failure = failureOf(door, details);
    if (failure !== null) campaign.failures.push(failure);
    globalThis.gc?.();
    // The first stretch includes loading and compiling.
    heapBytes ??= process.memoryUsage().heapUsed;
    campaign.heapGrewBytes = process.memoryUsage().heapUsed - heapBytes;
    onProgress(campaign.inputs);
    if (path !== undefined) break;
  }
  campaign.tookMs = performance.now() - began;
  return campaign;
}
