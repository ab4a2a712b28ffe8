import { browseDeadLetters } from '../../../adapters/transports/amqp/dead-letters/browse-dead-letters.js';
import { type DeadLetter, readLetter } from '../../../adapters/transports/amqp/dead-letters/dead-letter.js';
import { counted, printable, table } from '../printable.js';
import { type LetterListRequest, meantBy } from './dead-letter-filters.js';
import { tellUnseen, withDeadLetters } from './with-dead-letters.js';

const DETAIL_SHOWN_CHARACTERS = 60;
const WORD_SHOWN_CHARACTERS = 128;
const UNKNOWN = '-';

type Placed = DeadLetter & { place: number };

/** Prints what is there, and how many by reason. Nothing is taken away; what the letters say is not shown. */
export async function runDeadLettersList(request: LetterListRequest): Promise<void> {
  await withDeadLetters(async ({ consuming, namespace }) => {
    const meant = meantBy(request);
    const shown: Placed[] = [];
    const byReason = new Map<string, number>();
    let place = 0;
    let matching = 0;
    const survey = await browseDeadLetters(consuming, namespace, (message) => {
      place += 1;
      const letter = readLetter(message);
      if (!meant(letter)) return;
      matching += 1;
      const reason = letter.reason ?? 'unknown';
      byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
      if (shown.length < request.limit) shown.push({ place, ...letter });
    });
    const reasons = Object.fromEntries([...byReason].sort());
    if (request.json)
      console.log(JSON.stringify({ ...survey, matching, byReason: reasons, letters: shown.map(asJson) }, null, 2));
    else {
      if (shown.length > 0) console.log(table([HEAD, ...shown.map(asRow)]));
      console.log(summary(survey.seen, matching, shown.length, reasons));
    }
    tellUnseen(survey);
  });
}

const HEAD = ['place', 'message id', 'type', 'chat', 'reason', 'at', 'worker', 'detail'];

function asRow({ place, messageId, type, chatId, reason, at, worker, detail }: Placed): string[] {
  const word = (value: string | null) => (value === null ? UNKNOWN : printable(value, WORD_SHOWN_CHARACTERS));
  return [
    ...[String(place), word(messageId), word(type), word(chatId), reason ?? 'unknown', at?.toISOString() ?? UNKNOWN],
    ...[word(worker), detail === null ? UNKNOWN : printable(detail, DETAIL_SHOWN_CHARACTERS)],
  ];
}

/** The routing key is left out: where somebody got it wrong, it could be anything. */
function asJson({ place, messageId, type, chatId, reason, detail, at, worker }: Placed) {
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
