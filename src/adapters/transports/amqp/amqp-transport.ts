import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelModel } from 'amqplib';
import type { TransportState } from '../../../application/ports/store/transport-state.js';
import type { TransportCounters } from '../../../application/ports/transport/transport.js';
import { type Topology, type TopologySettings, topology } from '../../../contract/messages/topology.js';
import { AmqpConnection, reconnectPauseMs } from '../../../infrastructure/amqp/amqp-connection.js';
import { ConnectionAway, describeFailure } from '../../../infrastructure/amqp/amqp-failure.js';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import { AmqpCommandSource } from './consume/amqp-command-source.js';
import { AmqpDeadLetters } from './dead-letters/amqp-dead-letters.js';
import { AmqpEphemeralFeed } from './live/amqp-ephemeral-feed.js';
import { AmqpLiveFeed } from './live/amqp-live-feed.js';
import { AmqpCommandGateway } from './publish/amqp-command-gateway.js';
import { AmqpEventSink, toEventsExchange } from './publish/amqp-event-sink.js';
import { ConfirmedPublisher } from './publish/confirmed-publisher.js';
import { DispatchBacklog } from './publish/dispatch-backlog.js';
import { AmqpReceiptSender, type ReceiptRoutes } from './receipts/amqp-receipt-sender.js';
import { TopologyFault } from './topology/declare-topology.js';
import { claimNamespace } from './topology/namespace-claim.js';
import { prepareBroker } from './topology/prepare-broker.js';
import { QueueDepths } from './topology/queue-depths.js';
import { newTransportCounters } from './transport-counters.js';

export interface AmqpTransportOptions {
  url: string;
  /** Part of the connection names and of dead letters. */
  workerId: string;
  topology: TopologySettings;
  /** Null for a process that only submits commands. It does not declare, repair or subscribe. */
  state: TransportState | null;
  /**
   * The id of the store that must own the namespace. It is read at each connection. Null for a process without a store,
   * which does not check the namespace.
   */
  storeId: (() => string) | null;
  logger: Logger;
  /** As for the connections. */
  random?: (() => number) | undefined;
}

/** The connections on which the topology was found ready. */
interface Prepared {
  consume: ChannelModel;
  publish: ChannelModel;
}

/**
 * The transport on RabbitMQ. Consuming and publishing have separate connections: a broker that is short of memory stops
 * reading from publishers, and acknowledgements must continue. Receipts to addresses that producers choose have
 * connections of their own, opened on demand. A bad address can end such a connection (see reply-address.ts), and no
 * event, dead letter or receipt for REST may be lost with it.
 */
export class AmqpTransport {
  readonly source: AmqpCommandSource;
  readonly sink: AmqpEventSink;
  readonly live: AmqpLiveFeed;
  readonly ephemeral: AmqpEphemeralFeed;
  readonly receipts: AmqpReceiptSender;
  readonly deadLetters: AmqpDeadLetters;
  readonly gateway: AmqpCommandGateway;
  readonly counters: Readonly<TransportCounters>;
  readonly #counters = newTransportCounters();
  readonly #consume: AmqpConnection;
  readonly #publish: AmqpConnection;
  /** Opened on demand. */
  readonly #receiptRoutes: Pick<ReceiptRoutes, 'queues' | 'directReplies' | 'untestedReplies'>;
  readonly #publisher: ConfirmedPublisher;
  readonly #depths: QueueDepths;
  readonly #backlog: DispatchBacklog;
  readonly #namespace: string;
  readonly #topology: Topology;
  readonly #state: TransportState | null;
  readonly #logger: Logger;
  readonly #readyListeners = new Set<() => void>();
  #prepared: Prepared | undefined;
  /** The state that the listeners were last notified of. */
  #announced: Prepared | undefined;
  #preparing: Promise<void> | undefined;
  /** Why the last attempt to prepare the broker failed. */
  #obstacle: string | null = null;
  #isStopped = false;

