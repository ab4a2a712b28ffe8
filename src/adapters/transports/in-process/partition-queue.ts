import type { Delivery, Subscription, SubscriptionHandlers } from '../../../application/ports/transport.js';
import type { IncomingCommand } from '../../../contract/messages/delivery.js';

interface Entry {
  incoming: IncomingCommand;
  deliveryCount: number;
  isForwarded: boolean;
}

/**
 * A queue in memory that behaves like a partition's queue on the broker: one consumer is active, the others wait in line; what one had in
 * hand when it ended comes again, in order, to the next.
 */
export class PartitionQueue {
  readonly #limit: number;
  /** Not delivered yet, or given back. The front is at `#head`, so that taking is cheap however long the queue. */
  #ready: Entry[] = [];
  #head = 0;
  /** In line; the first one is active. */
  readonly #consumers: Consumer[] = [];

  /** `limit`: commands held, those in a consumer's hand not counted. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Commands waiting. */
  get depth(): number {
    return this.#ready.length - this.#head;
  }

  /** False if the queue is full. `isForwarded`: it came to a wrong partition before. */
  enqueue(incoming: IncomingCommand, isForwarded = false): boolean {
    if (this.depth >= this.#limit) return false;
    this.#ready.push({ incoming, deliveryCount: 0, isForwarded });
    this.#consumers[0]?.wake();
    return true;
  }

  /** No handler is called before this has returned. */
  subscribe(prefetch: number, handlers: SubscriptionHandlers): Consumer {
    const consumer: Consumer = new Consumer(
      prefetch,
      handlers,
      () => (this.#consumers[0] === consumer ? this.#take() : undefined),
      (unacknowledged) => this.#giveBack(consumer, unacknowledged),
    );
    this.#consumers.push(consumer);
    consumer.wake();
    return consumer;
  }

  /** Ends every subscription. */
  end(cause: Error): void {
    for (const consumer of [...this.#consumers]) consumer.lose(cause);
  }

  #take(): Entry | undefined {
    const entry = this.#ready[this.#head];
    if (entry === undefined) return undefined;
    this.#head += 1;
    if (this.#head * 2 > this.#ready.length) {
      this.#ready = this.#ready.slice(this.#head);
      this.#head = 0;
    }
    return entry;
  }

  #giveBack(consumer: Consumer, unacknowledged: Entry[]): void {
    this.#consumers.splice(this.#consumers.indexOf(consumer), 1);
    const again = unacknowledged.map((entry) => ({ ...entry, deliveryCount: entry.deliveryCount + 1 }));
    this.#ready = again.concat(this.#ready.slice(this.#head));
    this.#head = 0;
    this.#consumers[0]?.wake();
  }
}

class Consumer implements Subscription {
  readonly #prefetch: number;
  readonly #handlers: SubscriptionHandlers;
  readonly #next: () => Entry | undefined;
  readonly #giveBack: (unacknowledged: Entry[]) => void;
  /** Delivered and not acknowledged, by tag, oldest first. */
  readonly #inHand = new Map<number, Entry>();
  #lastTag = 0;
  #isAwake = false;
  #hasEnded = false;

  constructor(
    prefetch: number,
    handlers: SubscriptionHandlers,
    next: () => Entry | undefined,
    giveBack: (unacknowledged: Entry[]) => void,
  ) {
    this.#prefetch = prefetch;
    this.#handlers = handlers;
    this.#next = next;
    this.#giveBack = giveBack;
  }

  /** Delivers soon, never within the caller's turn. */
  wake(): void {
    if (this.#isAwake || this.#hasEnded) return;
    this.#isAwake = true;
    setImmediate(() => {
      this.#isAwake = false;
      this.#deliver();
    });
  }

  acknowledgeThrough(tag: number): void {
    if (this.#hasEnded) return;
    if (tag > this.#lastTag) throw new RangeError(`nothing was delivered under ${tag}`);
    for (const held of this.#inHand.keys()) {
      if (held > tag) break;
      this.#inHand.delete(held);
    }
    this.wake();
  }

  close(): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  lose(cause: Error): void {
    if (this.#end()) this.#handlers.onLost(cause);
  }

  #deliver(): void {
    while (!this.#hasEnded && this.#inHand.size < this.#prefetch) {
      const entry = this.#next();
      if (entry === undefined) return;
      this.#lastTag += 1;
      this.#inHand.set(this.#lastTag, entry);
      const delivery: Delivery = { tag: this.#lastTag, ...entry, ringMarker: null };
      try {
        this.#handlers.onDelivery(delivery);
      } catch (error) {
        // A handler that throws has broken its promise: it gets no more.
        this.lose(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  /** False if it had ended before. */
  #end(): boolean {
    if (this.#hasEnded) return false;
    this.#hasEnded = true;
    const unacknowledged = [...this.#inHand.values()];
    this.#inHand.clear();
    this.#giveBack(unacknowledged);
    return true;
  }
}
