import { randomUUID } from 'node:crypto';
import type { Channel, ChannelModel } from 'amqplib';
import {
  EPHEMERAL_KINDS,
  type EphemeralFeed,
  type EphemeralHandler,
  type EphemeralKind,
  type EphemeralMessage,
} from '../../../../application/ports/transport/ephemeral-feed.js';
import { ephemeralQueue, names } from '../../../../contract/messages/topology.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import type { Logger } from '../../../../infrastructure/logging/logger.js';
import { closeChannel, LazyChannel } from '../publish/lazy-channel.js';
import { LIVE_FRAMES_WAITING_MAX } from './amqp-live-feed.js';

/** A message that nobody has taken after this time is of no use. */
const EXPIRATION_MS = 5_000;

/** A transient topic exchange of the gateways; the routing key is the kind. */
export class AmqpEphemeralFeed implements EphemeralFeed {
  readonly #publish: AmqpConnection;
  readonly #consume: AmqpConnection;
  readonly #namespace: string;
  readonly #exchange: string;
  readonly #logger: Logger;
  readonly #kept: LazyChannel<Channel>;
  #isWritable = true;

  constructor(connections: { publish: AmqpConnection; consume: AmqpConnection }, namespace: string, logger: Logger) {
    this.#publish = connections.publish;
    this.#consume = connections.consume;
    this.#namespace = namespace;
    this.#exchange = names.ephemeral(namespace);
    this.#logger = logger;
    this.#kept = new LazyChannel(this.#publish, async (model) => {
      const channel = await model.createChannel({ highWaterMark: LIVE_FRAMES_WAITING_MAX });
      channel.on('error', (error) => logger.warn('ephemeral channel closed', { error: error.message }));
      channel.on('drain', () => {
        this.#isWritable = true;
      });
      await this.#declare(channel);
      this.#isWritable = true;
      return { channel, held: channel };
    });
  }

  publish({ kind, body }: EphemeralMessage): void {
    if (this.#publish.state !== 'open' || this.#publish.blocked !== null) return;
    const channel = this.#kept.now;
    const bytes = Buffer.from(JSON.stringify(body));
    if (channel === undefined) {
      // Few messages come before the channel is open, and the first one asks for presence.
      this.#kept
        .get()
        .then((opened) => this.#send(opened, kind, bytes))
        .catch((error: unknown) => this.#logger.debug('ephemeral channel not opened', { error }));
      return;
    }
    this.#send(channel, kind, bytes);
  }

  async subscribe(onMessage: EphemeralHandler, onLost: (cause: Error) => void) {
    const model: ChannelModel = this.#consume.current();
    const { name, arguments: limits } = ephemeralQueue(this.#namespace, randomUUID());
    const channel = await model.createChannel();
    let hasEnded = false;
    let cause = new Error(`the channel on ${name} was closed`);
    const lose = () => {
      if (hasEnded) return;
      hasEnded = true;
      void closeChannel(channel);
      onLost(cause);
    };
    channel.on('error', (error) => {
      cause = error;
    });
    channel.on('close', lose);
    try {
      await this.#declare(channel);
      await channel.assertQueue(name, { exclusive: true, autoDelete: true, durable: false, arguments: limits });
      await channel.bindQueue(name, this.#exchange, '#');
      await channel.consume(
        name,
        (message) => {
          if (message === null) lose();
          else if (!hasEnded) pass(message.fields.routingKey, message.content, onMessage);
        },
        { noAck: true },
      );
    } catch (error) {
      hasEnded = true;
      await closeChannel(channel);
      throw error;
    }
    return {
      close: () => {
        hasEnded = true;
        return closeChannel(channel);
      },
    };
  }

  close(): Promise<void> {
    return this.#kept.close();
  }

  #declare(channel: Channel) {
    return channel.assertExchange(this.#exchange, 'topic', { durable: false });
  }

  #send(channel: Channel, kind: EphemeralKind, bytes: Buffer): void {
    if (!this.#isWritable) return;
    try {
      const properties = { contentType: 'application/json', expiration: EXPIRATION_MS };
      this.#isWritable = channel.publish(this.#exchange, kind, bytes, properties);
    } catch {
      // The channel is closing and has not emitted `close` yet.
    }
  }
}

/** Ignores what no gateway has published. */
function pass(routingKey: string, content: Buffer, onMessage: EphemeralHandler): void {
  const kind = EPHEMERAL_KINDS.find((one) => one === routingKey);
  if (kind === undefined) return;
  let body: unknown;
  try {
    body = JSON.parse(content.toString('utf8'));
  } catch {
    return;
  }
  onMessage({ kind, body });
}
