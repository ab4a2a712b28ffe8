/** A producer that uses amqplib directly, and records commands and receipts in a ledger. */
import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import { BrokerSession } from '../broker/broker-session.js';
import { eventually } from '../eventually.js';
import type { Ledger } from './ledger.js';

export interface CommandToSend {
  type: string;
  commandId: string;
  actorId: string;
  chatId?: string;
  data: unknown;
  tenantId?: string;
  headers?: Record<string, unknown>;
}

const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';
const NEVER_MS = Number.POSITIVE_INFINITY;

export interface RawProperties {
  routingKey: string;
  correlationId?: string;
  headers?: Record<string, unknown> | undefined;
  [property: string]: unknown;
}

/** A message that the broker has not confirmed yet. */
interface Publishing {
  readonly body: Buffer;
  readonly properties: RawProperties;
  resolve(): void;
  reject(error: Error): void;
}

export class Producer {
  private readonly waiting = new Map<string, (receipt: Receipt) => void>();
  private readonly unanswered = new Map<string, CommandToSend>();
  private readonly unconfirmed = new Set<Publishing>();
  private session: BrokerSession<ConfirmChannel> | null = null;

  private constructor(
    private readonly namespace: string,
    private readonly ledger: Ledger | null,
  ) {}

  static async connect(url: string, namespace: string, ledger: Ledger | null = null): Promise<Producer> {
    const producer = new Producer(namespace, ledger);
    producer.session = await BrokerSession.open<ConfirmChannel>({
      url,
      create: (connection) => connection.createConfirmChannel(),
      setUp: (channel) => channel.consume(DIRECT_REPLY_TO, (message) => producer.onReceipt(message), { noAck: true }),
      onOpen: (channel) => producer.goOn(channel),
      onRefused: (error) => producer.fail(error),
    });
    return producer;
  }

  private onReceipt(message: ConsumeMessage | null): void {
    if (message === null) return;
    const correlation = String(message.properties.correlationId);
    const receipt = JSON.parse(message.content.toString()) as Receipt;
    const actorId = correlation.slice(0, correlation.indexOf(' '));
    this.ledger?.receipted(actorId, receipt);
    this.unanswered.delete(correlation);
    this.waiting.get(correlation)?.(receipt);
  }

  /** Publishes, and resolves when the broker has confirmed, on any connection. */
  async publish(command: CommandToSend): Promise<void> {
    this.unanswered.set(correlationOf(command), command);
    const { type, commandId, actorId, chatId, data, tenantId, headers } = command;
    const body = {
      ...(tenantId === undefined ? {} : { tenantId }),
      actorId,
      ...(chatId === undefined ? {} : { chatId }),
      data,
    };
    try {
      await this.publishRaw(Buffer.from(JSON.stringify(body)), {
        type,
        messageId: commandId,
        routingKey: chatId ?? actorId,
        correlationId: correlationOf(command),
        headers,
      });
    } catch (error) {
      // A refused message must not be published again on the next channel.
      this.unanswered.delete(correlationOf(command));
      throw error;
    }
    this.ledger?.attempted(actorId, commandId);
  }

  async publishRaw(body: Buffer, properties: RawProperties): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const publishing = { body, properties, resolve, reject };
      this.unconfirmed.add(publishing);
      // Without a channel, the next one publishes it.
      if (this.channel !== null) this.send(publishing, this.channel);
    });
  }

  /**
   * Receipts are best effort: a killed worker loses buffered receipts of commands that took effect. Sends unanswered
   * commands again, with the same ids.
   */
  resendUnanswered(): void {
    // Without a channel, the next one does this anyway.
    if (this.channel === null) return;
    const underWay = new Set([...this.unconfirmed].map(({ properties }) => properties.correlationId));
    for (const [correlation, command] of this.unanswered) {
      if (!underWay.has(correlation)) this.publish(command).catch(() => undefined); // the ledger tells
    }
  }

  /**
   * Publishes and waits for the receipt. Sends the command again at intervals, because a killed worker loses receipts.
   */
  async request(command: CommandToSend, withinMs = 15_000, askEveryMs = NEVER_MS): Promise<Receipt> {
    const correlation = correlationOf(command);
    let receipt: Receipt | undefined;
    let refusal: Error | undefined;
    const ask = () =>
      this.publish(command).catch((error: Error) => {
        refusal = error;
      });
    this.waiting.set(correlation, (answer) => {
      receipt = answer;
    });
    try {
      void ask();
      let askedAt = Date.now();
      const answered = () => {
        if (receipt === undefined && Date.now() - askedAt >= askEveryMs) {
          askedAt = Date.now();
          void ask();
        }
        return receipt ?? refusal;
      };
      const what = `a receipt for ${command.commandId}`;
      const answer = await eventually(answered, { within: withinMs, what });
      if (answer instanceof Error) throw answer;
      return answer;
    } finally {
      this.waiting.delete(correlation);
    }
  }

  /** Closes for good. Unconfirmed messages are discarded. */
  async close(): Promise<void> {
    await this.session?.close();
    this.fail(new Error('the producer is closed'));
  }

  private get channel(): ConfirmChannel | null {
    return this.session?.channel ?? null;
  }

  private send(publishing: Publishing, channel: ConfirmChannel): void {
    const { body, properties, resolve, reject } = publishing;
    const { routingKey, ...rest } = properties;
    const about = { contentType: 'application/json', persistent: true, replyTo: DIRECT_REPLY_TO, ...rest };
    const settle = (error: unknown) => {
      // The channel was lost, and it is unknown whether the broker has the message. It is published again on the next
      // one.
      if (error && this.channel !== channel) return;
      this.unconfirmed.delete(publishing);
      if (error) reject(error as Error);
      else resolve();
    };
    try {
      channel.publish(`${this.namespace}.commands`, routingKey, body, about, settle);
    } catch (error) {
      settle(error); // it cannot be written
    }
  }

  /** On a new channel: the old channel's reply address is lost, so unanswered commands are sent again. */
  private goOn(channel: ConfirmChannel): void {
    const lost = [...this.unconfirmed];
    this.resendUnanswered();
    for (const publishing of lost) this.send(publishing, channel);
  }

  private fail(error: Error): void {
    const all = [...this.unconfirmed];
    this.unconfirmed.clear();
    for (const { reject } of all) reject(error);
  }
}

/** By actor and command id, because ids are unique per actor. */
function correlationOf({ actorId, commandId }: CommandToSend): string {
  return `${actorId} ${commandId}`;
}
