/** A producer and a dispatch consumer as anybody would write them with amqplib, keeping a ledger of what they see. */
import amqp, { type ChannelModel, type ConfirmChannel, type ConsumeMessage } from 'amqplib';
import type { Receipt } from '../../src/contract/receipts.js';
import { eventually } from './eventually.js';
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

export class Producer {
  private readonly waiting = new Map<string, (receipt: Receipt) => void>();
  private readonly unanswered = new Map<string, CommandToSend>();

  private constructor(
    private readonly connection: ChannelModel,
    private readonly channel: ConfirmChannel,
    private readonly namespace: string,
    private readonly ledger: Ledger | null,
  ) {}

  static async connect(url: string, namespace: string, ledger: Ledger | null = null): Promise<Producer> {
    const connection = await amqp.connect(url);
    connection.on('error', () => undefined);
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => undefined);
    const producer = new Producer(connection, channel, namespace, ledger);
    await channel.consume(DIRECT_REPLY_TO, (message) => producer.onReceipt(message), { noAck: true });
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

  /** Publishes with a confirm; resolves once the broker has it. */
  async publish(command: CommandToSend): Promise<void> {
    this.unanswered.set(`${command.actorId} ${command.commandId}`, command);
    const { type, commandId, actorId, chatId, data, tenantId, headers } = command;
    const body = {
      ...(tenantId === undefined ? {} : { tenantId }),
      actorId,
      ...(chatId === undefined ? {} : { chatId }),
      data,
    };
    await this.publishRaw(Buffer.from(JSON.stringify(body)), {
      type,
      messageId: commandId,
      routingKey: chatId ?? actorId,
      correlationId: `${actorId} ${commandId}`,
      headers,
    });
    this.ledger?.attempted(actorId, commandId);
  }

  async publishRaw(
    body: Buffer,
    properties: {
      routingKey: string;
      correlationId?: string;
      headers?: Record<string, unknown> | undefined;
      [property: string]: unknown;
    },
  ): Promise<void> {
    const { routingKey, ...rest } = properties;
    await new Promise<void>((resolve, reject) => {
      this.channel.publish(
        `${this.namespace}.commands`,
        routingKey,
        body,
        { contentType: 'application/json', persistent: true, replyTo: DIRECT_REPLY_TO, ...rest },
        (error: unknown) => (error ? reject(error as Error) : resolve()),
      );
    });
  }

  /**
   * Receipts are best effort: one that a killed worker had in its buffer is gone, though its command took effect. A producer that
   * wants to know asks again, with the same id.
   */
  async resendUnanswered(): Promise<void> {
    await Promise.all([...this.unanswered.values()].map((command) => this.publish(command)));
  }

  /** Publishes and waits for the receipt. */
  async request(command: CommandToSend, withinMs = 15_000): Promise<Receipt> {
    const correlation = `${command.actorId} ${command.commandId}`;
    let receipt: Receipt | undefined;
    this.waiting.set(correlation, (answer) => {
      receipt = answer;
    });
    await this.publish(command);
    await eventually(() => receipt !== undefined, { within: withinMs, what: `a receipt for ${command.commandId}` });
    this.waiting.delete(correlation);
    return receipt as Receipt;
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}

export interface DispatchedEvent {
  id: string;
  type: string;
  sequence?: string;
  partitionkey: string;
  source: string;
  data: Record<string, unknown>;
}

export class Dispatch {
  readonly events: DispatchedEvent[] = [];
  readonly bodies: Buffer[] = [];

  private constructor(
    private readonly connection: ChannelModel,
    private readonly ledger: Ledger | null,
    private readonly keeps: boolean,
  ) {}

  /** The only active consumer of the dispatch queue. */
  static async connect(url: string, queue: string, ledger: Ledger | null = null, keeps = true): Promise<Dispatch> {
    const connection = await amqp.connect(url);
    connection.on('error', () => undefined);
    const channel = await connection.createChannel();
    channel.on('error', () => undefined);
    await channel.prefetch(500);
    const dispatch = new Dispatch(connection, ledger, keeps);
    await channel.consume(queue, (message) => {
      if (message === null) return;
      dispatch.take(message.content);
      channel.ack(message);
    });
    return dispatch;
  }

  private take(body: Buffer): void {
    const event = JSON.parse(body.toString()) as DispatchedEvent;
    this.ledger?.dispatchedEvent(event);
    if (!this.keeps) return;
    this.events.push(event);
    this.bodies.push(body);
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}
