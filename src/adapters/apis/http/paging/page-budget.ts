import type { SequencePage } from '../../../../application/ports/chat-history.js';
import { PAGE_MAX_BYTES } from '../../../../contract/rest/requests.js';

/**
 * What a page may still hold, in bytes of JSON. The first item is always taken: a page that holds none would lead
 * nowhere.
 */
export class PageBudget {
  private left = PAGE_MAX_BYTES;
  private isEmpty = true;

  /** False where the item does not fit any more; then the page has ended. */
  take(item: unknown): boolean {
    // The comma between two items included.
    const bytes = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (!this.isEmpty && bytes > this.left) return false;
    this.isEmpty = false;
    this.left -= bytes;
    return true;
  }
}

/** The first items, represented, as many as a page holds. */
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

/** A page by sequence, cut at the end that it is read towards. */
export function fittingSequence<T, R>(
  { items, hasMore }: SequencePage<T>,
  represent: (item: T) => R,
  isForward: boolean,
): SequencePage<R> {
  const fit = isForward ? fitting(items, represent) : fitting(items.toReversed(), represent).reverse();
  return { items: fit, hasMore: hasMore || fit.length < items.length };
}
