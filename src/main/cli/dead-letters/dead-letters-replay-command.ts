import { browseDeadLetters } from '../../../adapters/transports/amqp/dead-letters/browse-dead-letters.js';
import { type DeadLetter, readLetter } from '../../../adapters/transports/amqp/dead-letters/dead-letter.js';
import {
  lettersPerPass,
  obstacleToReplay,
  replayDeadLetters,
} from '../../../adapters/transports/amqp/dead-letters/replay-dead-letters.js';
import { RatePacer } from '../../../infrastructure/process/rate-pacer.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { showLineProgress } from '../line-progress.js';
import { counted, printable } from '../printable.js';
import { type LetterSelection, meantBy, requireSelection } from './dead-letter-filters.js';
import { type DeadLetterAccess, tellUnseen, withDeadLetters } from './with-dead-letters.js';

const WORD_SHOWN_CHARACTERS = 128;
/** Letters that cannot be replayed are named up to here; all are counted. */
const NAMED_MAX = 20;

export interface LetterReplayRequest extends LetterSelection {
  rate?: number;
  dryRun?: boolean;
}

/**
 * Publishes letters as commands again. Looked through once first, so that what is done can be said before; then again,
 * from the front, no
 * further than what was ready at the start.
 */
export async function runDeadLettersReplay(request: LetterReplayRequest): Promise<void> {
  requireSelection(request);
  await withDeadLetters(async (access) => {
    const meant = meantBy(request);
    const { seen, replayable, impossible } = await look(access, meant);
    if (impossible > 0) console.error(`parley: ${impossible} cannot be replayed and stay in the queue`);
    if (request.dryRun) {
      console.log(`would replay ${replayable} of ${counted(seen, 'dead letter')}`);
      return;
    }
    const replayed = replayable === 0 ? 0 : await replay(access, request, meant, { seen, replayable });
    console.log(`replayed ${replayed} of ${counted(seen, 'dead letter')}`);
    if (impossible > 0 || replayed < replayable) process.exitCode = 1;
  });
}

async function look({ consuming, namespace, username }: DeadLetterAccess, meant: (letter: DeadLetter) => boolean) {
  let place = 0;
  let replayable = 0;
  let impossible = 0;
  const survey = await browseDeadLetters(consuming, namespace, (message) => {
    place += 1;
    const letter = readLetter(message);
    if (!meant(letter)) return;
    const obstacle = obstacleToReplay(message, letter, username);
    if (obstacle === null) {
      replayable += 1;
      return;
    }
    impossible += 1;
    if (impossible <= NAMED_MAX) console.error(`parley: ${nameOf(letter)} at place ${place}: ${obstacle}`);
  });
  tellUnseen(survey);
  return { seen: survey.seen, replayable, impossible };
}

async function replay(
  { consuming, namespace, openPublishing }: DeadLetterAccess,
  { rate }: LetterReplayRequest,
  isMeant: (letter: DeadLetter) => boolean,
  { seen, replayable }: { seen: number; replayable: number },
): Promise<number> {
  const pace = new RatePacer(rate ?? null);
  const progress = showLineProgress('replayed', replayable, 'letters');
  try {
    const order = {
      ...{ namespace, isMeant, most: seen, perPass: lettersPerPass(rate ?? null) },
      pace: () => pace.next(),
      onReplayed: () => progress.advance(1),
      onUnwritable: (letter: DeadLetter) =>
        console.error(`parley: ${nameOf(letter)}: its headers cannot be written again; it stays in the queue`),
    };
    const missed = await replayDeadLetters(consuming, await openPublishing(), order);
    if (missed > 0) console.error(`parley: ${missed} were not replayed: another consumer holds them`);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const done = `${progress.lines} were replayed; the others are still in the queue`;
    throw new StartupError([`${error.message}: ${done}`], { cause: error });
  } finally {
    progress.stop();
  }
  return progress.lines;
}

function nameOf({ messageId }: DeadLetter): string {
  return messageId === null ? 'a letter without a message id' : printable(messageId, WORD_SHOWN_CHARACTERS);
}
