import type { Channel, ConsumeMessage } from 'amqplib';
import { names } from '../../../../contract/messages/topology.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { PREFETCH_MAX } from '../consume/amqp-subscription.js';
import { closeChannel } from '../publish/lazy-channel.js';

/** Maximum number of unacknowledged letters: AMQP's limit. Letters further back in the queue are not reached. */
export const LETTERS_HELD_MAX = PREFETCH_MAX;
/** Without a letter for this long, the missing letters are with another consumer. */
export const LETTER_WAIT_MS = 5_000;
/** How long the broker may take to requeue the letters of an earlier pass. */
export const REQUEUE_TIMEOUT_MS = 10_000;
const GIVE_BACK_POLL_MS = 50;
const NO_SUCH_QUEUE = 404;

/**
 * One pass over the dead letters, from the front. Letters are received without acknowledgement, so that each keeps its
 * place until it is acknowledged here. Closing the channel requeues the rest in order. Never nack, and never cancel
 * with unacknowledged letters.
 */
export class DeadLetterPass {
  readonly #channel: Channel;
  readonly #queue: string;
  #end: Error | undefined;
  #wake: () => void = () => undefined;

  private constructor(channel: Channel, queue: string) {
    this.#channel = channel;
    this.#queue = queue;
    channel.on('error', (error) => {
      this.#end ??= error;
    });
    channel.on('close', () => {
      this.#end ??= new Error('the broker has closed the channel');
      this.#wake();
    });
  }

  static async open(connection: AmqpConnection, namespace: string): Promise<DeadLetterPass> {
    return new DeadLetterPass(await connection.current().createChannel(), names.deadLetters(namespace));
  }

  /** The number of ready letters, without those that another consumer has received. */
  async ready(): Promise<number> {
    try {
      return (await this.#channel.checkQueue(this.#queue)).messageCount;
    } catch (error) {
      if ((error as { code?: unknown }).code !== NO_SUCH_QUEUE) throw error;
      throw new Error(`the broker has no queue ${this.#queue}`, { cause: error });
    }
  }

  /** Waits until this many letters are ready, or until the time for requeueing is over. */
  async untilReady(count: number): Promise<void> {
    const deadline = Date.now() + REQUEUE_TIMEOUT_MS;
    while ((await this.ready()) < count && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, GIVE_BACK_POLL_MS));
  }

  /**
   * Passes up to `most` letters to `onLetter` in order, each once. Ends when `onLetter` returns false, or when nothing
   * arrives for `LETTER_WAIT_MS`. `onLetter` must not throw. Returns the number of letters passed on.
   */
  async read(most: number, onLetter: (message: ConsumeMessage) => boolean): Promise<number> {
    let seen = 0;
    let isOver = most < 1;
    let lastAt = Date.now();
    const onMessage = (message: ConsumeMessage | null) => {
      if (message === null) this.#end ??= new Error('the broker has cancelled the consumer');
      else if (!isOver) {
        seen += 1;
        lastAt = Date.now();
        isOver = !onLetter(message) || seen >= most;
      }
      if (isOver || message === null) this.#wake();
    };
    if (isOver) return 0;
    await this.#channel.prefetch(Math.min(most, LETTERS_HELD_MAX));
    await this.#channel.consume(this.#queue, onMessage);
    while (!isOver && this.#end === undefined) {
      const quiet = Date.now() - lastAt;
      if (quiet >= LETTER_WAIT_MS) break;
      await this.#nextChange(LETTER_WAIT_MS - quiet);
    }
    isOver = true;
    this.throwIfEnded();
    return seen;
  }

  /** Removes this letter from the queue. */
  acknowledge(tag: number): void {
    this.throwIfEnded();
    // The library reads no other field.
    this.#channel.ack({ fields: { deliveryTag: tag } } as ConsumeMessage);
  }

  throwIfEnded(): void {
    if (this.#end !== undefined) throw this.#end;
  }

  /** Requeues everything that was not acknowledged. */
  close(): Promise<void> {
    return this.#end === undefined ? closeChannel(this.#channel) : Promise.resolve();
  }

  #nextChange(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
