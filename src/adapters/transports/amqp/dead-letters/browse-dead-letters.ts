import type { ConsumeMessage } from 'amqplib';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { DeadLetterPass, LETTERS_HELD_MAX } from './dead-letter-pass.js';

export interface Survey {
  /** How many letters were ready at the start. */
  ready: number;
  /** How many of them were looked at: the others are with another consumer, or too far back. */
  seen: number;
}

/**
 * Looks at every letter that is ready, from the front, and at none twice; at its end `afterwards` may acknowledge, by tag, what it has seen.
 * Whatever is not acknowledged stays where it is.
 */
export async function surveyDeadLetters(
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
