import { createInterface } from 'node:readline/promises';
import { dropDeadLetters } from '../../../application/operations/dead-letters.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { counted } from '../printable.js';
import { filterOf, type LetterSelection, requireSelection } from './dead-letter-filters.js';
import { printUnread, withDeadLetters } from './with-dead-letters.js';

export interface DropRequest extends LetterSelection {
  dryRun?: boolean;
  yes?: boolean;
}

/** `parley dead-letters drop`: deletes the selected letters that were read before the confirmation, and no others. */
export async function runDeadLettersDrop(request: DropRequest): Promise<void> {
  requireSelection(request);
  const { dryRun = false, yes = false } = request;
  const mayAsk = process.stdin.isTTY && process.stderr.isTTY;
  if (!yes && !dryRun && !mayAsk) throw new StartupError(['--yes is required without a terminal']);
  await withDeadLetters(async (queue) => {
    const confirm = async (selected: number, seen: number) =>
      !dryRun && (yes || isConfirmed(`permanently drop ${selected} of ${counted(seen, 'dead letter')}? [y/N] `));
    const { survey, selected, dropped } = await dropDeadLetters(queue, filterOf(request), confirm);
    printUnread(queue, survey);
    const all = counted(survey.seen, 'dead letter');
    console.log(dryRun ? `would drop ${selected} of ${all}` : `dropped ${dropped} of ${all}`);
  });
}

async function isConfirmed(question: string): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question(question)).trim());
  } finally {
    asking.close();
  }
}
