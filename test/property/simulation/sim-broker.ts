/**
 * A simulated broker with the behaviour that Parley relies on; assumptions.test.ts tests each part on the real one.
 * Queues have a single active consumer. When its channel closes, unacknowledged deliveries return in order, with a
 * higher delivery count. Events and dead letters are published with confirms. Acknowledgements and confirms can be lost
 * with their connection.
 */
import type {
  Delivery,
  OutgoingEvent,
  PublishOutcome,
  Subscription,
  SubscriptionHandlers,
} from '../../../src/application/ports/transport/transport.js';
import type { IncomingCommand } from '../../../src/contract/messages/delivery.js';
import type { Chance, SimProcess, VirtualTime } from './virtual-time.js';

interface Entry {
  incoming: IncomingCommand;
  deliveryCount: number;
  isForwarded: boolean;
}

/** Network latencies in milliseconds: mostly short, sometimes long. */
export function latency(chance: Chance): number {
  return chance.is(0.05) ? chance.next() * 200 : 0.2 + chance.next() * 3;
}

/** A connection of a process. It keeps the order, and passes nothing after it has ended. */
export class SimConnection {
  isOpen = true;
  /**
   * Refused events that the client does not know of yet, and the time of the last one: events in flight by then are
   * refused too. (RabbitMQ accepts again when a part of the queue is free, but not within the messages that one
   * publisher has in flight.)
   */
  refusalsUnheard = 0;
  refusalHeardAt = -1;
  readonly subscriptions = new Set<SimSubscription>();
  readonly channels = new Set<SimEventChannel>();
  private lastToBroker = 0;
  private lastToClient = 0;
  private readonly unanswered = new Set<(why: Error) => void>();

  constructor(
    readonly process: SimProcess,
    readonly broker: SimBroker,
    readonly time: VirtualTime,
    private readonly chance: Chance,
  ) {}

  toBroker(happen: () => void): void {
    const at = Math.max(this.time.now + latency(this.chance), this.lastToBroker);
    this.lastToBroker = at;
    this.time.at(at, () => {
      if (this.isOpen) happen();
    });
  }

  toClient(happen: () => void): void {
    const at = Math.max(this.time.now + latency(this.chance), this.lastToClient);
    this.lastToClient = at;
    // An absolute time: the difference to now would be rounded, and the order lost.
    this.process.receiveAt(at, () => {
      if (this.isOpen) happen();
    });
  }

  /** Sends a request. Rejects if the connection ends before the response. */
  call<T>(happen: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!this.isOpen) return reject(new Error('no connection'));
      this.unanswered.add(reject);
      this.toBroker(() => {
        const answer = happen();
        this.toClient(() => {
          this.unanswered.delete(reject);
          resolve(answer);
        });
      });
    });
  }

  /** The broker requeues everything at once; the client notices later. */
  end(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    for (const subscription of this.subscriptions) subscription.giveBack();
    this.process.receive(latency(this.chance), () => {
      for (const subscription of this.subscriptions) subscription.tellLost();
      for (const channel of this.channels) channel.tellLost();
      for (const reject of this.unanswered) reject(new Error('the connection is gone'));
    });
  }
}

class SimSubscription implements Subscription {
  private readonly inHand = new Map<number, Entry>();
  private lastTag = 0;
  private hasEnded = false;
  private isTold = false;

  constructor(
    private readonly connection: SimConnection,
    private readonly queue: SimQueue,
    private readonly prefetch: number,
    private readonly handlers: SubscriptionHandlers,
  ) {}

  deliver(): void {
    while (!this.hasEnded && this.inHand.size < this.prefetch) {
      const entry = this.queue.take(this);
      if (entry === undefined) return;
      this.lastTag += 1;
      const delivery: Delivery = { tag: this.lastTag, ...entry, mayBeMisplaced: false };
      this.inHand.set(delivery.tag, entry);
      this.connection.toClient(() => {
        if (!this.isTold) this.handlers.onDelivery(delivery);
      });
    }
  }

  acknowledgeThrough(tag: number): void {
    this.connection.toBroker(() => {
      for (const held of [...this.inHand.keys()]) if (held <= tag) this.inHand.delete(held);
      this.deliver();
    });
  }

