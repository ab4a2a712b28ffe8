import { expect } from 'chai';
import type { ProblemCode, RefusalCode } from '../../../../src/contract/messages/problems.js';
import type { RestAnswer } from './rest-client.js';

/** By the contract, section 1.3. */
export const REFUSAL_STATUS: Record<RefusalCode, number> = {
  invalid: 422,
  unsupported_type: 422,
  too_large: 413,
  unauthenticated: 401,
  not_found: 404,
  not_permitted: 403,
  muted: 403,
  archived: 403,
  conflict: 409,
  limit_reached: 409,
  rate_limited: 429,
  moderated: 403,
};
const STATUS: Record<ProblemCode, number> = {
  ...REFUSAL_STATUS,
  bad_request: 400,
  malformed: 400,
  method_not_allowed: 405,
  unsupported_media_type: 415,
  internal: 500,
  not_implemented: 501,
  unavailable: 503,
};

export function expectProblem({ status, headers, body }: RestAnswer, code: ProblemCode): void {
  expect(body).to.include({ type: `/problems/${code}`, status: STATUS[code] });
  expect(status).to.equal(STATUS[code]);
  expect(headers.get('content-type')).to.match(/^application\/problem\+json/);
}
