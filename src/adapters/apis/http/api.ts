import type { Meter } from '@opentelemetry/api';
import compression from 'compression';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { CallerLimiter } from '../../../application/ports/caller-limiter.js';
import type { TokenVerifier } from '../../../application/ports/token-verifier.js';
import { operationOf, type RestOperationName, restOperationNames } from '../../../contract/rest/operations.js';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import type { HealthReport } from '../../../infrastructure/process/health.js';
import { type ApiSettings, WRITE_IDLE_TIMEOUT_MS } from './api-settings.js';
import { type ChatPage, serveChatPage } from './chat-page/chat-page.js';
import { serveDocuments } from './docs/api-docs.js';
import type { PrepareTryOut } from './docs/try-out.js';
import { endpoint } from './endpoint.js';
import { failureAnswer } from './error-mapper.js';
import { accessLog } from './middleware/access-log.js';
import { cors } from './middleware/cors.js';
import { methodNotAllowed } from './middleware/method-not-allowed.js';
import type { Handler } from './middleware/request-context.js';
import { traceOf } from './middleware/request-trace.js';
import { RestMetrics } from './middleware/rest-metrics.js';
import { type OperationDependencies, operationHandlers } from './operation-handlers.js';
import { noSuchPath, problemAnswer, writeAnswer } from './response.js';

export interface ApiDependencies extends OperationDependencies {
  /** Rate limit of each caller's requests. */
  limiter: CallerLimiter;
  verifier: TokenVerifier;
  health: () => HealthReport;
  logger: Logger;
  /** Counts and measures the requests. */
  meter: Meter;
  settings: ApiSettings;
  /** Only in `dev`: prepares the values that `/docs` needs for "Try it out". */
  tryOut?: PrepareTryOut | undefined;
  /** Null or absent: there is no page at `/chat`. */
  chatPage?: ChatPage | null;
}

/** The REST API as an Express application. `RestServer` listens. */
export function createApi(dependencies: ApiDependencies): Express {
  const { limiter, verifier, health, logger, meter, settings, chatPage = null } = dependencies;
  const { receiptTimeoutMs, answerTimeLimitMs } = settings;
  const { handlers, slotsOf } = operationHandlers(dependencies);
  const endpointDependencies = {
    verifier,
    limiter,
    logger,
    timeLimitMs: receiptTimeoutMs + answerTimeLimitMs,
  };

  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'simple').enable('case sensitive routing');
  // A connection is silent while its request is processed. A response that is being written has a shorter limit.
  app.use((_request, response, next) => {
    response.setTimeout(endpointDependencies.timeLimitMs + WRITE_IDLE_TIMEOUT_MS);
    next();
  });
  app.use(accessLog(logger, new RestMetrics(meter)), securityHeaders(), cors(settings.allowedOrigins));
  serveProbes(app, health);
  // These documents are already compressed.
  serveDocuments(app, settings.topology, dependencies.tryOut ?? null);
  if (chatPage !== null) serveChatPage(app, chatPage);
  app.use(compression());
  for (const [path, names] of operationsByPath()) {
    const route = app.route(path.replaceAll(/\{(\w+)\}/g, ':$1'));
    for (const name of names) {
      // The type of `handlers` guarantees that each operation has its own handler.
      const handler = handlers[name] as Handler<RestOperationName>;
      route[operationOf(name).method](endpoint(name, handler, { ...endpointDependencies, slots: slotsOf(name) }));
    }
    route.all(methodNotAllowed(names.map((name) => operationOf(name).method.toUpperCase())));
  }
  app.use((_request, response) => writeAnswer(response, noSuchPath()));
  app.use(lastResort(logger));
  return app;
}

/** The server speaks plain HTTP. The proxy that terminates TLS sets HSTS and upgrades. */
function securityHeaders(): RequestHandler {
  return helmet({
    strictTransportSecurity: false,
    contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
  });
}

function operationsByPath(): Map<string, RestOperationName[]> {
  const byPath = new Map<string, RestOperationName[]>();
  for (const name of restOperationNames) {
    const { path } = operationOf(name);
    byPath.set(path, [...(byPath.get(path) ?? []), name]);
  }
  return byPath;
}

/**
 * `/livez`: the process answers. `/readyz`: all dependencies are available. The response has only the status;
 * `OPS_PORT` shows the reasons.
 */
function serveProbes(app: Express, health: () => HealthReport): void {
  app
    .route('/livez')
    .get((_request, response) => writeAnswer(response, { status: 200, body: { status: 'alive' } }))
    .all(methodNotAllowed(['GET']));
  app
    .route('/readyz')
    .get((_request, response) => {
      const { ok } = health();
      writeAnswer(response, { status: ok ? 200 : 503, body: { status: ok ? 'ready' : 'unready' } });
    })
    .all(methodNotAllowed(['GET']));
}

/** Errors outside the operations: Express's own, such as a path that cannot be decoded, and bugs. */
function lastResort(logger: Logger): ErrorRequestHandler {
  return (fault: unknown, request, response, _next) => {
    const { status } = fault as { status?: unknown };
    const isTheirs = typeof status === 'number' && status >= 400 && status < 500;
    writeAnswer(
      response,
      isTheirs ? problemAnswer('bad_request') : failureAnswer(fault, logger, { traceId: traceOf(request).traceId }),
    );
  };
}
