/**
 * Distinguishes a statement that is too expensive from a database that is slow. While the statement runs, the store
 * periodically writes an ordinary message as a probe. If a probe is slow or fails, the timeout says nothing about the
 * commands (Invariant: our failure is never the producer's).
 */
import type { CommandStore } from '../../ports/store/command-store.js';
import type { Time } from '../../runtime/time.js';

export const PROBE_INTERVAL_MS = 1_000;
/**
 * An ordinary message takes a few milliseconds. A database that answers within this limit is at most some hundred times
 * slower than normal. A single command that takes longer than a statement's 15 s would then take more than 30 ms on a
 * fast database, and no valid command does.
 */
export const PROBE_ANSWERS_WITHIN_MS = 500;

export class ProbeWatch {
  private readonly life = new AbortController();
  private readonly watching: Promise<void>;
  private isSlow = false;

  /** Starts the probes. */
  constructor(
    private readonly store: Pick<CommandStore, 'probe'>,
    private readonly time: Time,
  ) {
    this.watching = this.watch();
  }

  /** True if every probe was answered in time, including one at the end. */
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

  /** Waits no longer than a probe may take: a probe without an answer counts as slow. */
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
