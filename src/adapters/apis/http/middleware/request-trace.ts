import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type TraceContext, traceContextOf } from '../../../../application/runtime/trace-context.js';

export interface RequestTrace extends TraceContext {
  traceparent: string;
  traceId: string;
}

const traces = new WeakMap<IncomingMessage, RequestTrace>();

/** W3C version 00, not sampled. No spans are recorded, but logs and events of one request share the trace id. */
function drawTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
}

/** The trace of a request: its valid `traceparent`, else a new one. It is published with the command. */
export function traceOf(request: IncomingMessage): RequestTrace {
  const known = traces.get(request);
  if (known !== undefined) return known;
  const trace = traceFrom(request.headers);
  traces.set(request, trace);
  return trace;
}

/** The trace that headers name, else a new one. */
export function traceFrom(headers: Readonly<Record<string, unknown>>): RequestTrace {
  const given = traceContextOf(headers);
  const traceparent = given.traceparent ?? drawTraceparent();
  return { traceparent, tracestate: given.tracestate, traceId: traceparent.slice(3, 35) };
}
