import type { TransportState } from '../../../application/ports/store/transport-state.js';

export class MemoryTransportState implements TransportState {
  private readonly numbers = new Map<string, number>();
  /** Settles when the last queued work has ended. */
  private queue: Promise<unknown> = Promise.resolve();

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.queue.then(work);
    // Only the caller gets the error. The next one runs anyway.
    this.queue = mine.catch(() => undefined);
    return mine;
  }

  async read(names: readonly string[]): Promise<number[]> {
    return names.map((name) => this.numbers.get(name) ?? 0);
  }

  async raise(name: string, value: number): Promise<void> {
    this.numbers.set(name, Math.max(this.numbers.get(name) ?? 0, value));
  }
}
