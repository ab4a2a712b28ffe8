import { createApi } from '../../adapters/apis/http/api.js';
import { API_DEFAULTS } from '../../adapters/apis/http/api-settings.js';
import type { PrepareTryOut } from '../../adapters/apis/http/docs/try-out.js';
import { RestServer } from '../../adapters/apis/http/rest-server.js';
import { MemoryCallerLimiter } from '../../adapters/quotas/memory-caller-limiter.js';
import { PolicyEnforcementPoint } from '../../application/policy/enforcement.js';
import type { Service } from '../../infrastructure/process/service-runner.js';
import { rethrowAsStartupError } from '../../infrastructure/process/startup-error.js';
import { documentOf } from '../cli/policy/policy-file.js';
import { service } from '../observability.js';
import { topologySettings } from '../settings.js';
import type { RoleContext } from './role-context.js';
import { tokenVerifierOf } from './token-verifier.js';

/** REST: queries from the store, commands through the same gateway as those of every producer. */
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
      policy: new PolicyEnforcementPoint(policy, settings.decisionSampleRate),
      decisions: store.decisions,
      readPolicy: documentOf,
      gateway: transport.gateway,
      limiter: new MemoryCallerLimiter({
        requests: settings.rateLimitRequests,
        windowSeconds: settings.rateLimitWindowMs / 1000,
      }),
      log: store.recipients,
      verifier: tokenVerifierOf(settings, logger),
      ...store.identity,
      health: () => health.report(),
      logger,
      meter: metrics.meter,
      tryOut,
      settings: {
        ...API_DEFAULTS,
        receiptTimeoutMs: settings.receiptTimeoutMs,
        recipientsMax: settings.eventRecipientsMax,
        topology: topologySettings(settings),
        readsAtOnce: settings.readsAtOnce,
        searchesAtOnce: settings.searchesAtOnce,
        allowedOrigins: settings.allowedOrigins ?? [],
      },
    });
    const listening = new RestServer(app, { port: settings.port, host }, logger);
    await listening.start().catch(rethrowAsStartupError);
    server = listening;
    onListening?.(listening.port);
  };
  return service('api', start, async () => server?.stop());
}
