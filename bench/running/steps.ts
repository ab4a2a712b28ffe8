import { showProgress } from './progress.js';

const SECONDS_PER_MINUTE = 60;
const MS_PER_SECOND = 1_000;

/** One step of the bench. */
export interface Step {
  title: string;
  /** Total of the step's progress. */
  total: number;
  /** Expected seconds on two quiet cores; only the share of the total matters. */
  seconds: number;
  run(progress: (done: number) => void): Promise<void>;
}

/** Runs the steps one after the other, with the progress of each and an estimate of the remaining time. */
export async function runSteps(steps: readonly Step[], stopping: AbortSignal): Promise<void> {
  const began = performance.now();
  const all = steps.reduce((sum, { seconds }) => sum + seconds, 0);
  let done = 0;
  for (const [index, step] of steps.entries()) {
    stopping.throwIfAborted();
    const elapsed = (performance.now() - began) / MS_PER_SECOND;
    const left = done === 0 ? all : (elapsed / done) * (all - done);
    const progress = showProgress(`${index + 1}/${steps.length} ${step.title}, ${inMinutes(left)} left`, step.total);
    try {
      await step.run(progress.at);
    } finally {
      progress.end();
    }
    done += step.seconds;
  }
}

function inMinutes(seconds: number): string {
  return seconds < SECONDS_PER_MINUTE
    ? `about ${Math.ceil(seconds)} s`
    : `about ${Math.round(seconds / SECONDS_PER_MINUTE)} min`;
}
