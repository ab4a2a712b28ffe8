import type { Survey } from '../../../adapters/transports/amqp/dead-letters/browse-dead-letters.js';
import { LETTERS_HELD_MAX } from '../../../adapters/transports/amqp/dead-letters/dead-letter-pass.js';
import type { AmqpConnection } from '../../../infrastructure/amqp/amqp-connection.js';
import { rethrowAsStartupError, StartupError } from '../../../infrastructure/process/startup-error.js';
import { requireSettings, type Settings } from '../../settings.js';
import { connectOnce } from '../connect-broker.js';

export interface DeadLetterAccess {
  namespace: string;
  /** As whom the broker knows us. */
  username: string;
  consuming: AmqpConnection;
  /** A connection of its own: a broker that is short of memory stops reading from those who publish. */
  openPublishing(): Promise<AmqpConnection>;
}

/** The broker for one command on the dead letters. It says in one line what goes wrong. */
export async function withDeadLetters(work: (access: DeadLetterAccess) => Promise<void>): Promise<void> {
  const settings = requireSettings('command');
  const url = requireBrokerUrl(settings);
  const open: AmqpConnection[] = [];
  const connect = async () => {
    const { connection } = await connectOnce(url, 'parley dead-letters');
    open.push(connection);
    return connection;
  };
  try {
    const consuming = await connect();
    await work({
      namespace: settings.namespace,
      username: consuming.username,
      consuming,
      openPublishing: connect,
    });
  } catch (error) {
    rethrowAsStartupError(error);
  } finally {
    await Promise.all(open.map((connection) => connection.stop()));
  }
}

export function requireBrokerUrl({ amqpUrl }: Settings): string {
  if (amqpUrl === undefined) throw new StartupError(['AMQP_URL is required']);
  return amqpUrl;
}

/** What was not seen, and why; on standard error. */
export function tellUnseen({ ready, seen }: Survey): void {
  const reached = Math.min(ready, LETTERS_HELD_MAX);
  if (seen < reached) console.error(`parley: ${reached - seen} were not read: another consumer holds them`);
  if (ready > reached) console.error(`parley: ${ready - reached} were not read: only the first ${reached} are`);
}
