import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelModel } from 'amqplib';
import type { PartitionRegistry } from '../../../application/ports/partition-registry.js';
import type { TransportCounters } from '../../../application/ports/transport.js';
import { type Topology, type TopologySettings, topology } from '../../../contract/messages/topology.js';
import { AmqpConnection, reconnectPauseMs } from '../../../infrastructure/amqp/amqp-connection.js';
import { ConnectionAway, describeFailure } from '../../../infrastructure/amqp/amqp-failure.js';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import { AmqpCommandSource } from './consume/amqp-command-source.js';
import { AmqpDeadLetters } from './dead-letters/amqp-dead-letters.js';
import { AmqpCommandGateway } from './publish/amqp-command-gateway.js';
import { AmqpEventSink, toEverybody } from './publish/amqp-event-sink.js';
import { ConfirmedPublisher } from './publish/confirmed-publisher.js';
import { DispatchBacklog } from './publish/dispatch-backlog.js';
import { AmqpReceiptSender, type ReceiptRoutes } from './receipts/amqp-receipt-sender.js';
import { TopologyFault } from './topology/declare-topology.js';
import { prepareBroker } from './topology/prepare-broker.js';
import { QueueDepths } from './topology/queue-depths.js';
import { claimNamespace } from './topology/store-exchange.js';
import { newTransportCounters } from './transport-counters.js';

export interface AmqpTransportOptions {
  url: string;
  /** In the connections' names, and in dead letters. */
  workerId: string;
  topology: TopologySettings;
  /** Null for a process that only knocks at the door: it neither declares nor repairs, and cannot subscribe. */
  registry: Pick<PartitionRegistry, 'repairRing'> | null;
  /**
   * The id of the store that the namespace must belong to, asked for at each connection. Null for a process that has no store: it takes the broker as
   * it is.
   */
  storeId: (() => string) | null;
  logger: Logger;
  /** As for the connections. */
  random?: (() => number) | undefined;
}

/** The connections that the broker's objects were found in order on. */
interface Prepared {
  consume: ChannelModel;
  publish: ChannelModel;
}

/**
 * The transport on RabbitMQ. Consuming and publishing have a connection each: a broker short of memory stops reading from those who
 * publish, and acknowledgements must go on. Receipts to addresses that producers choose have connections of their own, opened at need: a bad
 * address can end one (see reply-address.ts), and no event, dead letter or receipt for REST may be lost with it.
 */
export class AmqpTransport {
  readonly source: AmqpCommandSource;
  readonly sink: AmqpEventSink;
  readonly receipts: AmqpReceiptSender;
  readonly deadLetters: AmqpDeadLetters;
  readonly door: AmqpCommandGateway;
  readonly counters: Readonly<TransportCounters>;
  readonly #counters = newTransportCounters();
  readonly #consume: AmqpConnection;
  readonly #publish: AmqpConnection;
  /** Opened at need. */
  readonly #receiptRoutes: Pick<ReceiptRoutes, 'queues' | 'directReplies' | 'unprovenReplies'>;
  readonly #publisher: ConfirmedPublisher;
  readonly #depths: QueueDepths;
  readonly #backlog: DispatchBacklog;
  readonly #namespace: string;
  readonly #topology: Topology;
  readonly #registry: Pick<PartitionRegistry, 'repairRing'> | null;
  readonly #logger: Logger;
  readonly #readyListeners = new Set<() => void>();
  #prepared: Prepared | undefined;
  /** What the listeners have been told of. */
  #told: Prepared | undefined;
  #preparing: Promise<void> | undefined;
  /** Why the broker's objects could not be put in order at the last try. */
  #obstacle: string | null = null;
  #isStopped = false;

