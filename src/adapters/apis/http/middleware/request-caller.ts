import type { IncomingMessage } from 'node:http';
import type { Caller } from '../../../../application/ports/chat-queries.js';

const callers = new WeakMap<IncomingMessage, Caller>();

/** For the log: who the request is from, once that is proven. */
export function noteCaller(request: IncomingMessage, caller: Caller): void {
  callers.set(request, caller);
}

/** Null: nobody is proven. */
export function callerOf(request: IncomingMessage): Caller | null {
  return callers.get(request) ?? null;
}
