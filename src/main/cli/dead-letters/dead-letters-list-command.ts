import { listDeadLetters, type PlacedLetter } from '../../../application/operations/dead-letters.js';
import { counted, printable, table } from '../printable.js';
import { filterOf, type LetterListRequest } from './dead-letter-filters.js';
import { printUnread, withDeadLetters } from './with-dead-letters.js';

const DETAIL_SHOWN_CHARACTERS = 60;
const WORD_SHOWN_CHARACTERS = 128;
const UNKNOWN = '-';

/** `parley dead-letters list`: prints the letters without their bodies, and their number by reason. */
export async function runDeadLettersList(request: LetterListRequest): Promise<void> {
  await withDeadLetters(async (queue) => {
    const { survey, matching, byReason, letters } = await listDeadLetters(queue, filterOf(request), request.limit);
    if (request.json)
      console.log(JSON.stringify({ ...survey, matching, byReason, letters: letters.map(asJson) }, null, 2));
    else {
      if (letters.length > 0) console.log(table([HEAD, ...letters.map(asRow)]));
      console.log(summary(survey.seen, matching, letters.length, byReason));
    }
    printUnread(queue, survey);
  });
}

const HEAD = ['place', 'message id', 'type', 'chat', 'reason', 'at', 'worker', 'detail'];

function asRow({ place, messageId, type, chatId, reason, at, worker, detail }: PlacedLetter): string[] {
  const word = (value: string | null) => (value === null ? UNKNOWN : printable(value, WORD_SHOWN_CHARACTERS));
  return [
    ...[String(place), word(messageId), word(type), word(chatId), reason ?? 'unknown', at?.toISOString() ?? UNKNOWN],
    ...[word(worker), detail === null ? UNKNOWN : printable(detail, DETAIL_SHOWN_CHARACTERS)],
  ];
}

/** Without the routing key: a producer that got it wrong may have put anything there. */
function asJson({ place, messageId, type, chatId, reason, detail, at, worker }: PlacedLetter) {
  return { place, messageId, type, chatId, reason, at, worker, detail };
}

function summary(seen: number, matching: number, shown: number, reasons: Record<string, number>): string {
  const by = Object.entries(reasons).map(([reason, letters]) => `${reason} ${letters}`);
  const all = counted(seen, 'dead letter');
  const those = matching === seen ? all : `${matching} of ${all}`;
  return [
    by.length === 0 ? those : `${those}: ${by.join(', ')}`,
    ...(shown < matching ? [`shown: the first ${shown}; --limit shows more`] : []),
  ].join('\n');
}
