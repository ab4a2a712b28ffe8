/**
 * A producer that does not give up: it publishes commands with confirms, keeps each until its receipt is there, and publishes it again, under
 * the same command id, whenever that is in doubt. A command that had taken effect before is answered with the same receipt
 * (`replayed: true`) and has no second effect.
 *
 * Order: commands are published in the order of `send`. After a lost connection everything without a receipt is published again in that
 * order, so that for each chat the first copies arrive in order. The exception is a command that the broker itself refuses or cannot route,
 * while it takes the next one: it comes later then. `counters.refused` tells.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChannelModel, type ConfirmChannel, type ConsumeMessage, connect } from 'amqplib';
import type { Command } from '../src/contract/commands.js';
import type { Receipt } from '../src/contract/receipts.js';
import { names } from '../src/contract/topology.js';

const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';
const CONNECT_TIMEOUT_MS = 5_000;
/** Without a receipt for this long a command is published again; each further time the wait doubles. */
export const RECEIPT_RETRY_MS = 5_000;
export const RECEIPT_RETRY_LONGEST_MS = 60_000;
/** After the broker refused a command or had no queue for it. */
const REFUSED_RETRY_MS = 500;
const WATCH_INTERVAL_MS = 250;
const RECONNECT_FIRST_MS = 100;
const RECONNECT_LONGEST_MS = 5_000;

export interface PublisherOptions {
  url: string;
  namespace: string;
  /** Says who publishes: AMQP's `app_id`, and the connection's name. */
  appId: string;
  /** At most this many commands are without a receipt at a time. */
  window: number;
  /** When no receipt at all has come for this long, everything outstanding is given up. */
  patienceMs: number;
}

interface Outstanding {
  command: Command;
  correlationId: string;
  attempts: number;
  retryAt: number;
  resolve(receipt: Receipt): void;
  reject(error: Error): void;
}

export class CommandPublisher {
  /** `published` counts every copy; `refused` those that the broker refused or could not route. */
  readonly counters = { published: 0, reconnects: 0, refused: 0 };
  private readonly outstanding = new Map<string, Outstanding>();
  private readonly waiting: (() => void)[] = [];
  private channel: ConfirmChannel | null = null;
  private model: ChannelModel | null = null;
  private lastCorrelation = 0;
  private lastReceiptAt = Date.now();
  private failure: Error | null = null;
  private isClosing = false;
  private readonly watch: NodeJS.Timeout;
  private running: Promise<void> = Promise.resolve();

  private constructor(private readonly options: PublisherOptions) {
    this.watch = setInterval(() => this.lookAfter(), WATCH_INTERVAL_MS);
  }

  /** Rejects if the broker cannot be reached at first, or has no `<namespace>.commands`. */
  static async open(options: PublisherOptions): Promise<CommandPublisher> {
    const publisher = new CommandPublisher(options);
    try {
      const { gone } = await publisher.connect();
      publisher.running = publisher.stayConnected(gone);
    } catch (error) {
      clearInterval(publisher.watch);
      await publisher.model?.close().catch(() => undefined); // gone already
      throw error;
    }
    return publisher;
  }

