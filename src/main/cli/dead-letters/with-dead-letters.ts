import { AmqpDeadLetterQueue } from '../../../adapters/transports/amqp/dead-letters/amqp-dead-letter-queue.js';
import type { DeadLetterQueue, Survey } from '../../../application/ports/transport/dead-letter-queue.js';
import type { AmqpConnection } from '../../../infrastructure/amqp/amqp-connection.js';
import { rethrowAsStartupError } from '../../../infrastructure/process/startup-error.js';
import { requireSettings } from '../../settings.js';
import { connectOnce, requireBrokerUrl } from '../connect-broker.js';

/** The dead letters for one command. Errors become a `StartupError` of one line. */
export async function withDeadLetters(work: (queue: DeadLetterQueue) => Promise<void>): Promise<void> {
  const settings = requireSettings('command');
  const url = requireBrokerUrl(settings);
  const open: AmqpConnection[] = [];
  const connect = async () => {
    const { connection } = await connectOnce(url, 'parley dead-letters');
    open.push(connection);
    return connection;
  };
  try {
    await work(new AmqpDeadLetterQueue(await connect(), settings.namespace, connect));
  } catch (error) {
    rethrowAsStartupError(error);
  } finally {
    await Promise.all(open.map((connection) => connection.stop()));
  }
}

/** Prints to standard error which letters were not read, and why. */
export function printUnread({ reach }: DeadLetterQueue, { ready, seen }: Survey): void {
  const reached = Math.min(ready, reach);
  if (seen < reached) console.error(`parley: ${reached - seen} were not read: another consumer holds them`);
  if (ready > reached) console.error(`parley: ${ready - reached} were not read: only the first ${reached} are`);
}
