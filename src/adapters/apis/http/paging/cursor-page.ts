import type { Caller } from '../../../../application/ports/queries/chat-queries.js';
import { type Answer, ok, problemAnswer } from '../response.js';
import type { Cursors } from './cursor.js';
import { fitting } from './page-budget.js';

/** A list with pages. */
export interface PagedList<T> {
  /** The operation and everything that selects the items. A cursor is valid only for these. */
  selection: readonly unknown[];
  /**
   * At most `limit` items after the position. Fewer only if there are no more, or if they exceed the size of a page.
   */
  read(position: string[] | null, limit: number): Promise<T[]>;
  positionOf(item: T): string[];
  represent(item: T): unknown;
  /** Further properties of the page, after it was read. */
  about?(): object;
}

export function badCursor(): Answer {
  return problemAnswer('bad_request', {
    violations: [{ path: 'cursor', message: 'is not a valid cursor of this query' }],
  });
}

/** Returns the page that starts at the cursor. Reads one item more, to know if there is a next page. */
export async function cursorPage<T>(
  cursors: Cursors,
  { caller, query: { cursor, limit } }: { caller: Caller; query: { cursor?: string | undefined; limit: number } },
  { selection, read, positionOf, represent, about }: PagedList<T>,
): Promise<Answer> {
  const position = cursor === undefined ? null : cursors.open(caller, selection, cursor);
  if (cursor !== undefined && position === null) return badCursor();
  const found = await read(position, limit + 1);
  const items = fitting(found.slice(0, limit), represent);
  const last = found[items.length - 1];
  const nextCursor =
    found.length > items.length && last !== undefined ? cursors.sign(caller, selection, positionOf(last)) : null;
  return ok({ items, nextCursor, ...about?.() });
}
