import type { ConsumeMessage } from 'amqplib';
import type { Survey } from '../../../../application/ports/transport/dead-letter-queue.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { DeadLetterPass, LETTERS_HELD_MAX } from './dead-letter-pass.js';

/**
 * Reads every ready letter once, from the front. At the end, `afterwards` may acknowledge letters by tag. All other
 * letters stay where they are.
 */
export async function browseDeadLetters(
  connection: AmqpConnection,
  namespace: string,
  onLetter: (message: ConsumeMessage) => void,
  afterwards?: (pass: DeadLetterPass) => Promise<void>,
): Promise<Survey> {
  const pass = await DeadLetterPass.open(connection, namespace);
  try {
    const ready = await pass.ready();
    const seen = await pass.read(Math.min(ready, LETTERS_HELD_MAX), (message) => {
      onLetter(message);
      return true;
    });
    await afterwards?.(pass);
    return { ready, seen };
  } finally {
    await pass.close();
  }
}
