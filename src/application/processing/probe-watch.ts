/**
 * Tells a statement that asks for too much from a database that is slow: while the statement runs, the store writes an ordinary message now and then.
 * Were these slow too, or refused, the statement would prove nothing against the commands in it (Invariant: our failure is never the producer's).
 */
import type { CommandStore } from '../ports/command-store.js';
import type { Time } from '../runtime/time.js';

export const PROBE_INTERVAL_MS = 1_000;
/**
 * An ordinary message takes a few milliseconds. A database that still answers within this is at most some hundred times slower than it should be, and
 * a single command that takes longer than a statement's 15 s would then take more than 30 ms on a fast one: none that is admitted does.
 */
export const PROBE_ANSWERS_WITHIN_MS = 500;

export class ProbeWatch {
  private readonly life = new AbortController();
  private readonly watching: Promise<void>;
  private isSlow = false;

  /** Begins to watch. */
  constructor(
    private readonly store: Pick<CommandStore, 'probe'>,
    private readonly time: Time,
  ) {
    this.watching = this.watch();
  }

  /** Whether every probe since the beginning, one at the end included, was answered in time. */
  async hasAnsweredFast(): Promise<boolean> {
    this.end();
    await this.watching;
    if (!this.isSlow) await this.probe();
    return !this.isSlow;
  }

  /** Calling it again does nothing. */
  end(): void {
    this.life.abort();
  }

  private async watch(): Promise<void> {
    const { signal } = this.life;
    while (!signal.aborted && !this.isSlow) {
      await this.time.pause(PROBE_INTERVAL_MS, signal);
      if (!signal.aborted) await this.probe();
    }
  }

  /** No longer than a probe may take: one that does not come back says enough. */
  private async probe(): Promise<void> {
    const deadline = new AbortController();
    const isAnswered = this.store.probe().then(
      () => true,
      () => false,
    );
    const isLate = this.time.pause(PROBE_ANSWERS_WITHIN_MS, deadline.signal).then(() => false);
    if (!(await Promise.race([isAnswered, isLate]))) this.isSlow = true;
    deadline.abort();
  }
}
