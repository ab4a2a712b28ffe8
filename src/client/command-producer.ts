/**
 * A producer that retries. It publishes commands with confirms and keeps each one until its receipt arrives. If the
 * outcome is in doubt, it publishes the command again with the same command id. A command that took effect before gets
 * the same receipt (`replayed: true`) and has no second effect.
 *
 * Order: commands are published in the order of the calls. After a lost connection all commands without a receipt are
 * published again in that order, so for each chat the first copies arrive in order. The exception is a command that the
 * broker refuses or cannot route while it accepts the next one: it arrives later. `counters.refused` shows this.
 */
import { type ConfirmChannel, type ConsumeMessage, IllegalOperationError } from 'amqplib';
import type { CommandType } from '../contract/messages/commands.js';
import type { Receipt } from '../contract/messages/receipts.js';
import { names } from '../contract/messages/topology.js';
import { BrokerLink, confirming } from './broker-link.js';
import { type CommandInput, type CommandMessage, commandMessage } from './command-message.js';
import { NoReceipt, type ProducerOptions, RECEIPT_TIMEOUT_MS, type SendOptions, WINDOW } from './producer-options.js';

const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';
/** A command without a receipt is published again after this time, which doubles each time. */
export const RECEIPT_RETRY_MS = 5_000;
export const RECEIPT_RETRY_LONGEST_MS = 60_000;
/** Pause after the broker refused a command or had no queue for it. */
const REFUSED_RETRY_MS = 500;
const WATCH_INTERVAL_MS = 250;
/** How long `close` waits for pending receipts. */
export const CLOSE_WAIT_MS = 5_000;

interface Outstanding {
  message: CommandMessage;
  correlationId: string;
  attempts: number;
  takenAt: number;
  retryAt: number;
  deadline: number;
  resolve(receipt: Receipt): void;
  reject(error: Error): void;
}

interface Waiting {
  commandId: string;
  take(): void;
  reject(error: Error): void;
}

export class CommandProducer {
  /** `published` counts every copy. `refused` counts those that the broker refused or could not route. */
  readonly counters = { published: 0, reconnects: 0, refused: 0 };
  readonly #exchange: string;
  readonly #link: BrokerLink<ConfirmChannel>;
  readonly #outstanding = new Map<string, Outstanding>();
  readonly #waiting: Waiting[] = [];
  readonly #watch: NodeJS.Timeout;
  #channel: ConfirmChannel | null = null;
  #openings = 0;
  #lastLoss: { at: number; cause: Error } | null = null;
  #lastCorrelation = 0;
  #isClosing = false;
  #onIdle: (() => void) | null = null;

