import { randomUUID } from 'node:crypto';
import type { Channel, ConsumeMessage } from 'amqplib';
import {
  type CommandGateway,
  CommandUnavailable,
  type OutgoingCommand,
  type PublishOutcome,
  REST_APP_ID,
} from '../../../../application/ports/transport/transport.js';
import { type Receipt, receipt } from '../../../../contract/messages/receipts.js';
import { names, restReplyQueue } from '../../../../contract/messages/topology.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import type { Logger } from '../../../../infrastructure/logging/logger.js';
import { CONFIRM_TIMEOUT_MS, ConfirmedChannel } from './confirmed-channel.js';
import { LazyChannel } from './lazy-channel.js';

/** Maximum number of pending requests. Further ones are rejected. */
export const GATEWAY_REQUESTS_MAX = 10_000;

const whyNot: Record<Exclude<PublishOutcome, 'confirmed'>, string> = {
  refused: 'the broker refused the command: a queue is full',
  returned: 'the command reached no queue',
  lost: 'the connection to the broker was lost before the command was confirmed',
};

interface Request {
  readonly commandId: string;
  /** Each settles the request once. Later calls do nothing. */
  answer(given: Receipt | null): void;
  confirm(outcome: PublishOutcome): void;
}

/** The channel for commands and the queue for their receipts. */
interface Exchange {
  confirmed: ConfirmedChannel;
  replyTo: string;
}

/**
 * Receipts come to a queue of this process. Direct reply-to is not used: workers cannot tell its addresses from forged
 * ones, which can end the connection that publishes to them (see reply-address.ts).
 */
export class AmqpCommandGateway implements CommandGateway {
  readonly #connection: AmqpConnection;
  readonly #exchange: string;
  readonly #logger: Logger;
  readonly #kept: LazyChannel<Exchange>;
  /** By correlation id. */
  readonly #requests = new Map<string, Request>();

  constructor(connection: AmqpConnection, namespace: string, logger: Logger) {
    this.#connection = connection;
    this.#exchange = names.commands(namespace);
    this.#logger = logger;
    this.#kept = new LazyChannel(connection, async (model) => {
      const channel = await model.createConfirmChannel();
      const confirmed = new ConfirmedChannel(channel, (returned) => returned.properties.correlationId);
      const { name: replyTo, arguments: limits } = restReplyQueue(namespace, randomUUID());
      await channel.assertQueue(replyTo, { exclusive: true, durable: false, arguments: limits });
      await channel.consume(replyTo, (message) => this.#onReply(channel, message), { noAck: true });
      return { channel, held: { confirmed, replyTo } };
    });
  }

  async request(command: OutgoingCommand, waitMs: number): Promise<Receipt | null> {
    if (this.#requests.size >= GATEWAY_REQUESTS_MAX)
      throw new CommandUnavailable(`${GATEWAY_REQUESTS_MAX} requests are under way`);
    if (this.#connection.blocked !== null)
      throw new CommandUnavailable(`the broker takes no messages: ${this.#connection.blocked}`);
    let exchange: Exchange;
    try {
      exchange = await this.#kept.get();
    } catch (error) {
      throw new CommandUnavailable('the broker cannot be reached, or refuses a reply queue', { cause: error });
    }
    const correlationId = randomUUID();
    const answered = this.#await(correlationId, command.commandId, waitMs);
    try {
      const message = { exchange: this.#exchange, routingKey: command.routingKey, body: command.body };
      const properties = { ...propertiesOf(command), correlationId, replyTo: exchange.replyTo };
      exchange.confirmed.publish({ ...message, properties }, correlationId, (outcome) => {
        this.#requests.get(correlationId)?.confirm(outcome);
      });
    } catch (error) {
      this.#requests.get(correlationId)?.confirm('lost');
      await answered.catch(() => undefined); // A more specific error follows.
      throw new CommandUnavailable('the command cannot be encoded', { cause: error });
    }
    return answered;
  }

  /** Pending requests end as if they had timed out. */
  async close(): Promise<void> {
    await this.#kept.close();
    for (const request of this.#requests.values()) request.answer(null);
  }

  #await(correlationId: string, commandId: string, waitMs: number): Promise<Receipt | null> {
    return new Promise((resolve, reject) => {
      let isConfirmed = false;
      let isWaitOver = false;
      const settle = (act: () => void) => {
        clearTimeout(wait);
        clearTimeout(confirmWait);
        this.#requests.delete(correlationId);
        act();
      };
      const wait = setTimeout(() => {
        isWaitOver = true;
        if (isConfirmed) settle(() => resolve(null));
      }, waitMs);
      const confirmWait = setTimeout(
        () => {
          if (!isConfirmed)
            settle(() => reject(new CommandUnavailable(`the broker has not confirmed the command in time`)));
        },
        Math.max(waitMs, CONFIRM_TIMEOUT_MS),
      );
      this.#requests.set(correlationId, {
        commandId,
        answer: (given) => settle(() => resolve(given)),
        confirm: (outcome) => {
          if (outcome !== 'confirmed') settle(() => reject(new CommandUnavailable(whyNot[outcome])));
          else if (isWaitOver) settle(() => resolve(null));
          else isConfirmed = true;
        },
      });
    });
  }

  #onReply(channel: Channel, message: ConsumeMessage | null): void {
    if (message === null) {
      this.#logger.warn('reply queue deleted by broker; redeclared for the next command');
      channel.close().catch(() => undefined); // Already closed.
      return;
    }
    const request = this.#requests.get(message.properties.correlationId);
    if (request === undefined) return; // The receipt came after the timeout. The store has it.
    const given = parseReceipt(message.content);
    if (given?.commandId !== request.commandId)
      this.#logger.warn('invalid receipt ignored', { type: message.properties.type });
    else request.answer(given);
  }
}

function propertiesOf({ type, commandId, authorization, traceparent, tracestate }: OutgoingCommand) {
  const headers: Record<string, string> = {};
  if (authorization !== null) headers.authorization = authorization;
  if (traceparent !== null) headers.traceparent = traceparent;
  if (tracestate !== null) headers.tracestate = tracestate;
  return { type, messageId: commandId, appId: REST_APP_ID, contentType: 'application/json', persistent: true, headers };
}

function parseReceipt(content: Buffer): Receipt | undefined {
  try {
    return receipt.safeParse(JSON.parse(content.toString('utf8'))).data;
  } catch {
    return undefined; // Not JSON.
  }
}
