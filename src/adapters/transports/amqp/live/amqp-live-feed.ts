import type { Channel } from 'amqplib';
import type {
  LiveBatch,
  LiveCounters,
  LiveFeed,
  LiveHandlers,
  LiveSubscription,
} from '../../../../application/ports/transport/live-feed.js';
import { liveRoutingKey } from '../../../../contract/messages/live-messages.js';
import { names } from '../../../../contract/messages/topology.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import type { Logger } from '../../../../infrastructure/logging/logger.js';
import { LazyChannel } from '../publish/lazy-channel.js';
import { AmqpLiveSubscription } from './amqp-live-subscription.js';
import { liveMessages } from './live-message.js';

/**
 * The channel is full when twice this number of frames waits for the socket, because the library's buffer has two
 * sides. Then copies are dropped. A message of 256 KiB has four frames, so at most 16 MiB wait. All partitions of a
 * worker may publish a message in one turn of the event loop.
 */
export const LIVE_FRAMES_WAITING_MAX = 128;

/** Copies are transient, not mandatory and not confirmed, on a channel of their own. */
export class AmqpLiveFeed implements LiveFeed {
  readonly counters: LiveCounters = { sent: 0, dropped: 0 };
  readonly #publish: AmqpConnection;
  readonly #consume: AmqpConnection;
  readonly #namespace: string;
  readonly #exchange: string;
  readonly #logger: Logger;
  readonly #kept: LazyChannel<Channel>;
  #isWritable = true;

  constructor(connections: { publish: AmqpConnection; consume: AmqpConnection }, namespace: string, logger: Logger) {
    this.#publish = connections.publish;
    this.#consume = connections.consume;
    this.#namespace = namespace;
    this.#exchange = names.live(namespace);
    this.#logger = logger;
    this.#kept = new LazyChannel(this.#publish, async (model) => {
      const channel = await model.createChannel({ highWaterMark: LIVE_FRAMES_WAITING_MAX });
      channel.on('error', (error) => logger.warn('live feed channel closed', { error: error.message }));
      channel.on('drain', () => {
        this.#isWritable = true;
      });
      this.#isWritable = true;
      return { channel, held: channel };
    });
  }

  publish(batch: LiveBatch): void {
    const channel = this.#channel();
    for (const { count, body, properties } of liveMessages(batch)) {
      if (channel === undefined || !this.#isWritable) {
        this.counters.dropped += count;
        continue;
      }
      try {
        this.#isWritable = channel.publish(this.#exchange, liveRoutingKey(batch.partition), body, properties);
        this.counters.sent += count;
      } catch {
        this.counters.dropped += count; // The channel is closing and has not emitted `close` yet.
      }
    }
  }

  async subscribe(handlers: LiveHandlers): Promise<LiveSubscription> {
    return AmqpLiveSubscription.open(this.#consume.current(), this.#namespace, handlers);
  }

  close(): Promise<void> {
    return this.#kept.close();
  }

  /** Undefined if nothing can be sent now. The first copies on a new connection are dropped while the channel opens. */
  #channel(): Channel | undefined {
    if (this.#publish.state !== 'open' || this.#publish.blocked !== null) return undefined;
    const channel = this.#kept.now;
    if (channel === undefined)
      this.#kept.get().catch((error: unknown) => this.#logger.debug('live feed channel not opened', { error }));
    return channel;
  }
}
