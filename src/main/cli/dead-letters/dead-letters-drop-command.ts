import { createInterface } from 'node:readline/promises';
import { browseDeadLetters } from '../../../adapters/transports/amqp/dead-letters/browse-dead-letters.js';
import { readLetter } from '../../../adapters/transports/amqp/dead-letters/dead-letter.js';
import type { DeadLetterPass } from '../../../adapters/transports/amqp/dead-letters/dead-letter-pass.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { counted } from '../printable.js';
import { type LetterSelection, meantBy, requireSelection } from './dead-letter-filters.js';
import { tellUnseen, withDeadLetters } from './with-dead-letters.js';

export interface DropRequest extends LetterSelection {
  dryRun?: boolean;
  yes?: boolean;
}

/** Throws letters away: those that were looked at when it asked, and no others. */
export async function runDeadLettersDrop(request: DropRequest): Promise<void> {
  requireSelection(request);
  const mayAsk = process.stdin.isTTY && process.stderr.isTTY;
  if (!request.yes && !request.dryRun && !mayAsk) throw new StartupError(['--yes is required without a terminal']);
  await withDeadLetters(async ({ consuming, namespace }) => {
    const meant = meantBy(request);
    const tags: number[] = [];
    let seen = 0;
    let isDropped = false;
    const afterwards = async (pass: DeadLetterPass) => {
      if (request.dryRun || tags.length === 0) return;
      if (
        !request.yes &&
        !(await isConfirmed(`permanently drop ${tags.length} of ${counted(seen, 'dead letter')}? [y/N] `))
      )
        return;
      for (const tag of tags) pass.acknowledge(tag);
      isDropped = true;
    };
    const survey = await browseDeadLetters(
      consuming,
      namespace,
      (message) => {
        seen += 1;
        if (meant(readLetter(message))) tags.push(message.fields.deliveryTag);
      },
      afterwards,
    );
    tellUnseen(survey);
    if (request.dryRun) console.log(`would drop ${tags.length} of ${counted(seen, 'dead letter')}`);
    else console.log(`dropped ${isDropped ? tags.length : 0} of ${counted(seen, 'dead letter')}`);
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