  async close(): Promise<void> {
    this.isTold = true;
    // A lost connection has closed it too.
    await this.connection.call(() => this.giveBack()).catch(() => undefined);
    this.connection.subscriptions.delete(this);
  }

  giveBack(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.queue.leave(this, [...this.inHand.values()]);
    this.inHand.clear();
  }

  tellLost(): void {
    if (this.isTold) return;
    this.isTold = true;
    this.handlers.onLost(new Error('the connection is gone'));
  }
}

class SimQueue {
  readonly ready: Entry[] = [];
  private readonly line: SimSubscription[] = [];

  join(subscription: SimSubscription): void {
    this.line.push(subscription);
    subscription.deliver();
  }

  put(incoming: IncomingCommand, isForwarded = false): void {
    this.ready.push({ incoming, deliveryCount: 0, isForwarded });
    this.line[0]?.deliver();
  }

  giveBack(entries: readonly Entry[]): void {
    this.ready.unshift(...entries);
  }

  take(subscription: SimSubscription): Entry | undefined {
    return this.line[0] === subscription ? this.ready.shift() : undefined;
  }

  leave(subscription: SimSubscription, unacknowledged: readonly Entry[]): void {
    this.line.splice(this.line.indexOf(subscription), 1);
    this.giveBack(unacknowledged.map((entry) => ({ ...entry, deliveryCount: entry.deliveryCount + 1 })));
    this.line[0]?.deliver();
  }
}

export class SimEventChannel {
  private readonly waiting = new Map<number, (outcome: PublishOutcome) => void>();
  private published = 0;

  constructor(private readonly connection: SimConnection) {
    connection.channels.add(this);
  }

  publish(event: OutgoingEvent, settled: (outcome: PublishOutcome) => void): void {
    this.published += 1;
    const number = this.published;
    this.waiting.set(number, settled);
    if (!this.connection.isOpen) {
      this.connection.process.receive(0, () => this.tellLost());
      return;
    }
    const { connection } = this;
    const { broker } = connection;
    const sentAt = connection.time.now;
    connection.toBroker(() => {
      const isDoomed = connection.refusalsUnheard > 0 || sentAt <= connection.refusalHeardAt;
      const outcome = isDoomed ? 'refused' : broker.takeEvent(event);
      if (outcome === 'refused') connection.refusalsUnheard += 1;
      connection.toClient(() => {
        if (outcome === 'refused') {
          connection.refusalsUnheard -= 1;
          connection.refusalHeardAt = connection.time.now;
        }
        this.settle(number, outcome);
      });
    });
  }

  writable(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.connection.channels.delete(this);
    this.tellLost();
  }

  tellLost(): void {
    for (const number of [...this.waiting.keys()]) this.settle(number, 'lost');
  }

  private settle(number: number, outcome: PublishOutcome): void {
    const settled = this.waiting.get(number);
    this.waiting.delete(number);
    settled?.(outcome);
  }
}

export class SimBroker {
  readonly queues: SimQueue[];
  /** The dispatched events, in order. */
  readonly dispatched: OutgoingEvent[] = [];
  readonly deadLettered: IncomingCommand[] = [];
  dispatchFullUntil = 0;
  private holder: string | null = null;

  constructor(
    partitions: number,
    private readonly time: VirtualTime,
  ) {
    this.queues = Array.from({ length: partitions }, () => new SimQueue());
  }

  /** The first store that connects owns the namespace; others are refused. */
  claim(storeId: string): boolean {
    this.holder ??= storeId;
    return this.holder === storeId;
  }

  publish(partition: number, incoming: IncomingCommand, isForwarded = false): void {
    this.queues[partition]?.put(incoming, isForwarded);
  }

  subscribe(connection: SimConnection, partition: number, prefetch: number, handlers: SubscriptionHandlers) {
    const queue = this.queues[partition] as SimQueue;
    const subscription = new SimSubscription(connection, queue, prefetch, handlers);
    return connection.call<Subscription>(() => {
      connection.subscriptions.add(subscription);
      queue.join(subscription);
      return subscription;
    });
  }

  takeEvent(event: OutgoingEvent): PublishOutcome {
    if (this.time.now < this.dispatchFullUntil) return 'refused';
    this.dispatched.push(event);
    return 'confirmed';
  }
}
