import type { Request, RequestHandler, Response } from 'express';
import { authenticateCaller } from '../../../application/gateway/authenticate-caller.js';
import type { CallerSlots } from '../../../application/gateway/caller-slots.js';
import type { CallerLimiter } from '../../../application/ports/caller-limiter.js';
import type { Caller } from '../../../application/ports/chat-queries.js';
import type { TokenVerifier } from '../../../application/ports/token-verifier.js';
import {
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
import { unauthenticated } from './middleware/authentication.js';
import { readBody } from './middleware/request-body.js';
import { noteCaller } from './middleware/request-caller.js';
import type { Handler } from './middleware/request-context.js';
import { traceOf } from './middleware/request-trace.js';
import { type Answer, notFound, type ProblemDetails, problemAnswer, writeAnswer } from './response.js';

export interface EndpointDependencies {
  verifier: TokenVerifier;
  limiter: CallerLimiter;
  /** What the caller may have in hand of operations of this kind; null: their number is bounded elsewhere. */
  slots: CallerSlots | null;
  logger: Logger;
  /** An answer that takes longer is `unavailable`. */
  timeLimitMs: number;
}

/**
 * What every operation does with a request, in this order: proves the caller, counts the request, checks path, query
 * and body, asks the
 * handler; then writes the one answer there is, within the time limit.
 */
export function endpoint<O extends RestOperationName>(
  operation: O,
  handle: Handler<O>,
  { verifier, limiter, slots, logger, timeLimitMs }: EndpointDependencies,
): RequestHandler {
  const pathSchema = pathSchemaOf(operation);

  /** `clock` stands still while the caller sends the body: the server's own limit is for that. */
  async function answer(request: Request, response: Response, clock: Clock, onCommand: OnCommand): Promise<Answer> {
    const authentication = await authenticateCaller(request.headers.authorization, verifier);
    if (authentication.outcome !== 'authenticated') return unauthenticated(authentication);
    const { caller, authorization } = authentication;
    noteCaller(request, caller);
    const limited = await limiter.take(caller);
    if (limited !== null) return problemAnswer('rate_limited', { retryAfter: limited.retryAfterSeconds });
    // What cannot be an id names nothing.
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
        // Both were checked against the operation's own schemas just above.
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
    // Nobody waits any more for the answer to a connection that is gone.
    response.once('close', () => clock.stop());
    const inTime = answer(request, response, clock, (commandId) => {
      known.commandId = commandId;
    }).catch((cause: unknown) => failureAnswer(cause, logger, fields, known));
    const late = clock.runsOut.then(() => {
      logger.warn('a request took too long', { ...fields, timeLimitMs });
      return problemAnswer('unavailable', { detail: 'this took too long', ...known });
    });
    const given = await Promise.race([inTime, late]);
    clock.stop();
    writeAnswer(response, given);
  };
}

/**
 * Works on the request once the caller has a slot. The slot is taken until the work is done, even where the answer was
 * given up, and the answer is
 * sent: so neither statements in hand nor bytes that a caller does not read grow beyond the slots.
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
      detail: `at most ${slots.slots} requests of this kind are answered at a time`,
      retryAfter: SLOT_RETRY_AFTER_SECONDS,
    });
  const isSent = new Promise<void>((resolve) => {
    // Whoever hung up while they waited is not worked for.
    if (response.closed) resolve();
    else response.once('close', resolve);
  });
  const done = response.closed ? Promise.resolve(notFound()) : work();
  void Promise.allSettled([done, isSent]).then(release);
  return done;
}

type OnCommand = (commandId: string) => void;

/** A time limit that can be stopped, and starts anew. */
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
