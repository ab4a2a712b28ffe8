import { createHash } from 'node:crypto';
import {
  type CommandGateway,
  type CommandSource,
  CommandUnavailable,
  type DeadLetterReason,
  type DeadLetters,
  type EventChannel,
  type EventSink,
  type OutgoingEvent,
  type PublishOutcome,
  type ReceiptSender,
} from '../../../application/ports/transport/transport.js';
import type { IncomingCommand } from '../../../contract/messages/delivery.js';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import { InProcessCommandGateway } from './in-process-command-gateway.js';
import { InProcessEphemeralFeed } from './in-process-ephemeral-feed.js';
import { InProcessLiveFeed } from './in-process-live-feed.js';
import { PartitionQueue } from './partition-queue.js';

/** Maximum number of commands that wait in one partition's queue. Further ones are rejected. */
export const PARTITION_QUEUE_LIMIT = 10_000;
/** Maximum number of dead letters kept: the latest ones. All are logged. */
export const DEAD_LETTERS_KEPT = 1_000;

export interface InProcessTransportOptions {
  partitions: number;
  /** Named in dead letters. */
  workerId: string;
  logger: Logger;
}

/**
 * The transport of a single process without a broker. It keeps nothing over a restart and need not: effects are in the
 * database before any receipt, and unpublished events are in the log.
 */
export class InProcessTransport {
  readonly source: CommandSource;
  readonly sink: EventSink;
  readonly live = new InProcessLiveFeed(() => this.#state === 'open');
  readonly ephemeral = new InProcessEphemeralFeed();
  readonly receipts: ReceiptSender;
  readonly deadLetters: DeadLetters;
  readonly gateway: CommandGateway;
  readonly #queues: PartitionQueue[];
  readonly #gateway: InProcessCommandGateway;
  readonly #listeners = new Set<(event: OutgoingEvent) => void>();
  readonly #keptDeadLetters: IncomingCommand[] = [];
  readonly #workerId: string;
  readonly #logger: Logger;
  #state: 'idle' | 'open' | 'stopped' = 'idle';

  constructor({ partitions, workerId, logger }: InProcessTransportOptions) {
    this.#workerId = workerId;
    this.#logger = logger;
    this.#queues = Array.from({ length: partitions }, () => new PartitionQueue(PARTITION_QUEUE_LIMIT));
    this.#gateway = new InProcessCommandGateway((incoming) => this.publish(incoming));
    this.gateway = this.#gateway;
    this.receipts = this.#gateway;
    this.source = {
      subscribe: async (partition, prefetch, handlers) => {
        if (this.#state !== 'open') throw new Error('the transport is not running');
        const queue = this.#queues[partition];
        if (queue === undefined) throw new RangeError(`there is no partition ${partition}`);
        return queue.subscribe(prefetch, handlers);
      },
      reroute: async ({ incoming }) => this.publish(incoming),
      forward: async ({ incoming }, home) => this.#enqueue(incoming, home, true),
    };
    this.sink = {
      openChannel: async () => {
        if (this.#state !== 'open') throw new Error('the transport is not running');
        return new InProcessEventChannel((event) => this.#fanOut(event));
      },
    };
    this.deadLetters = {
      deadLetter: async ({ incoming }, reason, detail) => this.#deadLetter(incoming, reason, detail),
    };
  }

  start(): Promise<void> {
    this.#state = 'open';
    return Promise.resolve();
  }

  /** Open subscriptions end with `onLost`. Pending requests end as if they had timed out. */
  stop(): Promise<void> {
    this.#state = 'stopped';
    for (const queue of this.#queues) queue.end(new Error('the transport was stopped'));
    this.live.end(new Error('the transport was stopped'));
    this.#gateway.close();
    return Promise.resolve();
  }

  /**
   * Accepts a command from any caller in this process. Throws `CommandUnavailable` if the transport is not running or
   * the partition's queue is full.
   */
  publish(incoming: IncomingCommand): void {
    if (this.#state !== 'open') throw new CommandUnavailable('the transport is not running');
    this.#enqueue(incoming, partitionOf(incoming.routingKey, this.#queues.length), false);
  }

  /**
   * Calls the listener for every event from now on, in the order of publishing per channel. Returns a function that
   * removes the listener.
   */
  onEvent(listener: (event: OutgoingEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The latest dead letters, oldest first. Body and properties are unchanged, and the reason is in the same headers as
   * on the broker.
   */
  keptDeadLetters(): readonly IncomingCommand[] {
    return [...this.#keptDeadLetters];
  }

  /** The number of receipts whose reply address was not the gateway's. */
  get ignoredReceipts(): number {
    return this.#gateway.ignored;
  }

  /** Waiting commands by partition. */
  queueDepths(): ReadonlyMap<number, number> {
    return new Map(this.#queues.map(({ depth }, partition) => [partition, depth]));
  }

  health(): { ok: boolean; detail: string } {
    return { ok: this.#state === 'open', detail: 'in process' };
  }

  #enqueue(incoming: IncomingCommand, partition: number, isForwarded: boolean): void {
    if (this.#queues[partition]?.enqueue(incoming, isForwarded) !== true)
      throw new CommandUnavailable(`${PARTITION_QUEUE_LIMIT} commands are waiting in partition ${partition}`);
  }

  #fanOut(event: OutgoingEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.#logger.error('event listener failed', { eventId: event.id, error });
      }
    }
  }

  #deadLetter(incoming: IncomingCommand, reason: DeadLetterReason, detail: string): void {
    this.#logger.warn('command dead-lettered', { reason, detail, messageId: incoming.messageId });
    const marks = {
      'x-parley-reason': reason,
      'x-parley-detail': detail,
      'x-parley-at': new Date().toISOString(),
      'x-parley-worker': this.#workerId,
      'x-parley-routing-key': incoming.routingKey,
    };
    this.#keptDeadLetters.push({ ...incoming, headers: { ...incoming.headers, ...marks } });
    if (this.#keptDeadLetters.length > DEAD_LETTERS_KEPT) this.#keptDeadLetters.shift();
  }
}

/** Events are always confirmed: the only consumers are the listeners of this process, which are called at once. */
class InProcessEventChannel implements EventChannel {
  readonly #fanOut: (event: OutgoingEvent) => void;
  #isClosed = false;

  constructor(fanOut: (event: OutgoingEvent) => void) {
    this.#fanOut = fanOut;
  }

  publish(event: OutgoingEvent, settled: (outcome: PublishOutcome) => void): void {
    const isClosed = this.#isClosed;
    setImmediate(() => {
      if (!isClosed) this.#fanOut(event);
      settled(isClosed ? 'lost' : 'confirmed');
    });
  }

  writable(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }
}

/**
 * Maps a chat to its partition, always the same one. This is not the broker's hash: a store that was filled over one
 * transport must stay with it.
 */
export function partitionOf(routingKey: string, partitions: number): number {
  return createHash('sha256').update(routingKey).digest().readUInt32BE(0) % partitions;
}
