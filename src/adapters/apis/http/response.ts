import type { Response } from 'express';
import type { Problem, ProblemCode } from '../../../contract/messages/problems.js';
import { problemKind } from '../../../contract/rest/operations.js';
import type { Refusal } from '../../../domain/refusal.js';
import { UNAVAILABLE_RETRY_AFTER_SECONDS, WRITE_IDLE_TIMEOUT_MS } from './api-settings.js';

/** The response to a request. One function writes it. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  contentType?: string;
  body: unknown;
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

export type ProblemDetails = Partial<Omit<Problem, 'type' | 'title' | 'status'>>;

export function problemDocument(code: ProblemCode, details: ProblemDetails = {}): Problem {
  const { status, title } = problemKind(code);
  return { type: `/problems/${code}`, title, status, ...details };
}

/** A problem document (RFC 9457) with the headers of its code. */
export function problemAnswer(
  code: ProblemCode,
  details: ProblemDetails = {},
  headers: Record<string, string> = {},
): Answer {
  const document = problemDocument(code, details);
  const retryAfter = details.retryAfter ?? (code === 'unavailable' ? UNAVAILABLE_RETRY_AFTER_SECONDS : undefined);
  return {
    status: document.status,
    headers: {
      ...(retryAfter === undefined ? {} : { 'Retry-After': String(Math.max(1, Math.ceil(retryAfter))) }),
      ...(code === 'unauthenticated' ? { 'WWW-Authenticate': 'Bearer error="invalid_token"' } : {}),
      ...headers,
    },
    contentType: PROBLEM_CONTENT_TYPE,
    body: document,
  };
}

export function ok(body: unknown): Answer {
  return { status: 200, body };
}

/** The same response for objects that do not exist and objects that the caller may not see. */
export function notFound(): Answer {
  return problemAnswer('not_found');
}

/** For an unknown path. The response names the documentation. */
export function noSuchPath(): Answer {
  return problemAnswer('not_found', {
    detail: 'unknown path: GET /docs lists all paths, and GET /openapi.json describes them',
  });
}

/** A refusal of a query. `decisionId` names the decision, if there was one. */
export function refusalAnswer(refusal: Refusal, decisionId: string | null): Answer {
  if (refusal.code === 'not_found') return notFound();
  const why = refusal.code === 'invalid' ? { violations: refusal.violations } : { detail: refusal.detail };
  return problemAnswer(refusal.code, { ...why, ...(decisionId === null ? {} : { decisionId }) });
}

export function writeAnswer(response: Response, { status, headers = {}, contentType, body }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  const bytes = Buffer.from(JSON.stringify(body));
  response.setTimeout(WRITE_IDLE_TIMEOUT_MS);
  // Not with `send`, which responds with 304 to any request with `If-None-Match: *`.
  response
    .status(status)
    .set('Cache-Control', 'no-store')
    .set(headers)
    .type(contentType ?? 'application/json')
    .set('Content-Length', String(bytes.length))
    .end(bytes);
}
