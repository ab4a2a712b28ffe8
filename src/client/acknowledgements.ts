import { type Channel, type ConsumeMessage, IllegalOperationError } from 'amqplib';

/**
 * The acknowledgements of one channel. Deliveries that were handled in one turn of the event loop are acknowledged with
 * as few frames as possible, because a quorum queue writes each of them to disk. An unhandled delivery is never
 * included.
 */
export class Acknowledgements {
  /** Deliveries in order, and whether each is handled. */
  readonly #delivered = new Map<ConsumeMessage, boolean>();
  #isDue = false;

  constructor(private readonly channel: Pick<Channel, 'ack'>) {}

  /** Must be called for each delivery, in order. */
  expect(message: ConsumeMessage): void {
    this.#delivered.set(message, false);
  }

  dealtWith(message: ConsumeMessage): void {
    this.#delivered.set(message, true);
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.flush());
  }

  /** Acknowledges at once instead of at the end of the turn. */
  flush(): void {
    this.#isDue = false;
    let through: ConsumeMessage | null = null;
    let isPrefix = true;
    const beyond: ConsumeMessage[] = [];
    for (const [message, isDone] of this.#delivered) {
      if (!isDone) isPrefix = false;
      else {
        this.#delivered.delete(message);
        if (isPrefix) through = message;
        else beyond.push(message);
      }
    }
    try {
      if (through !== null) this.channel.ack(through, true);
      for (const message of beyond) this.channel.ack(message);
    } catch (error) {
      if (!(error instanceof IllegalOperationError)) throw error; // The channel is closed, so the broker redelivers.
    }
  }
}
