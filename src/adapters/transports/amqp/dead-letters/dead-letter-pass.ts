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
/**
 * How long closing a pass waits until its letters are ready again. They are not if another consumer has received them.
 */
export const CLOSE_REQUEUE_TIMEOUT_MS = 2_000;
const REQUEUE_POLL_MS = 20;
const NO_SUCH_QUEUE = 404;

/**
 * One pass over the dead letters, from the front. Letters are received without acknowledgement, so that each keeps its
 * place until it is acknowledged here. Closing the channel requeues the rest in order. Never nack, and never cancel
 * with unacknowledged letters.
 */
export class DeadLetterPass {
  readonly #channel: Channel;
  readonly #queue: string;
  readonly #connection: AmqpConnection;
  #received = 0;
  #acknowledged = 0;
  #end: Error | undefined;
  #wake: () => void = () => undefined;

  private constructor(connection: AmqpConnection, channel: Channel, queue: string) {
    this.#connection = connection;
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
    const channel = await connection.current().createChannel();
    return new DeadLetterPass(connection, channel, names.deadLetters(namespace));
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
  async untilReady(count: number, timeoutMs = REQUEUE_TIMEOUT_MS): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while ((await this.ready()) < count && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, REQUEUE_POLL_MS));
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
      if (message !== null) this.#received += 1;
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
    this.#acknowledged += 1;
    // The library reads no other field.
    this.#channel.ack({ fields: { deliveryTag: tag } } as ConsumeMessage);
  }

  throwIfEnded(): void {
    if (this.#end !== undefined) throw this.#end;
  }

  /**
   * Requeues everything that was not acknowledged. The broker confirms the close before the letters are ready again,
   * and the next pass would not see them, so this waits for them. Never rejects.
   */
  async close(): Promise<void> {
    if (this.#end !== undefined) return;
    await closeChannel(this.#channel);
    const requeued = this.#received - this.#acknowledged;
    if (requeued === 0) return;
    const next = await this.#connection
      .current()
      .createChannel()
      .then((channel) => new DeadLetterPass(this.#connection, channel, this.#queue))
      .catch(() => null);
    if (next === null) return; // The connection is lost, which requeues too.
    await next.untilReady(requeued, CLOSE_REQUEUE_TIMEOUT_MS).catch(() => undefined);
    await next.close();
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
