import type { Authentication } from '../../../../application/gateway/authenticate-caller.js';
import { type Answer, problemAnswer } from '../response.js';

/** RFC 6750, section 3.1: without credentials a challenge says nothing of an error. */
export function unauthenticated(authentication: Exclude<Authentication, { outcome: 'authenticated' }>): Answer {
  if (authentication.outcome === 'refused') return problemAnswer('unauthenticated', { detail: authentication.reason });
  return problemAnswer('unauthenticated', { detail: 'a bearer token is required' }, { 'WWW-Authenticate': 'Bearer' });
}
