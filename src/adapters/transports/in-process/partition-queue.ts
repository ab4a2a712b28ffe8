import type { Delivery, Subscription, SubscriptionHandlers } from '../../../application/ports/transport/transport.js';
import type { IncomingCommand } from '../../../contract/messages/delivery.js';

interface Entry {
  incoming: IncomingCommand;
  deliveryCount: number;
  isForwarded: boolean;
}

/**
 * A queue in memory that behaves like a partition's queue on the broker. One consumer is active and the others wait.
 * When the active one ends, its unacknowledged deliveries go to the next one in order.
 */
export class PartitionQueue {
  readonly #limit: number;
  /**
   * Commands that are not delivered yet or were requeued. The front is at `#head`, so that taking is cheap for any
   * queue length.
   */
  #ready: Entry[] = [];
  #head = 0;
  /** The first consumer is active, the others wait. */
  readonly #consumers: Consumer[] = [];

  /** `limit` is the maximum number of commands, without unacknowledged deliveries. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The number of waiting commands. */
  get depth(): number {
    return this.#ready.length - this.#head;
  }

  /** False if the queue is full. `isForwarded`: the command arrived at a wrong partition before. */
  enqueue(incoming: IncomingCommand, isForwarded = false): boolean {
    if (this.depth >= this.#limit) return false;
    this.#ready.push({ incoming, deliveryCount: 0, isForwarded });
    this.#consumers[0]?.wake();
    return true;
  }

  /** No handler is called before this returns. */
  subscribe(prefetch: number, handlers: SubscriptionHandlers): Consumer {
    const consumer: Consumer = new Consumer(
      prefetch,
      handlers,
      () => (this.#consumers[0] === consumer ? this.#take() : undefined),
      (unacknowledged) => this.#requeue(consumer, unacknowledged),
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

  #requeue(consumer: Consumer, unacknowledged: Entry[]): void {
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
  readonly #requeue: (unacknowledged: Entry[]) => void;
  /** Unacknowledged deliveries by tag, oldest first. */
  readonly #unacknowledged = new Map<number, Entry>();
  #lastTag = 0;
  #isAwake = false;
  #hasEnded = false;

  constructor(
    prefetch: number,
    handlers: SubscriptionHandlers,
    next: () => Entry | undefined,
    requeue: (unacknowledged: Entry[]) => void,
  ) {
    this.#prefetch = prefetch;
    this.#handlers = handlers;
    this.#next = next;
    this.#requeue = requeue;
  }

  /** Delivers soon, but never within the caller's turn. */
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
    for (const held of this.#unacknowledged.keys()) {
      if (held > tag) break;
      this.#unacknowledged.delete(held);
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
    while (!this.#hasEnded && this.#unacknowledged.size < this.#prefetch) {
      const entry = this.#next();
      if (entry === undefined) return;
      this.#lastTag += 1;
      this.#unacknowledged.set(this.#lastTag, entry);
      const delivery: Delivery = { tag: this.#lastTag, ...entry, mayBeMisplaced: false };
      try {
        this.#handlers.onDelivery(delivery);
      } catch (error) {
        // A handler must not throw. One that does gets no more deliveries.
        this.lose(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  /** False if it had already ended. */
  #end(): boolean {
    if (this.#hasEnded) return false;
    this.#hasEnded = true;
    const unacknowledged = [...this.#unacknowledged.values()];
    this.#unacknowledged.clear();
    this.#requeue(unacknowledged);
    return true;
  }
}
