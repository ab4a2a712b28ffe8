import type { Request, RequestHandler } from 'express';
import type { Logger } from '../../../../infrastructure/logging/logger.js';
import { callerOf } from './request-caller.js';
import { traceOf } from './request-trace.js';
import type { RestMetrics } from './rest-metrics.js';

const PROBES = new Set(['/livez', '/readyz']);

/**
 * Logs one line per request: method, route pattern, status, duration in ms, trace id, and the authenticated caller.
 * Never the path, the query, a header or the body, which can contain other users' ids and texts. The metrics get the
 * same values without the caller.
 */
export function accessLog(logger: Logger, metrics: RestMetrics): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    metrics.began();
    response.once('close', () => {
      const durationMs = Math.round((performance.now() - startedAt) * 10) / 10;
      const route = routeOf(request);
      const status = response.writableFinished ? response.statusCode : null;
      metrics.ended({ method: request.method, route, status, durationMs });
      const caller = callerOf(request);
      const fields = {
        method: request.method,
        route,
        status: response.statusCode,
        durationMs,
        ...(caller === null ? {} : { actorId: caller.userId, tenantId: caller.tenantId }),
        traceId: traceOf(request).traceId,
        ...(status === null ? { aborted: true } : {}),
      };
      if (route !== null && PROBES.has(route)) logger.debug('request', fields);
      else logger.info('request', fields);
    });
    next();
  };
}

/** The pattern of the path, such as `/v1/chats/:chatId`. Null for an unknown path. */
function routeOf({ route }: Request): string | null {
  const path = (route as { path?: unknown } | undefined)?.path;
  return typeof path === 'string' ? path : null;
}
