import type { Caller } from '../../../../application/ports/queries/chat-queries.js';
import type { RestOperationName, RestPath, RestQuery } from '../../../../contract/rest/operations.js';
import type { Answer } from '../response.js';
import type { RequestTrace } from './request-trace.js';

/** The input of a handler: one request, authenticated, rate-limited and read. */
export interface Call<O extends RestOperationName> {
  operation: O;
  caller: Caller;
  path: RestPath<O>;
  query: RestQuery<O>;
  /** The parsed JSON body, if the operation has one. Its content is not validated. */
  body: unknown;
  /** As received. It is published with the command. */
  authorization: string;
  /** As received, not validated. */
  idempotencyKey: string | undefined;
  trace: RequestTrace;
  /**
   * Called with the command's id before it is published. An error response must name a command that may take effect.
   */
  onCommand(commandId: string): void;
}

export type Handler<O extends RestOperationName> = (call: Call<O>) => Promise<Answer>;
export type Handlers<O extends RestOperationName = RestOperationName> = { [N in O]: Handler<N> };
