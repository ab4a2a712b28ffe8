import type { Time } from '../runtime/time.js';

interface Batch {
  from: number;
  through: number;
  /** When the first of its events went to the channel; null: not yet. */
  since: number | null;
}

/** How long each batch's events are on their way: from the hand-over of the first one to the channel until all up to the last one are confirmed. */
export class PublishLatency {
  /** In order of their positions, which need not be contiguous. */
  private readonly batches: Batch[] = [];

  constructor(
    private readonly time: Pick<Time, 'elapsedMs'>,
    private readonly took: (milliseconds: number) => void,
  ) {}

  /** A batch whose events have these positions is about to be published. */
  expect(from: number, through: number): void {
    this.batches.push({ from, through, since: null });
  }

  /** Everything up to here goes to the channel now, or has gone before. */
  handedOver(through: number): void {
    const now = this.time.elapsedMs();
    for (const batch of this.batches) {
      if (batch.from > through) return;
      batch.since ??= now;
    }
  }

  /** Everything up to here is confirmed. */
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