  private constructor(private readonly options: ProducerOptions) {
    const { url, appId, namespace = 'chat' } = options;
    this.#exchange = names.commands(namespace);
    this.#link = new BrokerLink({
      ...{ url, name: appId, open: confirming },
      setUp: (channel) => this.#setUp(channel),
      onAway: (cause) => {
        this.#lastLoss = { at: Date.now(), cause };
        options.onAway?.(cause);
      },
    });
    this.#watch = setInterval(() => this.#lookAfter(), WATCH_INTERVAL_MS);
  }

  /**
   * Rejects if the first attempt does not reach the broker, or if `<namespace>.commands` does not exist. Later losses
   * are handled internally.
   */
  static async connect(options: ProducerOptions): Promise<CommandProducer> {
    const producer = new CommandProducer(options);
    try {
      await producer.#link.open();
    } catch (error) {
      clearInterval(producer.#watch);
      throw error;
    }
    return producer;
  }

  /**
   * Sends a command and resolves with its receipt, either `accepted` or `rejected`. Rejects with `InvalidCommand`,
   * before anything is sent, if the contract does not allow it. Rejects with `NoReceipt` if no receipt came in time or
   * the producer was closed.
   */
  async send<T extends CommandType>(type: T, input: CommandInput<T>, options: SendOptions = {}): Promise<Receipt> {
    return (await this.submit(type, input, options)).receipt;
  }

  /**
   * The same in two steps: resolves when there is room in the window and the command has its place in the order. Its
   * receipt comes later.
   */
  async submit<T extends CommandType>(
    type: T,
    input: CommandInput<T>,
    options: SendOptions = {},
  ): Promise<{ commandId: string; receipt: Promise<Receipt> }> {
    const message = commandMessage(type, input, options);
    const { commandId } = message;
    const timeoutMs = options.receiptTimeoutMs ?? this.options.receiptTimeoutMs ?? RECEIPT_TIMEOUT_MS;
    if (this.#isClosing) throw new NoReceipt(commandId, 'the producer is closed');
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        commandId,
        take: () => resolve({ commandId, receipt: this.#take(message, timeoutMs) }),
        reject,
      });
      this.#takeWaiting();
    });
  }

  /** Waits for pending receipts, at most `waitMs`, and disconnects. The remaining commands reject with `NoReceipt`. */
  async close({ waitMs = CLOSE_WAIT_MS }: { waitMs?: number } = {}): Promise<void> {
    this.#isClosing = true;
    if (this.#outstanding.size > 0 && waitMs > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
        timer = setTimeout(resolve, waitMs);
      });
      clearTimeout(timer);
    }
    clearInterval(this.#watch);
    for (const { commandId, reject } of this.#waiting.splice(0))
      reject(new NoReceipt(commandId, 'it was not sent, the producer was closed'));
    for (const entry of [...this.#outstanding.values()]) this.#abandon(entry, 'the producer was closed');
    await this.#link.close();
  }

  async #setUp(channel: ConfirmChannel): Promise<void> {
    // This listener must run first. The library fails unconfirmed messages in its own `close` listener, and this one
    // makes that distinguishable from a refusal.
    channel.prependListener('close', () => {
      if (this.#channel === channel) this.#channel = null;
    });
    channel.on('return', ({ properties }) => this.#onRefused(this.#outstanding.get(String(properties.correlationId))));
    await channel.checkExchange(this.#exchange).catch((error: Error) => {
      throw new Error(`no exchange ${this.#exchange} at the broker: start a worker first, or name another namespace`, {
        cause: error,
      });
    });
    await channel.consume(DIRECT_REPLY_TO, (message) => this.#receive(channel, message), { noAck: true });
    this.#channel = channel;
    this.counters.reconnects = this.#openings;
    this.#openings += 1;
    for (const entry of this.#outstanding.values()) this.#publish(entry);
  }

  #takeWaiting(): void {
    const { window = WINDOW } = this.options;
    while (this.#outstanding.size < window) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next.take();
    }
  }

  #take(message: CommandMessage, timeoutMs: number): Promise<Receipt> {
    this.#lastCorrelation += 1;
    const correlationId = String(this.#lastCorrelation);
    const receipt = new Promise<Receipt>((resolve, reject) => {
      const takenAt = Date.now();
      const deadline = takenAt + timeoutMs;
      const entry = { message, correlationId, attempts: 0, takenAt, retryAt: 0, deadline, resolve, reject };
      this.#outstanding.set(correlationId, entry);
      this.#publish(entry);
    });
    receipt.catch(() => undefined); // The caller still gets the error when it awaits the receipt.
    return receipt;
  }

  #publish(entry: Outstanding): void {
    const { message, correlationId } = entry;
    const channel = this.#channel;
    entry.retryAt = Date.now() + Math.min(RECEIPT_RETRY_MS * 2 ** entry.attempts, RECEIPT_RETRY_LONGEST_MS);
    // Without a connection the command keeps its place: all outstanding commands are published on the next connection.
    if (channel === null) return;
    entry.attempts += 1;
    const properties = {
      type: message.type,
      messageId: message.commandId,
      contentType: 'application/json',
      replyTo: DIRECT_REPLY_TO,
      correlationId,
      appId: this.options.appId,
      ...(this.options.userId === undefined ? {} : { userId: this.options.userId }),
      headers: message.headers,
      persistent: true,
      mandatory: true,
    };
    try {
      channel.publish(this.#exchange, message.routingKey, message.body, properties, (error: unknown) => {
        // With a new channel the result is void, because everything is published again.
        if (error && this.#channel === channel) this.#onRefused(entry);
      });
      this.counters.published += 1;
    } catch (error) {
      if (error instanceof IllegalOperationError) return; // The channel closed a moment ago; `close` follows.
      this.#forget(entry);
      entry.reject(error as Error); // The command cannot be encoded.
    }
  }

  #onRefused(entry: Outstanding | undefined): void {
    if (entry === undefined) return;
    this.counters.refused += 1;
    entry.retryAt = Date.now() + REFUSED_RETRY_MS;
  }

  #receive(channel: ConfirmChannel, message: ConsumeMessage | null): void {
    if (message === null) {
      channel.close().catch(() => undefined); // No more receipts arrive here, so reconnect.
      return;
    }
    const entry = this.#outstanding.get(String(message.properties.correlationId));
    if (entry === undefined) return; // A receipt of a copy: the command was answered already.
    const receipt = readReceipt(message.content, entry.message.commandId);
    if (receipt === null) return; // Not a valid receipt, so the command is sent again.
    this.#forget(entry);
    entry.resolve(receipt);
  }

  #lookAfter(): void {
    const now = Date.now();
    for (const entry of this.#outstanding.values())
      if (entry.deadline <= now) this.#abandon(entry, `${entry.deadline - entry.takenAt} ms have passed`);
      else if (this.#channel !== null && entry.retryAt <= now) this.#publish(entry);
  }

  #abandon(entry: Outstanding, why: string): void {
    this.#forget(entry);
    const { commandId } = entry.message;
    const loss = this.#lastLoss;
    if (loss === null || loss.at < entry.takenAt) entry.reject(new NoReceipt(commandId, why));
    else {
      const { cause } = loss;
      entry.reject(new NoReceipt(commandId, `${why}; the connection was lost: ${cause.message}`, { cause }));
    }
  }

  #forget({ correlationId }: Outstanding): void {
    this.#outstanding.delete(correlationId);
    this.#takeWaiting();
    if (this.#outstanding.size === 0) this.#onIdle?.();
  }
}

/** Unknown fields come from later workers and are kept. */
function readReceipt(content: Buffer, commandId: string): Receipt | null {
  try {
    const parsed = JSON.parse(content.toString('utf8')) as Receipt | null;
    return parsed?.commandId === commandId ? parsed : null;
  } catch {
    return null;
  }
}
