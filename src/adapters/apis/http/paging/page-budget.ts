import type { SequencePage } from '../../../../application/ports/queries/chat-history.js';
import { PAGE_MAX_BYTES } from '../../../../contract/rest/requests.js';

/** The free space of a page, in bytes of JSON. The first item is always taken, so that every page makes progress. */
export class PageBudget {
  private left = PAGE_MAX_BYTES;
  private isEmpty = true;

  /** False if the item does not fit. The page then ends. */
  take(item: unknown): boolean {
    // Includes the comma between two items.
    const bytes = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (!this.isEmpty && bytes > this.left) return false;
    this.isEmpty = false;
    this.left -= bytes;
    return true;
  }
}

/** Represents the first items, as many as a page holds. */
export function fitting<T, R>(items: readonly T[], represent: (item: T) => R): R[] {
  const budget = new PageBudget();
  const fit: R[] = [];
  for (const item of items) {
    const represented = represent(item);
    if (!budget.take(represented)) break;
    fit.push(represented);
  }
  return fit;
}

/** A page by sequence. Items that do not fit are removed at the end in reading direction. */
export function fittingSequence<T, R>(
  { items, hasMore }: SequencePage<T>,
  represent: (item: T) => R,
  isForward: boolean,
): SequencePage<R> {
  const fit = isForward ? fitting(items, represent) : fitting(items.toReversed(), represent).reverse();
  return { items: fit, hasMore: hasMore || fit.length < items.length };
}
