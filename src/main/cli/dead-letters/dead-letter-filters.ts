import type {
  DeadLetter,
  LetterFilter,
  LetterReason,
} from '../../../adapters/transports/amqp/dead-letters/dead-letter.js';
import { isMeant } from '../../../adapters/transports/amqp/dead-letters/dead-letter.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';

/** As the command line names them. */
export interface LetterFilters {
  reason?: LetterReason;
  /** In milliseconds before now. */
  since?: number;
  type?: string;
  chat?: string;
}

export interface LetterListRequest extends LetterFilters {
  limit: number;
  json?: boolean;
}

/** For what changes something: a filter, ids, or all. */
export interface LetterSelection extends LetterFilters {
  id?: string[];
  all?: boolean;
}

export function meantBy(request: LetterFilters & { id?: string[] }): (letter: DeadLetter) => boolean {
  const { reason, since, type, chat, id } = request;
  const filter: LetterFilter = {
    ...(reason === undefined ? {} : { reason }),
    ...(since === undefined ? {} : { since: new Date(Date.now() - since) }),
    ...(type === undefined ? {} : { type }),
    ...(chat === undefined ? {} : { chatId: chat }),
    ...(id === undefined ? {} : { messageIds: id }),
  };
  return (letter) => isMeant(letter, filter);
}

/** Nobody means all of them by saying nothing. */
export function requireSelection({ reason, since, type, chat, id, all }: LetterSelection): void {
  const isFiltered = [reason, since, type, chat, id].some((value) => value !== undefined);
  if (!isFiltered && !all) throw new StartupError(['select dead letters by a filter, by --id, or by --all']);
  if (isFiltered && all) throw new StartupError(['--all excludes filters and --id']);
}