  /**
   * Resolves once there is room in the window and the command has its place in the order; its receipt comes later. The receipt's promise
   * rejects only when this publisher has given up.
   */
  async send(command: Command): Promise<{ receipt: Promise<Receipt> }> {
    while (this.outstanding.size >= this.options.window && this.failure === null)
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.failure !== null) throw this.failure;
    if (this.outstanding.size === 0) this.lastReceiptAt = Date.now();
    this.lastCorrelation += 1;
    const correlationId = String(this.lastCorrelation);
    const receipt = new Promise<Receipt>((resolve, reject) => {
      const entry: Outstanding = { command, correlationId, attempts: 0, retryAt: 0, resolve, reject };
      this.outstanding.set(correlationId, entry);
      this.publish(entry);
    });
    receipt.catch(() => undefined); // whoever awaits it hears of it all the same
    return { receipt };
  }

  async close(): Promise<void> {
    this.isClosing = true;
    clearInterval(this.watch);
    await this.model?.close().catch(() => undefined); // gone already
    await this.running;
  }

  /** Connects and publishes what is outstanding; `gone` resolves when the connection has gone. */
  private async connect(): Promise<{ gone: Promise<void> }> {
    const { url, namespace, appId } = this.options;
    const model = await connect(url, { timeout: CONNECT_TIMEOUT_MS, clientProperties: { connection_name: appId } });
    this.model = model;
    model.on('error', () => undefined); // `close` follows
    const channel = await model.createConfirmChannel();
    channel.on('error', () => undefined); // `close` follows
    const gone = new Promise<void>((resolve) => {
      model.once('close', () => resolve());
      // First in line: the library fails what is unconfirmed in a listener of its own, and only this tells that from a refusal.
      channel.prependListener('close', () => {
        if (this.channel === channel) this.channel = null;
        resolve();
      });
    }).then(async () => {
      await model.close().catch(() => undefined); // gone already
    });
    const door = names.commands(namespace);
    await channel.checkExchange(door).catch((error: Error) => {
      throw new Error(`no exchange ${door} at the broker: start a worker first, or name another namespace`, {
        cause: error,
      });
    });
    await channel.consume(DIRECT_REPLY_TO, (message) => this.take(message), { noAck: true });
    channel.on('return', ({ properties }) => this.wasRefused(this.outstanding.get(String(properties.correlationId))));
    this.channel = channel;
    for (const entry of this.outstanding.values()) this.publish(entry);
    return { gone };
  }

  private async stayConnected(lost: Promise<void>): Promise<void> {
    let gone = lost;
    let pauseMs = RECONNECT_FIRST_MS;
    while (!this.isClosing) {
      await gone;
      while (!this.isClosing && this.channel === null) {
        await sleep(Math.random() * pauseMs);
        pauseMs = Math.min(pauseMs * 2, RECONNECT_LONGEST_MS);
        try {
          if (this.isClosing) return;
          ({ gone } = await this.connect());
          this.counters.reconnects += 1;
          pauseMs = RECONNECT_FIRST_MS;
        } catch {
          // The broker is away; patience decides how long that may be.
          await this.model?.close().catch(() => undefined); // gone already
        }
      }
    }
  }

  private publish(entry: Outstanding): void {
    const { command, correlationId } = entry;
    const { tenantId, actorId, chatId, data } = command;
    const { channel } = this;
    entry.retryAt = Date.now() + Math.min(RECEIPT_RETRY_MS * 2 ** entry.attempts, RECEIPT_RETRY_LONGEST_MS);
    // While there is no connection it waits in its place: whatever is outstanding is published at the next one.
    if (channel === null) return;
    entry.attempts += 1;
    const body = { tenantId, actorId, ...(chatId === null ? {} : { chatId }), data };
    try {
      channel.publish(
        names.commands(this.options.namespace),
        chatId ?? actorId,
        Buffer.from(JSON.stringify(body)),
        {
          type: command.type,
          messageId: command.commandId,
          contentType: 'application/json',
          replyTo: DIRECT_REPLY_TO,
          correlationId,
          appId: this.options.appId,
          persistent: true,
          mandatory: true,
        },
        (error: unknown) => {
          // With the channel everything is void, and published again at the next one.
          if (error && this.channel === channel) this.wasRefused(entry);
        },
      );
      this.counters.published += 1;
    } catch {
      // The channel went a moment ago; `close` follows.
    }
  }

  private wasRefused(entry: Outstanding | undefined): void {
    if (entry === undefined) return;
    this.counters.refused += 1;
    entry.retryAt = Date.now() + REFUSED_RETRY_MS;
  }

  private take(message: ConsumeMessage | null): void {
    if (message === null) {
      this.channel?.close().catch(() => undefined); // connect anew
      return;
    }
    this.lastReceiptAt = Date.now();
    const correlationId = String(message.properties.correlationId);
    const entry = this.outstanding.get(correlationId);
    // A copy's receipt: the command was answered already.
    if (entry === undefined) return;
    this.outstanding.delete(correlationId);
    this.waiting.shift()?.();
    entry.resolve(JSON.parse(message.content.toString('utf8')) as Receipt);
  }

  private lookAfter(): void {
    const now = Date.now();
    if (this.outstanding.size > 0 && now - this.lastReceiptAt > this.options.patienceMs)
      this.giveUp(new Error(`no receipt for ${this.options.patienceMs / 1000} s`));
    if (this.channel === null) return;
    for (const entry of this.outstanding.values()) if (entry.retryAt <= now) this.publish(entry);
  }

  private giveUp(error: Error): void {
    this.failure = error;
    for (const entry of this.outstanding.values()) entry.reject(error);
    this.outstanding.clear();
    for (const resume of this.waiting.splice(0)) resume();
  }
}
