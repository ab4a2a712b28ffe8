import type {
  LiveBatch,
  LiveCounters,
  LiveFeed,
  LiveHandlers,
  LiveSubscription,
} from '../../../application/ports/transport/live-feed.js';

/** Maximum size of the copies that wait for one reader. Above this, the oldest are dropped. */
export const LIVE_WAITING_MAX_BYTES = 32 * 1024 * 1024;

export class InProcessLiveFeed implements LiveFeed {
  readonly counters: LiveCounters = { sent: 0, dropped: 0 };
  readonly #readers = new Set<Reader>();
  readonly #isOpen: () => boolean;

  constructor(isOpen: () => boolean) {
    this.#isOpen = isOpen;
  }

  publish(batch: LiveBatch): void {
    this.counters.sent += batch.bodies.length;
    for (const reader of this.#readers) this.counters.dropped += reader.offer(batch);
  }

  async subscribe(handlers: LiveHandlers): Promise<LiveSubscription> {
    if (!this.#isOpen()) throw new Error('the transport is not running');
    const reader = new Reader(handlers, () => this.#readers.delete(reader));
    this.#readers.add(reader);
    return reader;
  }

  /** Open subscriptions end with `onLost`. */
  end(cause: Error): void {
    for (const reader of [...this.#readers]) reader.lose(cause);
  }
}

class Reader implements LiveSubscription {
  readonly #handlers: LiveHandlers;
  readonly #onEnd: () => void;
  /** The oldest first. */
  readonly #waiting = new Set<LiveBatch>();
  #waitingBytes = 0;
  #isPassing = false;
  #hasEnded = false;

  constructor(handlers: LiveHandlers, onEnd: () => void) {
    this.#handlers = handlers;
    this.#onEnd = onEnd;
  }

  /** Returns the number of copies that were dropped for it. */
  offer(batch: LiveBatch): number {
    this.#waiting.add(batch);
    this.#waitingBytes += bytesOf(batch);
    let dropped = 0;
    while (this.#waitingBytes > LIVE_WAITING_MAX_BYTES) dropped += this.#take()?.bodies.length ?? 0;
    if (!this.#isPassing) {
      this.#isPassing = true;
      setImmediate(() => void this.#pass()); // Never within the publisher's turn.
    }
    return dropped;
  }

  close(): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  lose(cause: Error): void {
    if (this.#hasEnded) return;
    this.#end();
    this.#handlers.onLost(cause);
  }

  #end(): void {
    this.#hasEnded = true;
    this.#waiting.clear();
    this.#onEnd();
  }

  #take(): LiveBatch | undefined {
    const [oldest] = this.#waiting;
    if (oldest === undefined) return undefined;
    this.#waiting.delete(oldest);
    this.#waitingBytes -= bytesOf(oldest);
    return oldest;
  }

  /** Passes on what waits, one event after the other. Never rejects. */
  async #pass(): Promise<void> {
    try {
      for (let batch = this.#take(); batch !== undefined; batch = this.#take())
        for (const [index, body] of batch.bodies.entries()) {
          if (this.#hasEnded) return;
          const { partition, position } = batch;
          const done = this.#handlers.onEvent({ partition, position: position + index, body });
          if (done !== undefined) await done;
        }
    } catch (error) {
      // A handler must not fail. One that does gets no more copies.
      this.lose(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#isPassing = false;
    }
  }
}

function bytesOf({ bodies }: LiveBatch): number {
  return bodies.reduce((sum, { length }) => sum + length, 0);
}
