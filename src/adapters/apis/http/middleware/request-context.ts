import type { Caller } from '../../../../application/ports/chat-queries.js';
import type { RestOperationName, RestPath, RestQuery } from '../../../../contract/rest/operations.js';
import type { Answer } from '../response.js';
import type { RequestTrace } from './request-trace.js';

/** One request that has been proven, bounded and read: what a handler works on. */
export interface Call<O extends RestOperationName> {
  operation: O;
  caller: Caller;
  path: RestPath<O>;
  query: RestQuery<O>;
  /** The parsed JSON body of operations that have one; its content has not been judged. */
  body: unknown;
  /** As it came in, to travel with the command. */
  authorization: string;
  /** As it came in, unjudged. */
  idempotencyKey: string | undefined;
  trace: RequestTrace;
  /** To be told the command's id before it is sent: an answer that fails must name what may have taken effect. */
  onCommand(commandId: string): void;
}

export type Handler<O extends RestOperationName> = (call: Call<O>) => Promise<Answer>;
export type Handlers<O extends RestOperationName = RestOperationName> = { [N in O]: Handler<N> };
