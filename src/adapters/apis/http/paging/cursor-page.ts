import type { Caller } from '../../../../application/ports/chat-queries.js';
import { type Answer, ok, problemAnswer } from '../response.js';
import type { Cursors } from './cursor.js';
import { fitting } from './page-budget.js';

/** A list that is read page by page. */
export interface PagedList<T> {
  /** Names the operation and everything that selects the items: a cursor is good for these alone. */
  selection: readonly unknown[];
  /** At most `limit` items, beyond the position; fewer than there are only where they are more than a page holds. */
  read(position: string[] | null, limit: number): Promise<T[]>;
  positionOf(item: T): string[];
  represent(item: T): unknown;
}

/**
 * Answers the page that starts where the cursor says; one more item than it holds is read, to know whether there is a
 * next.
 */
export async function cursorPage<T>(
  cursors: Cursors,
  { caller, query: { cursor, limit } }: { caller: Caller; query: { cursor?: string | undefined; limit: number } },
  { selection, read, positionOf, represent }: PagedList<T>,
): Promise<Answer> {
  const position = cursor === undefined ? null : cursors.open(caller, selection, cursor);
  if (cursor !== undefined && position === null)
    return problemAnswer('bad_request', {
      violations: [{ path: 'cursor', message: 'is not a cursor given for this query' }],
    });
  const found = await read(position, limit + 1);
  const items = fitting(found.slice(0, limit), represent);
  const last = found[items.length - 1];
  const nextCursor =
    found.length > items.length && last !== undefined ? cursors.sign(caller, selection, positionOf(last)) : null;
  return ok({ items, nextCursor });
}
