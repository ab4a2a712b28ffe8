import type { RequestHandler } from 'express';
import type { Logger } from '../../infrastructure/logger.js';
import { traceOf } from './request-trace.js';

const PROBES = new Set(['/livez', '/readyz']);

/**
 * One line per request: method, route pattern, status, duration in ms, trace id. Never the path itself, a query, a header or a body:
 * they name people and hold what they write.
 */
export function accessLog(logger: Logger): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    response.once('close', () => {
      const route = (request.route as { path?: unknown } | undefined)?.path;
      const fields = {
        method: request.method,
        route: typeof route === 'string' ? route : null,
        status: response.statusCode,
        durationMs: Math.round((performance.now() - startedAt) * 10) / 10,
        traceId: traceOf(request).traceId,
        ...(response.writableFinished ? {} : { aborted: true }),
      };
      if (typeof route === 'string' && PROBES.has(route)) logger.debug('request', fields);
      else logger.info('request', fields);
    });
    next();
  };
}
