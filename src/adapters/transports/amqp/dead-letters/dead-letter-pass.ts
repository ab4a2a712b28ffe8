import type { Channel, ConsumeMessage } from 'amqplib';
import { names } from '../../../../contract/messages/topology.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { PREFETCH_MAX } from '../consume/amqp-subscription.js';
import { closeChannel } from '../publish/lazy-channel.js';

/** Letters held at a time: AMQP's own bound. What stands further back in the queue is not reached. */
export const LETTERS_HELD_MAX = PREFETCH_MAX;
/** No letter for so long: what is missing is with another consumer. */
export const LETTER_WAIT_MS = 5_000;
/** How long the broker may take to put back what an earlier pass has held. */
export const GIVE_BACK_TIMEOUT_MS = 10_000;
const GIVE_BACK_POLL_MS = 50;
const NO_SUCH_QUEUE = 404;

/**
 * One way through the dead letters, from the front. Letters are taken without being acknowledged, so that each stands where it stood until
 * somebody acknowledges it here; closing the channel gives the rest back, in order. Never nack, never cancel with letters in hand.
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

  /** How many letters are ready: those that another consumer has in hand are not among them. */
  async ready(): Promise<number> {
    try {
      return (await this.#channel.checkQueue(this.#queue)).messageCount;
    } catch (error) {
      if ((error as { code?: unknown }).code !== NO_SUCH_QUEUE) throw error;
      throw new Error(`the broker has no queue ${this.#queue}`, { cause: error });
    }
  }

  /** Waits for so many letters to be ready, or for as long as putting them back may take. */
  async untilReady(count: number): Promise<void> {
    const deadline = Date.now() + GIVE_BACK_TIMEOUT_MS;
    while ((await this.ready()) < count && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, GIVE_BACK_POLL_MS));
  }

  /**
   * Hands over up to `most` letters in order, once: until `onLetter` answers false, or nothing has come for `LETTER_WAIT_MS`. It must not
   * throw. The answer: how many were handed over.
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

  /** This letter is done with: it leaves the queue. */
  acknowledge(tag: number): void {
    this.throwIfEnded();
    // All the library looks at.
    this.#channel.ack({ fields: { deliveryTag: tag } } as ConsumeMessage);
  }

  throwIfEnded(): void {
    if (this.#end !== undefined) throw this.#end;
  }

  /** Everything that was not acknowledged goes back. */
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
