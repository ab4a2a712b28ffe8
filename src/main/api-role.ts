import { createApi } from '../adapters/http/api.js';
import { API_DEFAULTS } from '../adapters/http/api-settings.js';
import { RestServer } from '../adapters/http/rest-server.js';
import type { PrepareTryOut } from '../adapters/http/try-out.js';
import { PolicyEnforcementPoint } from '../application/policy/enforcement.js';
import type { Service } from '../infrastructure/process-life.js';
import { rethrowAsStartFault } from '../infrastructure/start-fault.js';
import { documentOf } from './policy-file.js';
import { service } from './process-basics.js';
import { proofOfActor } from './proof-of-actor.js';
import type { RoleContext } from './role-context.js';
import { topologySettings } from './settings.js';

/** REST: queries from the store, commands through the same door as every producer's. */
export function apiRole(
  context: RoleContext,
  host: string,
  { onListening, tryOut }: { onListening?(port: number): void; tryOut?: PrepareTryOut | undefined } = {},
): Service {
  const { settings, store, transport, policy, logger, health, metrics } = context;
  let server: RestServer | null = null;
  health.add('rest', () => (server === null ? { ok: false, detail: 'starting' } : { ok: true, detail: 'listens' }));
  const start = async () => {
    const app = createApi({
      queries: store.queries,
      history: store.history,
      search: store.search,
      syncLog: store.syncLog,
      policy: new PolicyEnforcementPoint(policy, settings.decisionPermitShare),
      decisions: store.decisions,
      readPolicy: documentOf,
      door: transport.door,
      log: store.recipients,
      verifier: proofOfActor(settings, logger),
      ...store.identity,
      health: () => health.report(),
      logger,
      meter: metrics.meter,
      tryOut,
      settings: {
        ...API_DEFAULTS,
        receiptWaitMs: settings.receiptWaitMs,
        recipientsMax: settings.eventRecipientsMax,
        topology: topologySettings(settings),
        rateLimitRequests: settings.rateLimitRequests,
        rateLimitWindowSeconds: settings.rateLimitWindowMs / 1000,
        readsAtOnce: settings.readsAtOnce,
        searchesAtOnce: settings.searchesAtOnce,
        allowedOrigins: settings.allowedOrigins ?? [],
      },
    });
    const listening = new RestServer(app, { port: settings.port, host }, logger);
    await listening.start().catch(rethrowAsStartFault);
    server = listening;
    onListening?.(listening.port);
  };
  return service('api', start, async () => server?.stop());
}
