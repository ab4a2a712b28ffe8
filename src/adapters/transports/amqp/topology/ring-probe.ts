/**
 * Asks the broker where keys fall. Nothing but the hash exchange itself can tell: AMQP and the management API show its bindings and not their order, and
 * an exchange beside it, bound in the same order, would show what the ring should be and not what it is; any queue bound to it would change it.
 *
 * So a probe goes the way of a command: published to the hash exchange, with the key. The worker that consumes the queue in which it lands answers with
 * its partition, acknowledges the probe at once, and does nothing else: it is neither decided nor counted, and holds nothing up. Producers cannot make
 * one, since they may not publish to the hash exchange.
 */
import { randomUUID } from 'node:crypto';
import type { ConsumeMessage } from 'amqplib';
import { names } from '../../../../contract/messages/topology.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import type { AmqpMessage } from '../publish/confirmed-channel.js';
import { closeChannel } from '../publish/lazy-channel.js';

export const RING_PROBE_TYPE = 'parley.ring-probe';
/** Probes under way at a time: they share the queues with commands. */
export const PROBES_UNDER_WAY_MAX = 200;
/** Where no answer comes for so long, no more is awaited. A probe waits behind the commands in its queue. */
export const PROBE_SILENCE_MS = 10_000;

export function isRingProbe({ fields, properties }: ConsumeMessage, namespace: string): boolean {
  return properties.type === RING_PROBE_TYPE && fields.exchange === names.commandsByChat(namespace);
}

/** Null where it does not say whom to answer. */
export function answerToProbe(
  { properties }: ConsumeMessage,
  namespace: string,
  partition: number,
): AmqpMessage | null {
  const { replyTo, correlationId } = properties as { replyTo?: unknown; correlationId?: unknown };
  if (typeof replyTo !== 'string' || !replyTo.startsWith(names.replies(namespace))) return null;
  if (typeof correlationId !== 'string') return null;
  return {
    exchange: '',
    routingKey: replyTo,
    body: Buffer.from(String(partition)),
    properties: { type: RING_PROBE_TYPE, correlationId },
  };
}

/** A partition; `nowhere`: no queue is bound for the key; `unanswered`: no worker has answered in time. */
export type Fall = number | 'nowhere' | 'unanswered';

/** Where each of the keys falls. Needs a worker at each partition. */
export async function whereKeysFall(
  connection: AmqpConnection,
  namespace: string,
  keys: readonly string[],
): Promise<Map<string, Fall>> {
  const falls = new Map<string, Fall>();
  const channel = await connection.current().createChannel();
  const state: { failure: Error | null } = { failure: null };
  let stir: () => void = () => undefined;
  const fail = (error: Error) => {
    state.failure ??= error;
    stir();
  };
  channel.on('error', fail);
  channel.on('close', () => fail(new Error('the channel was closed')));
  const settle = (key: unknown, fall: Fall) => {
    if (typeof key !== 'string' || falls.has(key)) return;
    falls.set(key, fall);
    stir();
  };
  try {
    const { queue } = await channel.assertQueue(`${names.replies(namespace)}check-${randomUUID()}`, {
      exclusive: true,
      durable: false,
      autoDelete: true,
    });
    await channel.consume(
      queue,
      (message) => {
        if (message === null) fail(new Error('the broker cancelled the consumer of the answers'));
        else settle(message.properties.correlationId, Number(message.content.toString()));
      },
      { noAck: true },
    );
    channel.on('return', (message) => settle(message.properties.correlationId, 'nowhere'));
    let sent = 0;
    while (state.failure === null && falls.size < keys.length) {
      for (; sent < keys.length && sent - falls.size < PROBES_UNDER_WAY_MAX; sent += 1) {
        const key = keys[sent] as string;
        channel.publish(names.commandsByChat(namespace), key, Buffer.alloc(0), {
          ...{ type: RING_PROBE_TYPE, correlationId: key, replyTo: queue, mandatory: true, persistent: true },
        });
      }
      const answered = falls.size;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, PROBE_SILENCE_MS);
        stir = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (falls.size === answered) break;
    }
  } finally {
    channel.removeAllListeners('close');
    await closeChannel(channel);
  }
  if (state.failure !== null) throw state.failure;
  for (const key of keys) if (!falls.has(key)) falls.set(key, 'unanswered');
  return falls;
}
