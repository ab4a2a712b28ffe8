import type { Time } from '../runtime/time.js';

interface Batch {
  from: number;
  through: number;
  /** When its first event was passed to the channel. Null before that. */
  since: number | null;
}

/**
 * Measures how long publishing a batch takes: from passing its first event to the channel until the last one is
 * confirmed.
 */
export class PublishLatency {
  /** In order of their positions, which need not be contiguous. */
  private readonly batches: Batch[] = [];

  constructor(
    private readonly time: Pick<Time, 'elapsedMs'>,
    private readonly took: (milliseconds: number) => void,
  ) {}

  /** Registers a batch with these positions. It is about to be published. */
  expect(from: number, through: number): void {
    this.batches.push({ from, through, since: null });
  }

  /** All events up to this position are passed to the channel, now or earlier. */
  handedOver(through: number): void {
    const now = this.time.elapsedMs();
    for (const batch of this.batches) {
      if (batch.from > through) return;
      batch.since ??= now;
    }
  }

  /** All events up to this position are confirmed. */
  confirmed(through: number): void {
    let done = 0;
    for (const batch of this.batches) {
      if (batch.through > through) break;
      if (batch.since !== null) this.took(this.time.elapsedMs() - batch.since);
      done += 1;
    }
    if (done > 0) this.batches.splice(0, done);
  }
}
