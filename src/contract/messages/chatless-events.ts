/** Apart from the schemas, which are too large for the client in browsers. */
import type { EventType } from './events.js';

/** Events that are about no chat. */
export const CHATLESS_EVENTS = [
  'user.upserted',
  'webhook.upserted',
  'webhook.deleted',
  'command.rejected',
] as const satisfies readonly EventType[];
export type ChatlessEvent = (typeof CHATLESS_EVENTS)[number];

/** Also for events of which clients get only a part. */
export function isOfChat<E extends { type: EventType }>(event: E): event is Exclude<E, { type: ChatlessEvent }> {
  return !(CHATLESS_EVENTS as readonly string[]).includes(event.type);
}
