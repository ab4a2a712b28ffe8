/** Options of a producer, and the error for a missing receipt. */
import type { CommandOptions } from './command-message.js';

export const RECEIPT_TIMEOUT_MS = 30_000;
export const WINDOW = 512;

export interface ProducerOptions {
  /** `amqp://` or `amqps://`. */
  url: string;
  /** `CHAT_NAMESPACE` of the workers. Default `chat`. */
  namespace?: string;
  /** The name of the producer: AMQP's `app_id` and the connection's name. */
  appId: string;
  /**
   * The broker login (AMQP's `user_id`), for a policy with rules for listed producers. RabbitMQ refuses commands with
   * another user's login: then `connect` succeeds, `onAway` is called with `PRECONDITION_FAILED` repeatedly, and no
   * receipt comes. Default: not set.
   */
  userId?: string;
  /** Maximum number of commands without a receipt. Further ones wait. Default 512. */
  window?: number;
  /** A reconnect failed, or the connection was lost. The producer retries. */
  onAway?(cause: Error): void;
  /**
   * How long to wait for a receipt after the command has its place in the window. Default 30,000 ms. `Infinity`: no
   * limit.
   */
  receiptTimeoutMs?: number;
}

export interface SendOptions extends CommandOptions {
  /** Overrides the producer's `receiptTimeoutMs`. */
  receiptTimeoutMs?: number;
}

/**
 * No receipt came, so it is unknown if the command takes effect. Send it again with the same command id to find out.
 */
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
