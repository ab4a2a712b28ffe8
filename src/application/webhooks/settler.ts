/**
 * Records the results of attempts, those of a partition together. While one transaction runs, further results collect
 * for the next one.
 */
import type { OwnedPartition, Settlement, WebhookDeliveries } from '../ports/store/webhooks.js';
import type { WorkerLog } from '../ports/worker-observer.js';
import { Backoff } from '../runtime/backoff.js';
import type { Time } from '../runtime/time.js';

/** Maximum number of results in one transaction. */
const SETTLED_AT_ONCE_MAX = 500;

interface Pending {
  settlement: Settlement;
  done(isMine: boolean): void;
}

export class Settler {
  private readonly pending: Pending[] = [];
  private isRunning = false;

  constructor(
    private readonly owned: OwnedPartition,
    private readonly deliveries: Pick<WebhookDeliveries, 'settle'>,
    private readonly time: Time,
    private readonly logger: WorkerLog,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * Resolves when the result is recorded. False: another relay has the partition now, or this one stops while the store
   * is unavailable. Then the event comes again, with the same id.
   */
  settle(settlement: Settlement): Promise<boolean> {
    return new Promise((done) => {
      this.pending.push({ settlement, done });
      if (!this.isRunning) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    while (this.pending.length > 0) {
      const batch = this.pending.splice(0, SETTLED_AT_ONCE_MAX);
      const isMine = await this.record(batch.map(({ settlement }) => settlement));
      for (const { done } of batch) done(isMine);
    }
    this.isRunning = false;
  }

  /** Repeats it while the store is unavailable: otherwise endpoints would get many events twice. */
  private async record(settlements: readonly Settlement[]): Promise<boolean> {
    const backoff = new Backoff(this.time);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.deliveries.settle(this.owned, settlements);
      } catch (error) {
        if (attempt === 1) this.logger.warn('webhook results not recorded', { partition: this.owned.partition, error });
        if (this.signal.aborted) return false;
        await backoff.wait(this.signal);
      }
    }
  }
}
