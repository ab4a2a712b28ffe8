import type { Caller } from '../ports/queries/chat-queries.js';

/** An authenticated request of an operation, from another API than HTTP. */
export interface OperationCall {
  caller: Caller;
  authorization: string;
  path: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string>>;
  body: unknown;
  idempotencyKey: string | undefined;
  /** With the trace context, if the request has one. */
  headers: Readonly<Record<string, unknown>>;
}
