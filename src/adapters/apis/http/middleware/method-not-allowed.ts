import type { RequestHandler } from 'express';
import { problemAnswer, writeAnswer } from '../response.js';

/** For what a path's own methods have left over: says which there are. */
export function methodNotAllowed(methods: string[]): RequestHandler {
  const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  return (request, response) => {
    if (request.method === 'OPTIONS') response.set('Allow', allow).status(204).end();
    else writeAnswer(response, problemAnswer('method_not_allowed', { detail: `allowed: ${allow}` }, { Allow: allow }));
  };
}
