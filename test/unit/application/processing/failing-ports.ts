/** The in-memory store and the in-process source, with failures that a test injects. */
import type { MemoryCommandStore } from '../../../../src/adapters/stores/memory/memory-command-store.js';
import type {
  BatchRequest,
  BatchResult,
  BatchSnapshot,
  BatchWrites,
  CommandStore,
} from '../../../../src/application/ports/store/command-store.js';
import type {
  CommandSource,
  Delivery,
  Subscription,
  SubscriptionHandlers,
} from '../../../../src/application/ports/transport/transport.js';
import type { IncomingCommand } from '../../../../src/contract/messages/delivery.js';

/** Wraps the in-memory store. Each hook may throw a `StoreError`; calls that do not fail take effect. */
export class FailingStore implements CommandStore {
  /** Called before the transaction. */
  before: (request: BatchRequest) => void | Promise<void> = () => undefined;
  /** Called within the transaction: nothing is written if it throws. */
  writing: (writes: BatchWrites) => void = () => undefined;
  /** Called after the commit. */
  after: (request: BatchRequest) => void = () => undefined;
  /** Called at each probe. */
  probing: () => void | Promise<void> = () => undefined;
  probes = 0;
  /** The command ids of each attempted transaction, in order. */
  readonly tried: string[][] = [];
  /** The commands that were recorded as suspects, in order. */
  readonly noted: string[][] = [];
  /** The command of each counted attempt, in order. */
  readonly counted: string[] = [];

  constructor(private readonly store: MemoryCommandStore) {}

  async transact<T>(
    request: BatchRequest,
    decide: (snapshot: BatchSnapshot) => { writes: BatchWrites; value: T },
  ): Promise<BatchResult<T>> {
    this.tried.push(request.keys.receipts.map(({ commandId }) => commandId));
    await this.before(request);
    const result = await this.store.transact(request, (snapshot) => {
      const decided = decide(snapshot);
      this.writing(decided.writes);
      return decided;
    });
    this.after(request);
    return result;
  }

  noteSuspects(partition: number, commandKeys: readonly string[]): Promise<Map<string, number>> {
    this.noted.push([...commandKeys]);
    return this.store.noteSuspects(partition, commandKeys);
  }

  countAttempt(partition: number, commandKey: string): Promise<number> {
    this.counted.push(commandKey);
    return this.store.countAttempt(partition, commandKey);
  }

  forgetAttempts(partition: number, commandKeys: readonly string[]): Promise<void> {
    return this.store.forgetAttempts(partition, commandKeys);
  }

  async probe(): Promise<void> {
    this.probes += 1;
    await this.probing();
  }

  pruneReceipts(retentionMs: number): Promise<number> {
    return this.store.pruneReceipts(retentionMs);
  }

  pruneAttempts(before: Date, limit: number): Promise<number> {
    return this.store.pruneAttempts(before, limit);
  }

  pruneRejectedCommands(partition: number, before: Date, limit: number): Promise<number> {
    return this.store.pruneRejectedCommands(partition, before, limit);
  }
}

/** Passes deliveries on with a delivery count that the test chooses, and loses subscriptions on demand. */
export class FailingSource implements CommandSource {
  deliveryCountOf: (incoming: IncomingCommand) => number | undefined = () => undefined;
  readonly rerouted: Delivery[] = [];
  /** The errors of the next attempts to reroute, in order. */
  readonly rerouteFailures: Error[] = [];
  readonly forwarded: { messageId: string | undefined; home: number }[] = [];
  /** The errors of the next attempts to forward, in order. */
  readonly forwardFailures: Error[] = [];
  /** Whether deliveries are marked as possibly misplaced. */
  isInDisorder = false;
  /** Whether subscribing fails, as without a connection. */
  isDisconnected = false;
  /** Number of failed attempts to subscribe. */
  refused = 0;
  private current: { subscription: Subscription; handlers: SubscriptionHandlers } | null = null;

  constructor(private readonly source: CommandSource) {}

  async subscribe(partition: number, prefetch: number, handlers: SubscriptionHandlers): Promise<Subscription> {
    if (this.isDisconnected) {
      this.refused += 1;
      throw new Error('no connection');
    }
    const subscription = await this.source.subscribe(partition, prefetch, {
      onLost: (cause) => handlers.onLost(cause),
      onDelivery: (delivery) => {
        const { incoming } = delivery;
        const deliveryCount = this.deliveryCountOf(incoming) ?? delivery.deliveryCount;
        handlers.onDelivery({ ...delivery, deliveryCount, mayBeMisplaced: this.isInDisorder });
      },
    });
    this.current = { subscription, handlers };
    return subscription;
  }

  /** Simulates a closed channel: unacknowledged deliveries return to the queue. */
  async lose(): Promise<void> {
    const { current } = this;
    if (current === null) throw new Error('there is no subscription');
    this.current = null;
    await current.subscription.close();
    current.handlers.onLost(new Error('the channel was lost'));
  }

  async forward(delivery: Delivery, home: number): Promise<void> {
    const failure = this.forwardFailures.shift();
    if (failure !== undefined) throw failure;
    this.forwarded.push({ messageId: delivery.incoming.messageId, home });
    await this.source.forward(delivery, home);
  }

  async reroute(delivery: Delivery): Promise<void> {
    const failure = this.rerouteFailures.shift();
    if (failure !== undefined) throw failure;
    this.rerouted.push(delivery);
  }
}
