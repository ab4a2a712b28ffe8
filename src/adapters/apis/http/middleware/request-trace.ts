import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type TraceContext, traceContextOf } from '../../../../application/runtime/trace-context.js';

export interface RequestTrace extends TraceContext {
  traceparent: string;
  traceId: string;
}

const traces = new WeakMap<IncomingMessage, RequestTrace>();

/**
 * W3C version 00, not sampled: nothing here records spans, but logs and events of one request can be told together by
 * it.
 */
function drawTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
}

/**
 * The trace a request belongs to: the one it came with if that is valid, else one of its own. It travels with its
 * command.
 */
export function traceOf(request: IncomingMessage): RequestTrace {
  const known = traces.get(request);
  if (known !== undefined) return known;
  const given = traceContextOf(request.headers);
  const traceparent = given.traceparent ?? drawTraceparent();
  const trace = { traceparent, tracestate: given.tracestate, traceId: traceparent.slice(3, 35) };
  traces.set(request, trace);
  return trace;
}
