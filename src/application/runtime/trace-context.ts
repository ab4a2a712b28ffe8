/** The W3C trace context (https://www.w3.org/TR/trace-context/) of a command. Invalid values are left out. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

export interface TraceContext {
  traceparent: string | null;
  tracestate: string | null;
}

export function traceContextOf(headers: Readonly<Record<string, unknown>>): TraceContext {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== 'string' || !TRACEPARENT.test(traceparent)) return { traceparent: null, tracestate: null };
  return { traceparent, tracestate: typeof tracestate === 'string' && TRACESTATE.test(tracestate) ? tracestate : null };
}

/** The trace id, for log lines. */
export function traceIdOf({ traceparent }: TraceContext): string | null {
  return traceparent?.split('-')[1] ?? null;
}
