import type { Meter } from '@opentelemetry/api';
import compression from 'compression';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import { AudienceReader } from '../../application/policy/chat-audience.js';
import type { PolicyEnforcementPoint } from '../../application/policy/enforcement.js';
import { KeptPolicies, type PolicyReader } from '../../application/policy/kept-policies.js';
import { ChatViewing } from '../../application/policy/view-chat.js';
import { DecisionViewing } from '../../application/policy/view-decision.js';
import type { ActorProof } from '../../application/ports/actor-proof.js';
import type { ChatHistory } from '../../application/ports/chat-history.js';
import type { ChatQueries } from '../../application/ports/chat-queries.js';
import type { DecisionLog } from '../../application/ports/decision-log.js';
import type { EventLog } from '../../application/ports/event-log.js';
import type { MessageSearch } from '../../application/ports/message-search.js';
import type { SyncLog } from '../../application/ports/sync-log.js';
import type { CommandDoor } from '../../application/ports/transport.js';
import {
  isCommandOperation,
  operationOf,
  type RestOperationName,
  restOperationNames,
} from '../../contract/rest-operations.js';
import type { HealthReport } from '../../infrastructure/health.js';
import type { Logger } from '../../infrastructure/logger.js';
import { accessLog } from './access-log.js';
import { noSuchPath, problemAnswer, writeAnswer } from './answer.js';
import { type ApiSettings, READS_WAITING_MAX, SEARCHES_WAITING_MAX, WRITE_IDLE_TIMEOUT_MS } from './api-settings.js';
import type { Handler, Handlers } from './call.js';
import { CallerSlots } from './caller-slots.js';
import { chatCommandHandlers } from './chat-command-handlers.js';
import { chatQueryHandlers } from './chat-query-handlers.js';
import { CommandRequests } from './command-requests.js';
import { cors } from './cors.js';
import { Cursors } from './cursor.js';
import { decisionHandlers } from './decision-handlers.js';
import { serveDocuments } from './documents.js';
import { endpoint } from './endpoint.js';
import { eventQueryHandlers } from './event-query-handlers.js';
import { failureAnswer } from './failures.js';
import { messageCommandHandlers } from './message-command-handlers.js';
import { messageQueryHandlers } from './message-query-handlers.js';
import { methodNotAllowed } from './method-not-allowed.js';
import { CallerRateLimit } from './rate-limit.js';
import { traceOf } from './request-trace.js';
import { RestMetrics } from './rest-metrics.js';
import { searchHandlers } from './search-handlers.js';
import { syncHandlers } from './sync-handlers.js';
import type { PrepareTryOut } from './try-out.js';
import { userHandlers } from './user-handlers.js';

export interface ApiDependencies {
  queries: ChatQueries;
  history: ChatHistory;
  search: MessageSearch;
  syncLog: SyncLog;
  /** Asked before anything of a chat is shown. */
  policy: PolicyEnforcementPoint;
  /** What was decided, to be asked about; decisions about queries are kept there as well. */
  decisions: Pick<DecisionLog, 'record' | 'find' | 'findPolicy'>;
  readPolicy: PolicyReader;
  door: CommandDoor;
  log: Pick<EventLog, 'recipients'>;
  verifier: ActorProof;
  /** Signs cursors; the same in all processes that share their clients. */
  cursorSecret: string | Uint8Array;
  /** Part of every event's `source`. */
  storeId: string;
  health: () => HealthReport;
  logger: Logger;
  /** Counts and times the requests. */
  meter: Meter;
  settings: ApiSettings;
  /** `dev` alone fills in what `/docs` needs to try things out. */
  tryOut?: PrepareTryOut | undefined;
}

/** The REST side as an Express application; `RestServer` makes it listen. */
export function createApi(dependencies: ApiDependencies): Express {
  const {
    queries,
    history,
    search,
    syncLog,
    policy,
    decisions,
    readPolicy,
    door,
    log,
    verifier,
    cursorSecret,
    storeId,
    health,
    logger,
    meter,
    settings,
  } = dependencies;
  const { receiptWaitMs, recipientsMax, answerTimeLimitMs } = settings;
  const viewing = new ChatViewing(queries, policy, decisions);
  const asking = new DecisionViewing(decisions, new KeptPolicies(decisions, readPolicy), queries, policy);
  const cursors = new Cursors(cursorSecret);
  const rendering = { storeId, recipientsMax };
  const audiences = new AudienceReader(log, policy.decisionPoint, recipientsMax);
  const commands = new CommandRequests(door, queries, receiptWaitMs);
  const handlers: Handlers = {
    ...chatQueryHandlers(queries, viewing, cursors),
    ...messageQueryHandlers(history, viewing, cursors),
    ...searchHandlers(search, viewing, cursors),
    ...eventQueryHandlers(history, viewing, audiences, rendering),
    ...syncHandlers(syncLog, viewing, cursors, audiences, rendering),
    ...userHandlers(queries, viewing, commands),
    ...decisionHandlers(asking),
    ...chatCommandHandlers(commands, cursorSecret),
    ...messageCommandHandlers(commands),
  };
  const reads = new CallerSlots(settings.readsAtOnce, READS_WAITING_MAX);
  const searches = new CallerSlots(settings.searchesAtOnce, SEARCHES_WAITING_MAX);
  const slotsOf = (name: RestOperationName) => {
    if (name === 'searchMessages') return searches;
    return isCommandOperation(name) ? null : reads;
  };
  const endpointDependencies = {
    proof: verifier,
    rateLimit: new CallerRateLimit(settings),
    logger,
    timeLimitMs: receiptWaitMs + answerTimeLimitMs,
  };

  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'simple').enable('case sensitive routing');
  // While an answer is worked on, nothing goes over its connection; one that is being written has a shorter limit.
  app.use((_request, response, next) => {
    response.setTimeout(endpointDependencies.timeLimitMs + WRITE_IDLE_TIMEOUT_MS);
    next();
  });
  app.use(accessLog(logger, new RestMetrics(meter)), securityHeaders(), cors(settings.allowedOrigins));
  serveProbes(app, health);
  // Compressed already.
  serveDocuments(app, settings.topology, dependencies.tryOut ?? null);
  app.use(compression());
  for (const [path, names] of operationsByPath()) {
    const route = app.route(path.replaceAll(/\{(\w+)\}/g, ':$1'));
    for (const name of names) {
      // Each handler is for its own operation; the table that pairs them is complete by its type.
      const handler = handlers[name] as Handler<RestOperationName>;
      route[operationOf(name).method](endpoint(name, handler, { ...endpointDependencies, slots: slotsOf(name) }));
    }
    route.all(methodNotAllowed(names.map((name) => operationOf(name).method.toUpperCase())));
  }
  app.use((_request, response) => writeAnswer(response, noSuchPath()));
  app.use(lastResort(logger));
  return app;
}

/** Plain HTTP is what this serves; whoever ends TLS in front of it decides on HSTS and upgrades. */
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

/** `/livez` while the process answers at all; `/readyz` while it can do its job. Callers learn no more: why not is for `OPS_PORT`. */
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

/** Faults outside the operations: Express's own, such as a path that cannot be decoded, and bugs. */
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
