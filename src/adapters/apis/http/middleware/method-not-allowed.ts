import type { RequestHandler } from 'express';
import { problemAnswer, writeAnswer } from '../response.js';

/** For methods that a path does not have. The response lists the allowed methods. */
export function methodNotAllowed(methods: string[]): RequestHandler {
  const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  return (request, response) => {
    if (request.method === 'OPTIONS') response.set('Allow', allow).status(204).end();
    else writeAnswer(response, problemAnswer('method_not_allowed', { detail: `allowed: ${allow}` }, { Allow: allow }));
  };
}
