import type { LetterFilter } from '../../../application/operations/dead-letters.js';
import type { LetterReason } from '../../../application/ports/transport/dead-letter-queue.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';

/** The options of the command line. */
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

/** The options of commands that change something: a filter, ids, or all. */
export interface LetterSelection extends LetterFilters {
  id?: string[];
  all?: boolean;
}

export function filterOf(request: LetterFilters & { id?: string[] }): LetterFilter {
  const { reason, since, type, chat, id } = request;
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(since === undefined ? {} : { since: new Date(Date.now() - since) }),
    ...(type === undefined ? {} : { type }),
    ...(chat === undefined ? {} : { chatId: chat }),
    ...(id === undefined ? {} : { messageIds: id }),
  };
}

/** Without any option, nothing is selected. */
export function requireSelection({ reason, since, type, chat, id, all }: LetterSelection): void {
  const isFiltered = [reason, since, type, chat, id].some((value) => value !== undefined);
  if (!isFiltered && !all) throw new StartupError(['select dead letters by a filter, by --id, or by --all']);
  if (isFiltered && all) throw new StartupError(['--all excludes filters and --id']);
}
