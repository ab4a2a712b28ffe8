/** The messages of the live feed. Only Parley reads them; other programs take the events of a dispatch queue. */

/** One CloudEvent per line, each line with its line break. */
export const LIVE_CONTENT_TYPE = 'application/x-ndjson';

export const LIVE_HEADERS = {
  partition: 'partition',
  /** Of the first event. Each further event has the next position. */
  position: 'position',
} as const;

export function liveRoutingKey(partition: number): string {
  return `p${partition}`;
}
