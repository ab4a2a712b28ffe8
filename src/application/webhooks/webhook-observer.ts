import type { DeliveryCounts } from '../ports/store/webhooks.js';
import type { AttemptOutcome } from './attempt.js';

/** What a relay counts of webhooks. */
export interface WebhookObserver {
  attempted(outcome: AttemptOutcome, durationMs: number): void;
  /** All webhooks of the store, not only those that this relay serves. */
  counted(counts: DeliveryCounts): void;
}
