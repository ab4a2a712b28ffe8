import type { CallerSlots } from '../../../application/gateway/caller-slots.js';
import type { OperationCall } from '../../../application/gateway/operation-call.js';
import type { CallerLimiter } from '../../../application/ports/caller-limiter.js';
import type { Caller } from '../../../application/ports/queries/chat-queries.js';
import {
  parseQuery,
  pathSchemaOf,
  type RestOperationName,
  type RestPath,
  type RestQuery,
} from '../../../contract/rest/operations.js';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import { SLOT_RETRY_AFTER_SECONDS } from './api-settings.js';
import { failureAnswer } from './error-mapper.js';
import type { Handler } from './middleware/request-context.js';
import { traceFrom } from './middleware/request-trace.js';
import type { OperationHandlers } from './operation-handlers.js';
import { type Answer, notFound, type ProblemDetails, problemAnswer } from './response.js';

export interface OperationRunnerDependencies extends OperationHandlers {
  limiter: CallerLimiter;
  logger: Logger;
  /** A request that takes longer gets `unavailable`. */
  timeLimitMs: number;
}

/** Answers operations for APIs other than HTTP, with the same handlers, limits and problems. */
export class OperationRunner {
  constructor(private readonly dependencies: OperationRunnerDependencies) {}

  async run(operation: RestOperationName, call: OperationCall): Promise<Answer> {
    const { limiter, logger, timeLimitMs } = this.dependencies;
    const { headers, ...given } = call;
    const trace = traceFrom(headers);
    const fields = { operation, traceId: trace.traceId };
    const known: ProblemDetails = {};
    const answer = async (): Promise<Answer> => {
      const limited = await limiter.take(call.caller);
      if (limited !== null) return problemAnswer('rate_limited', { retryAfter: limited.retryAfterSeconds });
      // An invalid id cannot exist.
      if (!pathSchemaOf(operation).safeParse(call.path).success) return notFound();
      const parsed = parseQuery(operation, call.query);
      if (!parsed.ok) return problemAnswer('bad_request', { violations: parsed.violations });
      // The type of `handlers` guarantees that each operation has its own handler.
      const handle = this.dependencies.handlers[operation] as Handler<RestOperationName>;
      return inSlot(this.dependencies.slotsOf(operation), call.caller, () =>
        handle({
          ...given,
          ...{ operation, trace },
          // Both were checked above, against the schemas of the operation.
          path: call.path as RestPath<RestOperationName>,
          query: parsed.query as RestQuery<RestOperationName>,
          onCommand: (commandId) => {
            known.commandId = commandId;
          },
        }),
      );
    };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Answer>((resolve) => {
      timer = setTimeout(() => {
        logger.warn('request took too long', { ...fields, timeLimitMs });
        resolve(problemAnswer('unavailable', { detail: 'the request took too long', ...known }));
      }, timeLimitMs);
    });
    const inTime = answer().catch((cause: unknown) => failureAnswer(cause, logger, fields, known));
    try {
      return await Promise.race([inTime, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The slot is taken until the work is done, also after a time-out. */
async function inSlot(slots: CallerSlots | null, caller: Caller, work: () => Promise<Answer>): Promise<Answer> {
  if (slots === null) return work();
  const release = await slots.enter(caller);
  if (release === null)
    return problemAnswer('rate_limited', {
      detail: `at most ${slots.slots} concurrent requests of this kind are allowed`,
      retryAfter: SLOT_RETRY_AFTER_SECONDS,
    });
  try {
    return await work();
  } finally {
    release();
  }
}
