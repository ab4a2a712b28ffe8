/** What a producer is told, and what it tells when it has given a command up. */
import type { CommandOptions } from './command-message.js';

export const RECEIPT_TIMEOUT_MS = 30_000;
export const WINDOW = 512;

export interface ProducerOptions {
  /** `amqp://` or `amqps://`. */
  url: string;
  /** `CHAT_NAMESPACE` of the workers; default `chat`. */
  namespace?: string;
  /** Says who publishes: AMQP's `app_id`, and the connection's name. */
  appId: string;
  /**
   * The login at the broker (AMQP's `user_id`), for a policy that grants something to listed producers. RabbitMQ
   * refuses commands with any other user's: then `connect` succeeds, `onAway` is told `PRECONDITION_FAILED` again and
   * again, and no receipt comes. Default: not said.
   */
  userId?: string;
  /** At most this many commands are without a receipt at a time; further ones wait. Default 512. */
  window?: number;
  /** An attempt to connect again failed, or the connection has gone. It is tried again by itself. */
  onAway?(cause: Error): void;
  /** How long a receipt is awaited once its command has been taken up; default 30,000 ms. `Infinity`: for ever. */
  receiptTimeoutMs?: number;
}

export interface SendOptions extends CommandOptions {
  /** Instead of the producer's `receiptTimeoutMs`. */
  receiptTimeoutMs?: number;
}

/** No receipt came: whether the command takes effect is not known. Send it again with the same command id to learn it. */
export class NoReceipt extends Error {
  constructor(
    readonly commandId: string,
    why: string,
    options?: { cause?: unknown },
  ) {
    super(`no receipt for command ${commandId}: ${why}`, options);
    this.name = 'NoReceipt';
  }
}
