/** What operators do about log consumers. A relay need not run meanwhile; those that run notice within a second. */
import type { CursorState, EventCursors, ParkedEvent } from '../ports/store/log/event-cursors.js';

/** Maximum number of parked events that are listed. */
export const PARKED_LISTED_MAX = 1_000;

export type ByConsumer<T> = { outcome: 'done'; value: T } | { outcome: 'unknown-consumer'; known: string[] };

/** Every cursor with its lag, its owner and the number of its parked events, by consumer and partition. */
export function consumerStates(cursors: Pick<EventCursors, 'states'>): Promise<CursorState[]> {
  return cursors.states();
}

/** Where the parked events of a consumer are in the log; at most `PARKED_LISTED_MAX`. */
export function parkedEvents(
  cursors: Pick<EventCursors, 'states' | 'parked'>,
  name: string,
): Promise<ByConsumer<ParkedEvent[]>> {
  return ofConsumer(cursors, name, () => cursors.parked(name, PARKED_LISTED_MAX));
}

/** Requests that all parked events of a consumer are delivered again, as they are now. Returns their number. */
export function retryParkedEvents(
  cursors: Pick<EventCursors, 'states' | 'requestRetry'>,
  name: string,
): Promise<ByConsumer<number>> {
  return ofConsumer(cursors, name, () => cursors.requestRetry(name));
}

/** Delivers the whole log to a consumer again, under a raised epoch. Returns the number of its cursors. */
export function rebuildConsumer(
  cursors: Pick<EventCursors, 'states' | 'rebuild'>,
  name: string,
): Promise<ByConsumer<number>> {
  return ofConsumer(cursors, name, () => cursors.rebuild(name));
}

async function ofConsumer<T>(
  cursors: Pick<EventCursors, 'states'>,
  name: string,
  work: () => Promise<T>,
): Promise<ByConsumer<T>> {
  const known = [...new Set((await cursors.states()).map((state) => state.name))];
  return known.includes(name) ? { outcome: 'done', value: await work() } : { outcome: 'unknown-consumer', known };
}
