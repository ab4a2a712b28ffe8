import type { IncomingMessage } from 'node:http';
import type { Caller } from '../../../../application/ports/queries/chat-queries.js';

const callers = new WeakMap<IncomingMessage, Caller>();

/** Records the authenticated caller of the request, for the log. */
export function noteCaller(request: IncomingMessage, caller: Caller): void {
  callers.set(request, caller);
}

/** Null if the request is not authenticated. */
export function callerOf(request: IncomingMessage): Caller | null {
  return callers.get(request) ?? null;
}
