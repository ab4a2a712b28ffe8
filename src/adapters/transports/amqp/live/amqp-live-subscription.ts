import { randomUUID } from 'node:crypto';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { LiveHandlers, LiveSubscription } from '../../../../application/ports/transport/live-feed.js';
import { liveQueue, names } from '../../../../contract/messages/topology.js';
import { toError } from '../../../../infrastructure/amqp/amqp-failure.js';
import { closeChannel } from '../publish/lazy-channel.js';
import { liveEvents } from './live-message.js';

/** Messages, of at most 256 KiB as a rule, that wait in this process. Others wait in the queue, which is bounded. */
export const LIVE_PREFETCH = 64;

/** One reader: an exclusive queue with its consumer, on a channel of its own. */
export class AmqpLiveSubscription implements LiveSubscription {
  readonly #channel: Channel;
  readonly #queue: string;
  readonly #handlers: LiveHandlers;
  readonly #waiting: ConsumeMessage[] = [];
  #isStarted = false;
  #isPassing = false;
  #hasEnded = false;
  #channelError: Error | undefined;
  /** The loss, if it came before the subscriber had this object. */
  #earlyLoss: Error | undefined;

  private constructor(channel: Channel, queue: string, handlers: LiveHandlers) {
    this.#channel = channel;
    this.#queue = queue;
    this.#handlers = handlers;
    channel.on('error', (error) => {
      this.#channelError = error;
    });
    channel.on('close', () => this.#lose(this.#channelError ?? new Error(`the channel on ${queue} was closed`)));
  }

  static async open(model: ChannelModel, namespace: string, handlers: LiveHandlers): Promise<AmqpLiveSubscription> {
    const { name, arguments: limits } = liveQueue(namespace, randomUUID());
    const channel = await model.createChannel();
    const subscription = new AmqpLiveSubscription(channel, name, handlers);
    try {
      await channel.assertQueue(name, { exclusive: true, autoDelete: true, durable: false, arguments: limits });
      await channel.bindQueue(name, names.live(namespace), '#');
      await channel.prefetch(LIVE_PREFETCH);
      await channel.consume(name, (message) => subscription.#take(message));
    } catch (error) {
      await subscription.close();
      throw error;
    }
    setImmediate(() => subscription.#start());
    return subscription;
  }

  close(): Promise<void> {
    this.#hasEnded = true;
    this.#earlyLoss = undefined;
    return closeChannel(this.#channel);
  }

  #start(): void {
    this.#isStarted = true;
    if (this.#earlyLoss !== undefined) this.#handlers.onLost(this.#earlyLoss);
    else void this.#pass();
  }

  #take(message: ConsumeMessage | null): void {
    if (this.#hasEnded) return;
    if (message === null) {
      this.#lose(new Error(`the broker cancelled the consumer of ${this.#queue}`));
      return;
    }
    this.#waiting.push(message);
    if (this.#isStarted && !this.#isPassing) void this.#pass();
  }

  /** Passes on what waits, one event after the other. Never rejects. */
  async #pass(): Promise<void> {
    this.#isPassing = true;
    try {
      for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
        for (const event of liveEvents(message)) {
          if (this.#hasEnded) return;
          const done = this.#handlers.onEvent(event);
          if (done !== undefined) await done;
        }
        if (!this.#hasEnded) this.#channel.ack(message);
      }
    } catch (error) {
      // The channel is closing, or the handler has failed, which it must not.
      this.#lose(toError(error));
    } finally {
      this.#isPassing = false;
    }
  }

  #lose(cause: Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#waiting.length = 0;
    void closeChannel(this.#channel);
    if (this.#isStarted) this.#handlers.onLost(cause);
    else this.#earlyLoss = cause;
  }
}
