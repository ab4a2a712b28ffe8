import type { Channel } from 'amqplib';
import { names } from '../../../../contract/messages/topology.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import type { Logger } from '../../../../infrastructure/logging/logger.js';
import { LazyChannel } from '../publish/lazy-channel.js';

export const QUEUE_DEPTH_INTERVAL_MS = 5_000;

/**
 * The number of waiting commands in each partition's queue, polled from the broker. Unacknowledged deliveries are not
 * counted.
 */
export class QueueDepths {
  readonly #kept: LazyChannel<Channel>;
  readonly #namespace: string;
  readonly #partitions: number;
  readonly #logger: Logger;
  readonly #depths = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;

  constructor(connection: AmqpConnection, namespace: string, partitions: number, logger: Logger) {
    this.#namespace = namespace;
    this.#partitions = partitions;
    this.#logger = logger;
    this.#kept = new LazyChannel(connection, async (model) => {
      const channel = await model.createChannel();
      channel.on('error', () => undefined); // The request that caused it rejects.
      return { channel, held: channel };
    });
  }

  /** By partition. Empty until the first poll and while the broker is away. */
  get current(): ReadonlyMap<number, number> {
    return this.#depths;
  }

  start(): void {
    void this.#ask();
    this.#timer = setInterval(() => void this.#ask(), QUEUE_DEPTH_INTERVAL_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#kept.close();
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      const channel = await this.#kept.get();
      for (let partition = 0; partition < this.#partitions; partition += 1) {
        const { messageCount } = await channel.checkQueue(names.commandQueue(this.#namespace, partition));
        this.#depths.set(partition, messageCount);
      }
    } catch (error) {
      this.#depths.clear();
      this.#logger.debug('queue depths unknown', { error: error instanceof Error ? error.message : String(error) });
    } finally {
      this.#isAsking = false;
    }
  }
}
