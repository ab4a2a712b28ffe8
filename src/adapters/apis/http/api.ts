import type { Meter } from '@opentelemetry/api';
import compression from 'compression';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import { CallerSlots } from '../../../application/gateway/caller-slots.js';
import { CommandSubmitter } from '../../../application/gateway/submit-command.js';
import { AdministrationPolicy } from '../../../application/policy/administration.js';
import { AudienceReader } from '../../../application/policy/chat-audience.js';
import { DecisionViewing } from '../../../application/policy/decisions/view-decision.js';
import type { PolicyEnforcementPoint } from '../../../application/policy/enforcement.js';
import { PolicyCache, type PolicyReader } from '../../../application/policy/policy-cache.js';
import { ChatViewing } from '../../../application/policy/view-chat.js';
import { UserViewing } from '../../../application/policy/view-user.js';
import type { CallerLimiter } from '../../../application/ports/caller-limiter.js';
import type { ChatHistory } from '../../../application/ports/queries/chat-history.js';
import type { ChatQueries } from '../../../application/ports/queries/chat-queries.js';
import type { MessageSearch } from '../../../application/ports/queries/message-search.js';
import type { SyncLog } from '../../../application/ports/queries/sync-log.js';
import type { ApiKeys } from '../../../application/ports/store/api-keys.js';
import type { DecisionLog } from '../../../application/ports/store/decision-log.js';
import type { EventLog } from '../../../application/ports/store/event-log.js';
import type { WebhookAdministration } from '../../../application/ports/store/webhooks.js';
import type { TokenVerifier } from '../../../application/ports/token-verifier.js';
import type { CommandGateway } from '../../../application/ports/transport/transport.js';
import {
  isCommandOperation,
  operationOf,
  type RestOperationName,
  restOperationNames,
} from '../../../contract/rest/operations.js';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import type { HealthReport } from '../../../infrastructure/process/health.js';
import { type ApiSettings, READS_WAITING_MAX, SEARCHES_WAITING_MAX, WRITE_IDLE_TIMEOUT_MS } from './api-settings.js';
import { type ChatPage, serveChatPage } from './chat-page/chat-page.js';
import { serveDocuments } from './docs/api-docs.js';
import type { PrepareTryOut } from './docs/try-out.js';
import { endpoint } from './endpoint.js';
import { failureAnswer } from './error-mapper.js';
import { chatCommandHandlers } from './handlers/chat-command-handlers.js';
import { chatQueryHandlers } from './handlers/chat-query-handlers.js';
import { CommandRequests } from './handlers/command-requests.js';
import { decisionHandlers } from './handlers/decision-handlers.js';
import { eventQueryHandlers } from './handlers/event-query-handlers.js';
import { keyHandlers } from './handlers/key-handlers.js';
import { messageCommandHandlers } from './handlers/message-command-handlers.js';
import { messageQueryHandlers } from './handlers/message-query-handlers.js';
import { searchHandlers } from './handlers/search-handlers.js';
import { syncHandlers } from './handlers/sync-handlers.js';
import { userHandlers } from './handlers/user-handlers.js';
import { webhookHandlers } from './handlers/webhook-handlers.js';
import { accessLog } from './middleware/access-log.js';
import { cors } from './middleware/cors.js';
import { methodNotAllowed } from './middleware/method-not-allowed.js';
import type { Handler, Handlers } from './middleware/request-context.js';
import { traceOf } from './middleware/request-trace.js';
import { RestMetrics } from './middleware/rest-metrics.js';
import { Cursors } from './paging/cursor.js';
import { noSuchPath, problemAnswer, writeAnswer } from './response.js';
import { SyncPageReader } from './sync-pages.js';

export interface ApiDependencies {
  queries: ChatQueries;
  history: ChatHistory;
  /** Null: a search is answered with 501. */
  search: MessageSearch | null;
  syncLog: SyncLog;
  /** Asked before a response contains data of a chat. */
  policy: PolicyEnforcementPoint;
  /** The decision log, for `GET /v1/decisions/{decisionId}`. Decisions about queries are recorded in it too. */
  decisions: Pick<DecisionLog, 'record' | 'find' | 'findPolicy'>;
  readPolicy: PolicyReader;
  apiKeys: ApiKeys;
  /** Null: the deliveries of webhooks are answered with 501. */
  webhooks: WebhookAdministration | null;
  gateway: CommandGateway;
  /** Rate limit of each caller's requests. */
  limiter: CallerLimiter;
  log: Pick<EventLog, 'recipients'>;
  verifier: TokenVerifier;
  /** Encrypts cursors. The same in all processes that serve the same clients. */
  cursorSecret: string | Uint8Array;
  /** Part of every event's `source`. */
  storeId: string;
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
  const {
    queries,
    history,
    search,
    syncLog,
    policy,
    decisions,
    readPolicy,
    apiKeys,
    webhooks,
    gateway,
    limiter,
    log,
    verifier,
    cursorSecret,
    storeId,
    health,
    logger,
    meter,
    settings,
    chatPage = null,
  } = dependencies;
  const { receiptTimeoutMs, recipientsMax, answerTimeLimitMs } = settings;
  const viewing = new ChatViewing(queries, policy, decisions);
  const asking = new DecisionViewing(decisions, new PolicyCache(decisions, readPolicy), queries, policy);
  const cursors = new Cursors(cursorSecret);
  const rendering = { storeId, recipientsMax };
  const audiences = new AudienceReader(log, policy.decisionPoint, recipientsMax);
  const commands = new CommandRequests(new CommandSubmitter(gateway, queries, receiptTimeoutMs));
  const administration = new AdministrationPolicy(queries, policy, decisions);
  const handlers: Handlers = {
    ...chatQueryHandlers(queries, viewing, cursors),
    ...messageQueryHandlers(history, viewing, cursors),
    ...searchHandlers(search, viewing, cursors),
    ...eventQueryHandlers(history, viewing, audiences, rendering),
    ...syncHandlers(new SyncPageReader(syncLog, viewing, cursors, audiences, rendering)),
    ...userHandlers(queries, viewing, new UserViewing(queries, policy), commands, cursors),
    ...decisionHandlers(asking),
    ...chatCommandHandlers(commands, cursorSecret),
    ...messageCommandHandlers(commands),
    ...webhookHandlers(webhooks, administration, commands, cursors),
    ...keyHandlers(apiKeys, administration),
  };
  const reads = new CallerSlots(settings.readsAtOnce, READS_WAITING_MAX);
  const searches = new CallerSlots(settings.searchesAtOnce, SEARCHES_WAITING_MAX);
  const slotsOf = (name: RestOperationName) => {
    if (name === 'searchMessages') return searches;
    return isCommandOperation(name) ? null : reads;
  };
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
