import { type Channel, type ConsumeMessage, IllegalOperationError } from 'amqplib';

/**
 * The acknowledgements of one channel: what was dealt with in one turn of the event loop is told in as few as will do, for a quorum queue writes
 * each of them down. What is not dealt with yet is never among them.
 */
export class Acknowledgements {
  /** What has been delivered, in order, and whether it is dealt with. */
  readonly #delivered = new Map<ConsumeMessage, boolean>();
  #isDue = false;

  constructor(private readonly channel: Pick<Channel, 'ack'>) {}

  /** To be told of each delivery, in order. */
  expect(message: ConsumeMessage): void {
    this.#delivered.set(message, false);
  }

  dealtWith(message: ConsumeMessage): void {
    this.#delivered.set(message, true);
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.flush());
  }

  /** Now, and not at the end of the turn. */
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
      if (!(error instanceof IllegalOperationError)) throw error; // the channel has gone: it will be delivered again
    }
  }
}
