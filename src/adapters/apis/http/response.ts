import type { Response } from 'express';
import type { Problem, ProblemCode } from '../../../contract/messages/problems.js';
import { problemKind } from '../../../contract/rest/operations.js';
import type { Refusal } from '../../../domain/refusal.js';
import { UNAVAILABLE_RETRY_AFTER_SECONDS, WRITE_IDLE_TIMEOUT_MS } from './api-settings.js';

/** What a request is answered: decided first, written in one place. */
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

/** A problem document (RFC 9457), with the headers that go with its code. */
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

/** The one answer to what is not there and to what the caller may not see. */
export function notFound(): Answer {
  return problemAnswer('not_found');
}

/** Where nothing is for anybody: it says where to look. */
export function noSuchPath(): Answer {
  return problemAnswer('not_found', {
    detail: 'there is no such path: GET /docs shows those that there are, GET /openapi.json describes them',
  });
}

/** A query's refusal. `decisionId`: the decision that can be asked about, where there was one. */
export function refusalAnswer(refusal: Refusal, decisionId: string | null): Answer {
  if (refusal.code === 'not_found') return notFound();
  const why = refusal.code === 'invalid' ? { violations: refusal.violations } : { detail: refusal.detail };
  return problemAnswer(refusal.code, { ...why, ...(decisionId === null ? {} : { decisionId }) });
}

export function writeAnswer(response: Response, { status, headers = {}, contentType, body }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  const bytes = Buffer.from(JSON.stringify(body));
  response.setTimeout(WRITE_IDLE_TIMEOUT_MS);
  // Not by `send`: that one answers 304 to whoever says `If-None-Match: *`, who has nothing that could be as it was.
  response
    .status(status)
    .set('Cache-Control', 'no-store')
    .set(headers)
    .type(contentType ?? 'application/json')
    .set('Content-Length', String(bytes.length))
    .end(bytes);
}
