import type { Authentication } from '../../../../application/gateway/authenticate-caller.js';
import { type Answer, problemAnswer } from '../response.js';

/** RFC 6750, section 3.1: for a request without credentials, the challenge has no error code. */
export function unauthenticated(authentication: Exclude<Authentication, { outcome: 'authenticated' }>): Answer {
  if (authentication.outcome === 'refused') return problemAnswer('unauthenticated', { detail: authentication.reason });
  return problemAnswer('unauthenticated', { detail: 'a bearer token is required' }, { 'WWW-Authenticate': 'Bearer' });
}
