import type { LiveBatch, LivePublisher } from '../ports/transport/live-feed.js';

/** Copies for the live feed, while it has a reader. All publishers of a worker share it. */
export class LiveCopies {
  private readers = 0;

  constructor(private readonly feed: LivePublisher) {}

  /** Called with each answer of the registry (`ClusterState.liveReaders`). */
  noteReaders(count: number): void {
    this.readers = count;
  }

  /** Never throws and never waits. */
  publish(batch: LiveBatch): void {
    if (this.readers > 0) this.feed.publish(batch);
  }
}
