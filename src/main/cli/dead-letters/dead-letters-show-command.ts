import { type LetterChoice, showDeadLetters } from '../../../application/operations/dead-letters.js';
import type { LetterDescription } from '../../../application/ports/transport/dead-letter-queue.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { printable, table } from '../printable.js';
import { printUnread, withDeadLetters } from './with-dead-letters.js';

const VALUE_SHOWN_CHARACTERS = 1_000;

export interface ShowRequest {
  messageId?: string | undefined;
  place?: number;
  body?: boolean;
}

/** `parley dead-letters show`: prints everything about a letter, and its body if asked for. */
export async function runDeadLettersShow({ body = false, ...request }: ShowRequest): Promise<void> {
  const choice = choiceOf(request);
  await withDeadLetters(async (queue) => {
    const { survey, letters } = await showDeadLetters(queue, choice, { withBody: body });
    printUnread(queue, survey);
    if (letters.length === 0)
      throw new StartupError([
        'place' in choice
          ? `no dead letter is at place ${choice.place}`
          : `no dead letter has the message id ${choice.messageId}`,
      ]);
    for (const letter of letters) {
      console.log(describe(letter.place, letter.description));
      if (letter.body !== null) console.log(`body:\n${letter.body}`);
    }
  });
}

function choiceOf({ messageId, place }: ShowRequest): LetterChoice {
  if (messageId !== undefined && place === undefined) return { messageId };
  if (place !== undefined && messageId === undefined) return { place };
  throw new StartupError(['select a dead letter by its message id or by --place']);
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
