import { browseDeadLetters } from '../../../adapters/transports/amqp/dead-letters/browse-dead-letters.js';
import { readLetter } from '../../../adapters/transports/amqp/dead-letters/dead-letter.js';
import {
  describeLetter,
  type LetterDescription,
} from '../../../adapters/transports/amqp/dead-letters/describe-dead-letter.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { printable, table } from '../printable.js';
import { tellUnseen, withDeadLetters } from './with-dead-letters.js';

const VALUE_SHOWN_CHARACTERS = 1_000;
/** Several may have one message id: it is unique for its actor only. */
const SHOWN_MAX = 100;

export interface ShowRequest {
  messageId?: string | undefined;
  place?: number;
  body?: boolean;
}

/** Prints all that is known of a letter. What it says is printed only where that is asked for. */
export async function runDeadLettersShow({ messageId, place, body = false }: ShowRequest): Promise<void> {
  if ((messageId === undefined) === (place === undefined))
    throw new StartupError(['select a dead letter by its message id or by --place']);
  await withDeadLetters(async ({ consuming, namespace }) => {
    const found: { place: number; told: LetterDescription; body: string | null }[] = [];
    let here = 0;
    const survey = await browseDeadLetters(consuming, namespace, (message) => {
      here += 1;
      const isMeant = place === undefined ? readLetter(message).messageId === messageId : here === place;
      if (!isMeant || found.length >= SHOWN_MAX) return;
      found.push({ place: here, told: describeLetter(message), body: body ? message.content.toString('utf8') : null });
    });
    tellUnseen(survey);
    if (found.length === 0)
      throw new StartupError([
        place === undefined ? `no dead letter has the message id ${messageId}` : `no dead letter is at place ${place}`,
      ]);
    for (const letter of found) {
      console.log(describe(letter.place, letter.told));
      if (letter.body !== null) console.log(`body:\n${letter.body}`);
    }
  });
}

function describe(place: number, told: LetterDescription): string {
  const lines = [
    ['place', String(place)],
    ...told.properties,
    ...told.headers.map(([name, value]) => [`header ${name}`, value] as const),
    ['body', `${told.bodyBytes} bytes`],
    ['body sha256', told.bodySha256],
  ];
  return table(
    lines.map(([name = '', value = '']) => [
      printable(name, VALUE_SHOWN_CHARACTERS),
      printable(value, VALUE_SHOWN_CHARACTERS),
    ]),
  );
}
