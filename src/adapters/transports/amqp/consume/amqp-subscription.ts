import { setTimeout as sleep } from 'node:timers/promises';
import { type Channel, type ChannelModel, type ConsumeMessage, IllegalOperationError } from 'amqplib';
import type { Subscription, SubscriptionHandlers } from '../../../../application/ports/transport/transport.js';
import type { Logger } from '../../../../infrastructure/logging/logger.js';
import { closeChannel } from '../publish/lazy-channel.js';
import { AmqpDelivery, ringMarkerOf } from './incoming-command.js';

/** The maximum in AMQP (16 bits). 0 would mean no limit. */
export const PREFETCH_MAX = 65_535;

/** Pause before the next attempt to record that a marker has passed. */
const MARKER_RETRY_MS = 500;

export interface SubscriptionContext {
  /** The user of the connection. */
  ownUser: string;
  logger: Logger;
  /** The ring repair whose marker has not passed through the queue. Null if there is none. */
  markerDue: number | null;
  /** Records that a marker has passed: everything before it is acknowledged. Called again if it rejects. */
  onMarkerPassed(generation: number): Promise<void>;
  /** Whether a message is a ring probe instead of a command (ring-probe.ts). */
  isProbe(message: ConsumeMessage): boolean;
  /** Called after the probe was acknowledged. Must not throw. */
  onProbe(message: ConsumeMessage): void;
}

/** A ring marker that has arrived and is not recorded yet. */
interface Marker {
  generation: number;
  tag: number;
  /** The tag of the last delivery before it. */
  after: number;
}

/**
 * One consumer on one queue, on a channel of its own: closing the channel requeues its deliveries.
 *
 * The markers of ring repairs (hash-ring.ts) stay inside. Deliveries before a marker may be misplaced. A marker is
 * recorded when everything before it is acknowledged, and acknowledged when it is recorded: if this process dies, the
 * next consumer receives the marker again. Acknowledgements of deliveries behind it wait meanwhile.
 */
export class AmqpSubscription implements Subscription {
  readonly #channel: Channel;
  readonly #queue: string;
  readonly #handlers: SubscriptionHandlers;
  readonly #context: SubscriptionContext;
  /** Calls that came before the subscriber had this object. */
  #early: (() => void)[] | null = [];
  /** No delivery is passed on and nothing is acknowledged any more. */
  #hasEnded = false;
  #isClosedByUs = false;
  #lastTag = 0;
  /** What the subscriber has acknowledged. */
  #settledThrough = 0;
  /** What is acknowledged at the broker. */
  #acknowledgedThrough = 0;
  readonly #markers: Marker[] = [];
  #markerDue: number | null;
  #isRecording = false;
  #cause: Error | undefined;

  private constructor(channel: Channel, queue: string, handlers: SubscriptionHandlers, context: SubscriptionContext) {
    this.#channel = channel;
    this.#queue = queue;
    this.#handlers = handlers;
    this.#context = context;
    this.#markerDue = context.markerDue;
    channel.on('error', (error) => {
      this.#cause = error;
    });
    channel.on('close', () => this.#lose(this.#cause ?? new Error(`the channel on ${queue} was closed`)));
  }

  /**
   * Rejects if the broker refuses (404 for a missing queue) or goes away. No handler is called before this resolves.
   */
  static async open(
    model: ChannelModel,
    queue: string,
    prefetch: number,
    handlers: SubscriptionHandlers,
    context: SubscriptionContext,
  ): Promise<AmqpSubscription> {
    if (!Number.isInteger(prefetch) || prefetch < 1 || prefetch > PREFETCH_MAX)
      throw new RangeError(`prefetch must be between 1 and ${PREFETCH_MAX}, not ${prefetch}`);
    const channel = await model.createChannel();
    const subscription = new AmqpSubscription(channel, queue, handlers, context);
    try {
      await channel.prefetch(prefetch);
      await channel.consume(queue, (message) => subscription.#take(message));
    } catch (error) {
      await subscription.close();
      throw error;
    }
    setImmediate(() => subscription.#begin());
    return subscription;
  }

  acknowledgeThrough(tag: number): void {
    if (this.#hasEnded || tag <= this.#settledThrough) return;
    if (tag > this.#lastTag) throw new RangeError(`nothing was delivered under ${tag}`);
    this.#settledThrough = tag;
    this.#advance();
  }

  close(): Promise<void> {
    this.#hasEnded = true;
    this.#isClosedByUs = true;
    return closeChannel(this.#channel);
  }

  #take(message: ConsumeMessage | null): void {
    if (this.#hasEnded) return;
    if (message === null) {
      this.#lose(new Error(`the broker cancelled the consumer of ${this.#queue}`));
      return;
    }
    if (this.#context.isProbe(message)) {
      if (this.#acknowledge(message, false)) this.#context.onProbe(message);
      return;
    }
    const tag = message.fields.deliveryTag;
    const generation = ringMarkerOf(message);
    if (generation !== null) {
      this.#markers.push({ generation, tag, after: this.#lastTag });
      if (this.#markerDue !== null && generation >= this.#markerDue) this.#markerDue = null;
      this.#advance();
      return;
    }
    this.#lastTag = tag;
    const delivery = new AmqpDelivery(message, this.#context.ownUser, this.#markerDue !== null);
    this.#inTurn(() => {
      if (!this.#hasEnded) this.#handlers.onDelivery(delivery);
    });
  }

  /** Acknowledges what the subscriber has acknowledged, up to the first marker. */
  #advance(): void {
    const [marker] = this.#markers;
    const through = Math.min(this.#settledThrough, marker?.after ?? Number.POSITIVE_INFINITY);
    if (through > this.#acknowledgedThrough && this.#acknowledgeThrough(through)) this.#acknowledgedThrough = through;
    if (marker === undefined || this.#acknowledgedThrough < marker.after || this.#isRecording) return;
    this.#isRecording = true;
    void this.#record(marker);
  }

  async #record({ generation, tag }: Marker): Promise<void> {
    while (!this.#hasEnded) {
      try {
        await this.#context.onMarkerPassed(generation);
        break;
      } catch (error) {
        this.#context.logger.warn('ring marker not recorded; retrying', { queue: this.#queue, error });
        await sleep(MARKER_RETRY_MS, undefined, { ref: false });
      }
    }
    if (this.#hasEnded) return;
    this.#isRecording = false;
    this.#markers.shift();
    if (this.#acknowledgeThrough(tag)) this.#acknowledgedThrough = tag;
    this.#advance();
  }

  #acknowledgeThrough(tag: number): boolean {
    // The library reads no other field.
    return this.#acknowledge({ fields: { deliveryTag: tag } } as ConsumeMessage, true);
  }

  /** False if the channel or its connection is closing and has not emitted `close` yet. */
  #acknowledge(message: ConsumeMessage, isThrough: boolean): boolean {
    try {
      this.#channel.ack(message, isThrough);
      return true;
    } catch (error) {
      if (!(error instanceof IllegalOperationError)) throw error;
      this.#lose(error);
      return false;
    }
  }

  #lose(cause: Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    void closeChannel(this.#channel);
    this.#inTurn(() => {
      if (!this.#isClosedByUs) this.#handlers.onLost(cause);
    });
  }

  #inTurn(call: () => void): void {
    if (this.#early !== null) this.#early.push(call);
    else this.#call(call);
  }

  #begin(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const call of early) this.#call(call);
  }

  /**
   * A handler must not throw. If it does, the error must not reach the library, which would close the whole connection.
   */
  #call(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#lose(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
