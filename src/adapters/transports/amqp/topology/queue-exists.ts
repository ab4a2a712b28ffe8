import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { closeChannel } from '../publish/lazy-channel.js';

const NO_SUCH_QUEUE = 404;

/** Checks without declaring anything. */
export async function queueExists(connection: AmqpConnection, queue: string): Promise<boolean> {
  const channel = await connection.current().createChannel();
  channel.on('error', () => undefined); // The call rejects with it.
  try {
    await channel.checkQueue(queue);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === NO_SUCH_QUEUE) return false;
    throw error;
  } finally {
    await closeChannel(channel);
  }
}
