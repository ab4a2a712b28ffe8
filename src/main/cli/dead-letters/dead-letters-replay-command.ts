import { planReplay, type ReplayPlan, replayLetters } from '../../../application/operations/dead-letters.js';
import type { DeadLetter, DeadLetterQueue } from '../../../application/ports/transport/dead-letter-queue.js';
import { RatePacer } from '../../../infrastructure/process/rate-pacer.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { showLineProgress } from '../line-progress.js';
import { counted, printable } from '../printable.js';
import { filterOf, type LetterSelection, requireSelection } from './dead-letter-filters.js';
import { printUnread, withDeadLetters } from './with-dead-letters.js';

const WORD_SHOWN_CHARACTERS = 128;
/** Maximum number of letters that are named because they cannot be replayed. All are counted. */
const NAMED_MAX = 20;

export interface LetterReplayRequest extends LetterSelection {
  rate?: number;
  dryRun?: boolean;
}

/** `parley dead-letters replay`: publishes letters as commands again. */
export async function runDeadLettersReplay(request: LetterReplayRequest): Promise<void> {
  requireSelection(request);
  await withDeadLetters(async (queue) => {
    let named = 0;
    const plan = await planReplay(queue, filterOf(request), (letter, obstacle) => {
      named += 1;
      if (named <= NAMED_MAX) console.error(`parley: ${nameOf(letter)} at place ${letter.place}: ${obstacle}`);
    });
    printUnread(queue, plan.survey);
    const { replayable, impossible } = plan;
    const all = counted(plan.survey.seen, 'dead letter');
    if (impossible > 0) console.error(`parley: ${impossible} cannot be replayed and stay in the queue`);
    if (request.dryRun) {
      console.log(`would replay ${replayable} of ${all}`);
      return;
    }
    const replayed = replayable === 0 ? 0 : await replay(queue, request, plan);
    console.log(`replayed ${replayed} of ${all}`);
    if (impossible > 0 || replayed < replayable) process.exitCode = 1;
  });
}

async function replay(queue: DeadLetterQueue, request: LetterReplayRequest, plan: ReplayPlan): Promise<number> {
  const perSecond = request.rate ?? null;
  const pacer = new RatePacer(perSecond);
  const progress = showLineProgress('replayed', plan.replayable, 'letters');
  try {
    const result = await replayLetters(queue, filterOf(request), plan, {
      perSecond,
      pace: () => pacer.next(),
      onReplayed: () => progress.advance(1),
      onUnwritable: (letter) =>
        console.error(`parley: ${nameOf(letter)}: its headers cannot be written again; it stays in the queue`),
    });
    if (result.outcome === 'interrupted') {
      const { cause, replayed } = result;
      const done = `${replayed} were replayed; the others are still in the queue`;
      throw new StartupError([`${cause.message}: ${done}`], { cause });
    }
    const { missed, replayed } = result;
    if (missed > 0) console.error(`parley: ${missed} were not replayed: another consumer holds them`);
    return replayed;
  } finally {
    progress.stop();
  }
}

function nameOf({ messageId }: DeadLetter): string {
  return messageId === null ? 'a letter without a message id' : printable(messageId, WORD_SHOWN_CHARACTERS);
}
