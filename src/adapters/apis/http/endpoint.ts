import type { Request, RequestHandler, Response } from 'express';
import { authenticateCaller } from '../../../application/gateway/authenticate-caller.js';
import type { CallerSlots } from '../../../application/gateway/caller-slots.js';
import type { CallerLimiter } from '../../../application/ports/caller-limiter.js';
import type { Caller } from '../../../application/ports/queries/chat-queries.js';
import type { KeyScope } from '../../../application/ports/store/api-keys.js';
import type { TokenVerifier } from '../../../application/ports/token-verifier.js';
import {
  isCommandOperation,
  operationOf,
  parseQuery,
  pathSchemaOf,
  type RestOperationName,
  type RestPath,
  type RestQuery,
} from '../../../contract/rest/operations.js';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import { SLOT_RETRY_AFTER_SECONDS } from './api-settings.js';
import { failureAnswer } from './error-mapper.js';
import { ADMIN_OPERATIONS } from './handlers/webhook-handlers.js';
import { unauthenticated } from './middleware/authentication.js';
import { readBody } from './middleware/request-body.js';
import { noteCaller } from './middleware/request-caller.js';
import type { Handler } from './middleware/request-context.js';
import { traceOf } from './middleware/request-trace.js';
import { type Answer, notFound, type ProblemDetails, problemAnswer, writeAnswer } from './response.js';

export interface EndpointDependencies {
  verifier: TokenVerifier;
  limiter: CallerLimiter;
  /** Limit on the caller's concurrent requests of this kind. Null if they are bounded elsewhere. */
  slots: CallerSlots | null;
  logger: Logger;
  /** A request that takes longer gets `unavailable`. */
  timeLimitMs: number;
}

/**
 * Processes a request of any operation: authenticates the caller, counts the request, checks path, query and body, and
 * calls the handler. Then it writes one response, within the time limit.
 */
export function endpoint<O extends RestOperationName>(
  operation: O,
  handle: Handler<O>,
  { verifier, limiter, slots, logger, timeLimitMs }: EndpointDependencies,
): RequestHandler {
  const pathSchema = pathSchemaOf(operation);
  const scope = scopeOf(operation);

  /** `clock` is stopped while the caller sends the body, for which the server has its own limit. */
  async function answer(request: Request, response: Response, clock: Clock, onCommand: OnCommand): Promise<Answer> {
    const authentication = await authenticateCaller(request.headers.authorization, verifier);
    if (authentication.outcome !== 'authenticated') return unauthenticated(authentication);
    const { caller, authorization, scopes } = authentication;
    noteCaller(request, caller);
    const limited = await limiter.take(caller);
    if (limited !== null) return problemAnswer('rate_limited', { retryAfter: limited.retryAfterSeconds });
    if (scopes !== null && !scopes.includes(scope))
      return problemAnswer('not_permitted', { detail: `the API key lacks the scope ${scope}` });
    // An invalid id cannot exist.
    if (!pathSchema.safeParse(request.params).success) return notFound();
    const parsed = parseQuery(operation, request.query);
    if (!parsed.ok) return problemAnswer('bad_request', { violations: parsed.violations });
    clock.stop();
    const body = operationOf(operation).body === undefined ? { data: undefined } : await readBody(request, response);
    clock.start();
    if ('refused' in body) return body.refused;
    return inSlot(slots, caller, response, () =>
      handle({
        operation,
        caller,
        authorization,
        // Both were checked above, against the schemas of the operation.
        path: request.params as RestPath<O>,
        query: parsed.query as RestQuery<O>,
        body: body.data,
        idempotencyKey: request.get('Idempotency-Key'),
        trace: traceOf(request),
        onCommand,
      }),
    );
  }

  return async (request, response) => {
    const fields = { operation, traceId: traceOf(request).traceId };
    const known: ProblemDetails = {};
    const clock = new Clock(timeLimitMs);
    // A closed connection needs no time limit.
    response.once('close', () => clock.stop());
    const inTime = answer(request, response, clock, (commandId) => {
      known.commandId = commandId;
    }).catch((cause: unknown) => failureAnswer(cause, logger, fields, known));
    const late = clock.runsOut.then(() => {
      logger.warn('request took too long', { ...fields, timeLimitMs });
      return problemAnswer('unavailable', { detail: 'the request took too long', ...known });
    });
    const given = await Promise.race([inTime, late]);
    clock.stop();
    writeAnswer(response, given);
  };
}

/**
 * Runs the request when the caller has a slot. The slot is taken until the work is done, also after a time-out, and the
 * response is sent. So the slots bound a caller's running statements and unread bytes.
 */
async function inSlot(
  slots: CallerSlots | null,
  caller: Caller,
  response: Response,
  work: () => Promise<Answer>,
): Promise<Answer> {
  if (slots === null) return work();
  const release = await slots.enter(caller);
  if (release === null)
    return problemAnswer('rate_limited', {
      detail: `at most ${slots.slots} concurrent requests of this kind are allowed`,
      retryAfter: SLOT_RETRY_AFTER_SECONDS,
    });
  const isSent = new Promise<void>((resolve) => {
    // The client disconnected while it waited.
    if (response.closed) resolve();
    else response.once('close', resolve);
  });
  const done = response.closed ? Promise.resolve(notFound()) : work();
  void Promise.allSettled([done, isSent]).then(release);
  return done;
}

/** What an API key must be for. */
function scopeOf(operation: RestOperationName): KeyScope {
  if (ADMIN_OPERATIONS.has(operation)) return 'admin';
  return isCommandOperation(operation) ? 'write' : 'read';
}

type OnCommand = (commandId: string) => void;

/** A time limit that can be stopped and restarted. */
class Clock {
  readonly runsOut: Promise<void>;
  private runOut: () => void = () => undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly timeLimitMs: number) {
    this.runsOut = new Promise((resolve) => {
      this.runOut = resolve;
    });
    this.start();
  }

  start(): void {
    this.stop();
    this.timer = setTimeout(this.runOut, this.timeLimitMs);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
