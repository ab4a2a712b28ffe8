/** Publishes the example commands of the AsyncAPI document unchanged, and keeps the replies. */
import { type Channel, type ConsumeMessage, connect } from 'amqplib';
import type { CloudEvent } from '../../../src/contract/messages/events.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import { eventually } from '../../support/eventually.js';

type Json = { [key: string]: unknown };

export interface DocumentedMessage {
  name: string;
  payload: Json;
  headers: Json;
  bindings: {
    amqp: {
      messageType: string;
      'x-properties': Json;
      'x-examples': Record<string, { routingKey: string; properties: Record<string, unknown> }>;
    };
  };
  examples: { name: string; summary: string; headers: Json; payload: Json }[];
}

export interface DocumentedChannel {
  address: string;
  parameters?: Record<string, { enum: string[] }>;
  messages: Record<string, { $ref: string }>;
  bindings: {
    amqp: {
      exchange?: { name: string; type: string; durable: boolean; autoDelete: boolean };
      queue?: { name: string; durable: boolean; autoDelete: boolean; exclusive: boolean };
      'x-arguments'?: Json;
      'x-bindings'?: { source: string; routingKey: string }[];
    };
  };
}

export interface AsyncApi {
  channels: Record<string, DocumentedChannel>;
  components: { messages: Record<string, DocumentedMessage> };
  'x-amqp-topology': {
    exchanges: {
      name: string;
      type: string;
      durable: boolean;
      internal: boolean;
      autoDelete: boolean;
      arguments: Json;
    }[];
    queues: { name: string; durable: boolean; autoDelete: boolean; exclusive: boolean; arguments: Json }[];
    bindings: { source: string; destination: string; destinationType: string; routingKey: string }[];
  };
  'x-story': { message: string; example: string }[];
}

export interface WireExample {
  message: DocumentedMessage;
  name: string;
  routingKey: string;
  properties: Record<string, unknown>;
  headers: Json;
  payload: Json;
}

export function messageAt(document: AsyncApi, reference: string): DocumentedMessage {
  const found = document.components.messages[reference.replace('#/components/messages/', '')];
  if (found === undefined) throw new Error(`the document has no ${reference}`);
  return found;
}

export function examplesOf(message: DocumentedMessage): WireExample[] {
  return message.examples.map(({ name, headers, payload }) => {
    const wire = message.bindings.amqp['x-examples'][name];
    if (wire === undefined) throw new Error(`${message.name}: no properties for its example ${name}`);
    return { message, name, ...wire, headers, payload };
  });
}

/** AMQP's names, as the library calls them. */
const LIBRARY_NAMES: Record<string, string> = {
  message_id: 'messageId',
  content_type: 'contentType',
  reply_to: 'replyTo',
  correlation_id: 'correlationId',
  delivery_mode: 'deliveryMode',
  app_id: 'appId',
};

/** A delivery's properties by their AMQP names, without those that are absent. */
export function propertiesOf({ properties }: ConsumeMessage): Json {
  const { headers: _, ...rest } = properties;
  const names = new Map(Object.entries(LIBRARY_NAMES).map(([amqp, library]) => [library, amqp]));
  return Object.fromEntries(
    Object.entries(rest)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [names.get(name) ?? name, value]),
  );
}

const ANSWER_TIMEOUT_MS = 20_000;

export class Story {
  readonly receipts: { delivery: ConsumeMessage; receipt: Receipt }[] = [];
  readonly events: { delivery: ConsumeMessage; event: CloudEvent }[] = [];
  readonly deadLetters: ConsumeMessage[] = [];
  /** The worker's id of a message, by the one in the document. */
  private readonly messageIds = new Map<string, string>();

  private constructor(
    private readonly channel: Channel,
    private readonly door: string,
    readonly close: () => Promise<void>,
  ) {}

  static async open(url: string, document: AsyncApi, dispatchQueue: string): Promise<Story> {
    const connection = await connect(url);
    const channel = await connection.createChannel();
    const { commands, deadLetters } = document.channels;
    const story = new Story(channel, commands?.address ?? '', () => connection.close());
    const take = (queue: string, keep: (message: ConsumeMessage) => void) =>
      channel.consume(queue, (message) => message !== null && keep(message), { noAck: true });
    await take('amq.rabbitmq.reply-to', (delivery) =>
      story.receipts.push({ delivery, receipt: JSON.parse(delivery.content.toString()) as Receipt }),
    );
    await take(dispatchQueue, (delivery) =>
      story.events.push({ delivery, event: JSON.parse(delivery.content.toString()) as CloudEvent }),
    );
    await take(deadLetters?.address ?? '', (delivery) => story.deadLetters.push(delivery));
    return story;
  }

  /** With the worker's message ids in place of the documented ones. */
  publish({ routingKey, properties, headers, payload }: Omit<WireExample, 'message' | 'name'>): void {
    let body = JSON.stringify(payload);
    for (const [documented, actual] of this.messageIds) body = body.replaceAll(documented, actual);
    const options = Object.fromEntries(
      Object.entries(properties).map(([name, value]) => [LIBRARY_NAMES[name] ?? name, value]),
    );
    this.channel.publish(this.door, routingKey, Buffer.from(body), { ...options, headers, mandatory: true });
  }

  /** Replaces the worker's message id by the documented one from now on. */
  rename(documented: string, actual: string | null): void {
    if (actual !== null) this.messageIds.set(documented, actual);
  }

  /** What came, with the documented ids of messages in place of the worker's. */
  inDocumentsWords(came: object): unknown {
    let text = JSON.stringify(came);
    for (const [documented, actual] of this.messageIds) text = text.replaceAll(actual, documented);
    return JSON.parse(text);
  }

  receiptsOf(commandId: unknown): Receipt[] {
    return this.receipts.map(({ receipt }) => receipt).filter((receipt) => receipt.commandId === commandId);
  }

  eventOf(commandId: unknown): CloudEvent | undefined {
    return this.events.map(({ event }) => event).find(({ data }) => data.commandId === commandId);
  }

  /** Publishes, and waits for the command's receipt. */
  async ask(command: Omit<WireExample, 'message' | 'name'>): Promise<Receipt> {
    const commandId = command.properties.message_id;
    const before = this.receiptsOf(commandId).length;
    this.publish(command);
    await eventually(() => this.receiptsOf(commandId).length > before, {
      within: ANSWER_TIMEOUT_MS,
      what: `the receipt of ${commandId}`,
    });
    return this.receiptsOf(commandId).at(-1) as Receipt;
  }

  async eventCame(commandId: unknown): Promise<CloudEvent> {
    return eventually(() => this.eventOf(commandId), {
      within: ANSWER_TIMEOUT_MS,
      what: `the event of ${commandId}`,
    });
  }
}