  constructor({ url, workerId, topology: settings, state, storeId, logger, random }: AmqpTransportOptions) {
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
      untestedReplies: connection('untested replies'),
    };
    const connections = [this.#consume, this.#publish, ...Object.values(this.#receiptRoutes)];
    // Wakes all connections: after an outage each waits for its own pause, and the longest one would count.
    for (const one of connections)
      one.onOpen(() => {
        for (const other of connections) if (other !== one) other.tryNow();
      });
    this.#namespace = namespace;
    this.#topology = topology(settings);
    this.#state = state;
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
      logger,
      onQueueMissing: () => this.#prepareAnew(),
    });
    this.sink = new AmqpEventSink(this.#publish, toEventsExchange(namespace), logger, this.#backlog);
    this.live = new AmqpLiveFeed({ publish: this.#publish, consume: this.#consume }, namespace, logger);
    this.ephemeral = new AmqpEphemeralFeed({ publish: this.#publish, consume: this.#consume }, namespace, logger);
    const routes = { rest: this.#publish, ...this.#receiptRoutes };
    this.receipts = new AmqpReceiptSender(routes, namespace, this.#counters, logger);
    this.deadLetters = new AmqpDeadLetters(this.#publisher, { namespace, workerId, ownUser, logger });
    this.gateway = new AmqpCommandGateway(this.#publish, namespace, logger);
  }

  /**
   * Connects, declares missing objects and repairs the hash ring, and does so again after every reconnect. Resolves
   * after the first success, however long the broker is away. Rejects with `LoginRefused` or `TopologyFault` (including
   * `OtherStore`) if a retry cannot help; the caller must then call `stop`. If the namespace on the broker belongs to
   * another store, the connection is never used.
   */
  async start(): Promise<void> {
    // The first connection finds the broker and logs once that it waits.
    await this.#consume.start();
    await this.#publish.start();
    await this.#prepare(true);
    for (const connection of [this.#consume, this.#publish]) connection.onOpen(() => this.#prepareInBackground());
    if (!this.#isReady()) this.#prepareInBackground(); // The connection was lost before the listener was added.
    this.#depths.start();
  }

  /** Open subscriptions end with `onLost`. Pending requests end as if they had timed out. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([
      this.#depths.stop(),
      this.#backlog.stop(),
      this.receipts.close(),
      this.live.close(),
      this.ephemeral.close(),
      this.#publisher.close(),
      this.gateway.close(),
    ]);
    const connections = [this.#consume, this.#publish, ...Object.values(this.#receiptRoutes)];
    await Promise.all(connections.map((connection) => connection.stop()));
  }

  /**
   * Calls the listener whenever subscribing becomes possible on new connections. It is not called when a missing queue
   * has been declared again: if the broker keeps losing it, the retries would have no pause. Returns a function that
   * removes the listener.
   */
  onReady(listener: () => void): () => void {
    this.#readyListeners.add(listener);
    return () => this.#readyListeners.delete(listener);
  }

  /** For the readiness report: ok while commands can be consumed and events published. */
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

  /** Waiting commands by partition. */
  queueDepths(): ReadonlyMap<number, number> {
    return this.#depths.current;
  }

  #whenReady(): { model: ChannelModel; state: TransportState } {
    const model = this.#consume.current();
    if (this.#state === null) throw new Error('this process does not consume');
    if (!this.#isReady()) throw new ConnectionAway(this.#consume.name);
    return { model, state: this.#state };
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
   * Retries until it succeeds, a connection is lost (its return calls this again), or the transport is stopped. At the
   * start a topology fault ends it. In a running process the fault is reported and retried, because an operator may fix
   * it.
   */
  async #prepare(isStart: boolean): Promise<void> {
    for (let attempt = 0; !this.#isStopped && !this.#isReady(); attempt += 1) {
      try {
        const now = { consume: this.#consume.current(), publish: this.#publish.current() };
        if (this.#state !== null) await this.#putInOrder(now.publish, this.#state);
        this.#prepared = now;
        this.#obstacle = null;
      } catch (error) {
        if (isStart && error instanceof TopologyFault) throw error;
        if (error instanceof ConnectionAway && !isStart) return;
        this.#obstacle = describeFailure(error);
        this.#logger.error('broker preparation failed; retrying', { attempt, error });
        await sleep(reconnectPauseMs(attempt), undefined, { ref: false });
      }
    }
    const { consume, publish } = this.#prepared ?? {};
    if (!this.#isReady() || (this.#announced?.consume === consume && this.#announced?.publish === publish)) return;
    this.#announced = this.#prepared;
    for (const listener of [...this.#readyListeners]) {
      try {
        listener();
      } catch (error) {
        this.#logger.error('readiness listener failed', { error });
      }
    }
  }

  async #putInOrder(model: ChannelModel, state: TransportState): Promise<void> {
    const context = { namespace: this.#namespace, topology: this.#topology, state, publisher: this.#publisher };
    const ring = await prepareBroker(model, context);
    if (ring === 'repaired') this.#counters.routingRepairs += 1;
    this.#logger.info('broker prepared', { ring });
  }
}

/** Null if the namespace belongs to this store. A namespace without an owner gets this one. */
async function refusalOfNamespace(model: ChannelModel, namespace: string, storeId: string): Promise<Error | null> {
  try {
    await claimNamespace(model, namespace, storeId);
    return null;
  } catch (error) {
    if (error instanceof TopologyFault) return error;
    throw error;
  }
}
