/**
 * Asks the broker to which partitions keys are routed. Only the hash exchange itself can answer. AMQP and the
 * management API show its bindings but not their order. A second exchange, bound in the same order, would show the
 * intended ring and not the real one, and any extra queue bound to the exchange would change the ring.
 *
 * So a probe takes the path of a command: it is published to the hash exchange with the key. The worker that consumes
 * the queue answers with its partition and acknowledges the probe at once. The probe is not decided or counted and
 * delays nothing. Producers cannot send probes, because they may not publish to the hash exchange.
 */
import { randomUUID } from 'node:crypto';
import type { ConsumeMessage } from 'amqplib';
import type { KeyPlacement } from '../../../../application/ports/transport/broker-topology.js';
import { names } from '../../../../contract/messages/topology.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import type { AmqpMessage } from '../publish/confirmed-channel.js';
import { closeChannel } from '../publish/lazy-channel.js';

export const RING_PROBE_TYPE = 'parley.ring-probe';
/** Maximum number of probes in flight. They share the queues with commands. */
export const PROBES_IN_FLIGHT_MAX = 200;
/**
 * After this time without any answer, the remaining probes count as unanswered. A probe waits behind the commands in
 * its queue.
 */
export const PROBE_SILENCE_MS = 10_000;

export function isRingProbe({ fields, properties }: ConsumeMessage, namespace: string): boolean {
  return properties.type === RING_PROBE_TYPE && fields.exchange === names.commandsByChat(namespace);
}

/** Null if the message has no reply address. */
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

/** The placement of each key. Needs a worker at each partition. */
export async function partitionsOfKeys(
  connection: AmqpConnection,
  namespace: string,
  keys: readonly string[],
): Promise<Map<string, KeyPlacement>> {
  const falls = new Map<string, KeyPlacement>();
  const channel = await connection.current().createChannel();
  const state: { failure: Error | null } = { failure: null };
  let stir: () => void = () => undefined;
  const fail = (error: Error) => {
    state.failure ??= error;
    stir();
  };
  channel.on('error', fail);
  channel.on('close', () => fail(new Error('the channel was closed')));
  const settle = (key: unknown, fall: KeyPlacement) => {
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
      for (; sent < keys.length && sent - falls.size < PROBES_IN_FLIGHT_MAX; sent += 1) {
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
