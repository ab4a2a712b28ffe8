import { type CloudEvent, type EventType, eventTypes } from '../contract/messages/events.js';

export type ReadEvent =
  | { kind: 'event'; event: CloudEvent; sequence: number | null }
  /** An event of a type that this version does not know: v1 can add types. Its sequence counts all the same. */
  | { kind: 'unknown type'; event: CloudEvent; sequence: number | null }
  | { kind: 'no event'; why: string };

const ATTRIBUTES = ['id', 'source', 'type', 'partitionkey'] as const;

/**
 * Reads a delivery's body as a CloudEvent. The attributes are checked. The data is passed through unchanged, including
 * fields that this version does not know.
 */
export function readEvent(body: Uint8Array): ReadEvent {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return { kind: 'no event', why: 'not JSON in UTF-8' };
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return { kind: 'no event', why: 'not a JSON object' };
  const event = parsed as CloudEvent;
  if (event.specversion !== '1.0') return { kind: 'no event', why: 'not a CloudEvent of version 1.0' };
  for (const name of ATTRIBUTES)
    if (typeof event[name] !== 'string') return { kind: 'no event', why: `${name} is missing` };
  if (typeof event.data !== 'object' || event.data === null) return { kind: 'no event', why: 'data is missing' };
  if (event.sequence !== undefined && !/^[1-9]\d{0,15}$/.test(event.sequence))
    return { kind: 'no event', why: 'sequence is not a number' };
  const sequence = event.sequence === undefined ? null : Number(event.sequence);
  const isKnown = eventTypes.includes(event.type as EventType);
  return { kind: isKnown ? 'event' : 'unknown type', event, sequence };
}