  constructor({ url, workerId, topology: settings, registry, storeId, logger, random }: AmqpTransportOptions) {
    const { namespace, partitions } = settings;
    const admit =
      storeId === null ? undefined : (model: ChannelModel) => refusalOfNamespace(model, namespace, storeId());
    const connection = (purpose: string) =>
      new AmqpConnection({ url, name: `parley ${workerId} ${purpose}`, logger, random, admit });
    this.#consume = connection('consume');
    this.#publish = connection('publish');
    this.#receiptRoutes = {
      queues: connection('receipts'),
      directReplies: connection('direct replies'),
      unprovenReplies: connection('unproven replies'),
    };
    const connections = [this.#consume, this.#publish, ...Object.values(this.#receiptRoutes)];
    // All are needed: after an outage each would have a pause of its own, and the longest would count.
    for (const one of connections)
      one.onOpen(() => {
        for (const other of connections) if (other !== one) other.tryNow();
      });
    this.#namespace = namespace;
    this.#topology = topology(settings);
    this.#registry = registry;
    this.#logger = logger;
    this.counters = this.#counters;
    const ownUser = this.#publish.username;
    this.#publisher = new ConfirmedPublisher(this.#publish);
    this.#depths = new QueueDepths(this.#publish, namespace, partitions, logger);
    this.#backlog = new DispatchBacklog(this.#publish, settings, logger);
    this.source = new AmqpCommandSource(this.#publisher, {
      namespace,
      ownUser,
      counters: this.#counters,
      whenReady: () => this.#whenReady(),
      onQueueMissing: () => this.#prepareAnew(),
    });
    this.sink = new AmqpEventSink(this.#publish, toEverybody(namespace), logger, this.#backlog);
    const routes = { rest: this.#publish, ...this.#receiptRoutes };
    this.receipts = new AmqpReceiptSender(routes, namespace, this.#counters, logger);
    this.deadLetters = new AmqpDeadLetters(this.#publisher, { namespace, workerId, ownUser, logger });
    this.door = new AmqpCommandGateway(this.#publish, namespace, logger);
  }

  /**
   * Connects, declares what is missing and puts the hash ring in order; again after every reconnect, by itself. Resolves once that has been
   * done for the first time, however long the broker is away. Rejects with `LoginRefused` or `TopologyFault` where trying again would
   * not help, `OtherStore` among them; stop it then. A connection to a broker where the namespace is another store's is not used, later either.
   */
  async start(): Promise<void> {
    // One of them finds the broker, and says once that it waits.
    await this.#consume.start();
    await this.#publish.start();
    await this.#prepare(true);
    for (const connection of [this.#consume, this.#publish]) connection.onOpen(() => this.#prepareInBackground());
    if (!this.#isReady()) this.#prepareInBackground(); // lost again before anybody listened
    this.#depths.start();
  }

  /** Open subscriptions end by `onLost`; requests at the door are answered as if their time were over. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([
      this.#depths.stop(),
      this.#backlog.stop(),
      this.receipts.close(),
      this.#publisher.close(),
      this.door.close(),
    ]);
    const connections = [this.#consume, this.#publish, ...Object.values(this.#receiptRoutes)];
    await Promise.all(connections.map((connection) => connection.stop()));
  }

  /**
   * Called whenever subscribing has become possible (again) on new connections. Not when a queue that was missing has been declared anew: a
   * broker that goes on missing it would be asked without a pause. Returns how to stop listening.
   */
  onReady(listener: () => void): () => void {
    this.#readyListeners.add(listener);
    return () => this.#readyListeners.delete(listener);
  }

  /** For the readiness report: ok while commands can come in and events can go out. */
  health(): { ok: boolean; detail: string } {
    for (const { state, name, obstacle } of [this.#consume, this.#publish]) {
      if (state === 'idle') return { ok: false, detail: 'not sought yet' };
      if (state !== 'open') return { ok: false, detail: `${name}: ${obstacle ?? state}` };
    }
    if (this.#publish.blocked !== null)
      return { ok: false, detail: `the broker takes no messages: ${this.#publish.blocked}` };
    if (!this.#isReady()) {
      const why = this.#obstacle === null ? '' : `: ${this.#obstacle}`;
      return { ok: false, detail: `the broker's objects are being put in order${why}` };
    }
    return { ok: true, detail: 'connected' };
  }

  /** Commands waiting, by partition. */
  queueDepths(): ReadonlyMap<number, number> {
    return this.#depths.current;
  }

  #whenReady(): ChannelModel {
    const model = this.#consume.current();
    if (this.#registry === null) throw new Error('this process does not consume');
    if (!this.#isReady()) throw new ConnectionAway(this.#consume.name);
    return model;
  }

  #isReady(): boolean {
    const prepared = this.#prepared;
    if (prepared === undefined || this.#consume.state !== 'open' || this.#publish.state !== 'open') return false;
    return prepared.consume === this.#consume.current() && prepared.publish === this.#publish.current();
  }

  #prepareAnew(): void {
    this.#prepared = undefined;
    this.#prepareInBackground();
  }

  #prepareInBackground(): void {
    this.#preparing ??= this.#prepare(false).finally(() => {
      this.#preparing = undefined;
    });
  }

  /**
   * Goes on until done, until a connection is away (its return calls again), or until stopped. A fault of the topology ends it at the start;
   * later, in a running process, it is reported and tried again: someone may mend it.
   */
  async #prepare(isStart: boolean): Promise<void> {
    for (let attempt = 0; !this.#isStopped && !this.#isReady(); attempt += 1) {
      try {
        const now = { consume: this.#consume.current(), publish: this.#publish.current() };
        if (this.#registry !== null) await this.#putInOrder(now.publish, this.#registry);
        this.#prepared = now;
        this.#obstacle = null;
      } catch (error) {
        if (isStart && error instanceof TopologyFault) throw error;
        if (error instanceof ConnectionAway && !isStart) return;
        this.#obstacle = describeFailure(error);
        this.#logger.error("the broker's objects could not be put in order yet", { attempt, error });
        await sleep(reconnectPauseMs(attempt), undefined, { ref: false });
      }
    }
    const { consume, publish } = this.#prepared ?? {};
    if (!this.#isReady() || (this.#told?.consume === consume && this.#told?.publish === publish)) return;
    this.#told = this.#prepared;
    for (const listener of [...this.#readyListeners]) {
      try {
        listener();
      } catch (error) {
        this.#logger.error('a listener for readiness failed', { error });
      }
    }
  }

  async #putInOrder(model: ChannelModel, registry: Pick<PartitionRegistry, 'repairRing'>): Promise<void> {
    const context = { namespace: this.#namespace, topology: this.#topology, registry, publisher: this.#publisher };
    const ring = await prepareBroker(model, context);
    if (ring === 'repaired') this.#counters.ringRepairs += 1;
    this.#logger.info("the broker's objects are in order", { ring });
  }
}

/** Null if the namespace is this store's; it becomes so where it is nobody's. */
async function refusalOfNamespace(model: ChannelModel, namespace: string, storeId: string): Promise<Error | null> {
  try {
    await claimNamespace(model, namespace, storeId);
    return null;
  } catch (error) {
    if (error instanceof TopologyFault) return error;
    throw error;
  }
}
