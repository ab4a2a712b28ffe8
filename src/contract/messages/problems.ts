/** Codes of refused commands and requests: one closed set for receipts and for REST's problem+json (RFC 9457). */
import { z } from 'zod';

/**
 * Codes of command refusals: HTTP status, title, and whether the refusal is stored as a receipt. Refusals that are not
 * stored may succeed on retry.
 */
export const refusalCodes = {
  invalid: { status: 422, title: 'The command does not match its schema', stored: true },
  unsupported_type: { status: 422, title: 'Unknown command type', stored: true },
  too_large: { status: 413, title: 'The body is too large', stored: true },
  unauthenticated: { status: 401, title: 'The actor is not authenticated', stored: false },
  not_found: { status: 404, title: 'Not found, or not visible to the actor', stored: true },
  not_permitted: { status: 403, title: 'The policy does not permit this', stored: true },
  muted: { status: 403, title: 'The actor is muted in this chat', stored: true },
  archived: { status: 403, title: 'The chat is archived', stored: true },
  conflict: { status: 409, title: 'The command conflicts with existing data', stored: false },
  limit_reached: { status: 409, title: 'A limit is reached', stored: true },
  rate_limited: { status: 429, title: 'Too many commands', stored: false },
  moderated: { status: 403, title: 'Refused by moderation', stored: true },
} as const;

export type RefusalCode = keyof typeof refusalCodes;
export const refusalCode = z.enum(Object.keys(refusalCodes) as [RefusalCode, ...RefusalCode[]]);

/** Problems that only a REST request can have. */
export const requestProblems = {
  bad_request: { status: 400, title: 'The request cannot be read' },
  malformed: { status: 400, title: 'The command cannot be read' },
  method_not_allowed: { status: 405, title: 'The method is not allowed for this path' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported' },
  internal: { status: 500, title: 'Internal error' },
  not_implemented: { status: 501, title: 'This server does not offer this' },
  unavailable: { status: 503, title: 'Temporarily unavailable' },
} as const;

export type ProblemCode = RefusalCode | keyof typeof requestProblems;

export const violation = z.object({
  path: z.string().meta({ description: 'Path of the field, such as `data.body`.' }),
  message: z.string().meta({ description: 'The allowed values, for people. Completes the path to a sentence.' }),
});
export type Violation = z.infer<typeof violation>;

/** A refusal in a receipt. `retryAfter` is in seconds and only present with `rate_limited`. */
export const reason = z.object({
  code: refusalCode.meta({ description: 'The refusal code, for programs.' }),
  title: z.string().meta({ description: 'Meaning of the code, for people.' }),
  detail: z.string().optional().meta({ description: 'Details of this refusal, for people.' }),
  violations: z.array(violation).optional().meta({ description: 'With `invalid`: the invalid fields, at most 20.' }),
  retryAfter: z.number().optional().meta({ description: 'With `rate_limited`: seconds to wait before a retry.' }),
});
export type Reason = z.infer<typeof reason>;

export function refusal(code: RefusalCode, detail?: string, violations?: Violation[]): Reason {
  return {
    code,
    title: refusalCodes[code].title,
    ...(detail === undefined ? {} : { detail }),
    ...(violations === undefined ? {} : { violations }),
  };
}

/** A problem document (RFC 9457). `type` is `/problems/<code>`. */
export const problem = z.object({
  type: z.string().meta({ example: '/problems/not_found' }),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  violations: z.array(violation).optional(),
  retryAfter: z.number().optional(),
  commandId: z.string().optional(),
  decisionId: z.string().optional(),
});
export type Problem = z.infer<typeof problem>;
