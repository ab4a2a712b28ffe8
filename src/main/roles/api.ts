import type { RestServer } from '../../adapters/apis/http/rest-server.js';
import { variable } from '../../infrastructure/config/config.js';
import { duration, integer, port } from '../../infrastructure/config/config-values.js';
import { service } from '../../infrastructure/process/service-runner.js';
import { rethrowAsStartupError } from '../../infrastructure/process/startup-error.js';
import { topologySettings } from '../settings/topology-settings.js';
import { BROKER, DATABASE, TOKEN_KEYS } from './needs.js';
import { defineRole } from './role.js';

/** `https://chat.example, https://example:8080`: in the notation of browsers, without a path. */
function origins(value: string): string[] {
  const all = value.split(',').map((origin) => origin.trim());
  if (all.some((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin))
    throw new Error('must be origins such as https://chat.example, separated by commas');
  return all;
}

/** REST: queries from the store; commands through the gateway of the transport. */
export const api = defineRole({
  name: 'api',
  summary: 'serve REST; roles can be combined: parley worker api',
  variables: {
    port: variable({ name: 'PORT', parse: port, default: '8002', describe: 'TCP port of the REST API' }),
    receiptTimeoutMs: variable({
      name: 'RECEIPT_TIMEOUT',
      parse: duration({ max: 60_000 }),
      default: '5s',
      describe: 'Time that REST waits for the receipt of a command before it answers 202',
    }),
    rateLimitRequests: variable({
      name: 'REST_RATE_LIMIT',
      parse: integer({ min: 1 }),
      default: '1000',
      describe: 'Maximum number of REST requests of one caller within REST_RATE_WINDOW, per process',
    }),
    rateLimitWindowMs: variable({
      name: 'REST_RATE_WINDOW',
      parse: duration({ min: 1_000 }),
      default: '10s',
      describe: 'Length of the window of REST_RATE_LIMIT',
    }),
    readsAtOnce: variable({
      name: 'REST_READS_AT_ONCE',
      parse: integer({ min: 1, max: 1_000 }),
      default: '4',
      describe: 'Maximum number of concurrent REST queries of one caller, per process; further queries wait up to 2 s',
    }),
    searchesAtOnce: variable({
      name: 'REST_SEARCHES_AT_ONCE',
      parse: integer({ min: 1, max: 1_000 }),
      default: '2',
      describe:
        'Maximum number of concurrent REST searches of one caller, per process; further searches wait up to 2 s',
    }),
    allowedOrigins: variable({
      name: 'CORS_ORIGINS',
      parse: origins,
      describe: 'Origins of the browser applications that may call REST, separated by commas. If unset: none',
    }),
  },
  needs: [DATABASE, BROKER, TOKEN_KEYS],

  async compose(context) {
    const { createApi } = await import('../../adapters/apis/http/api.js');
    const { API_DEFAULTS } = await import('../../adapters/apis/http/api-settings.js');
    const { RestServer } = await import('../../adapters/apis/http/rest-server.js');
    const { MemoryCallerLimiter } = await import('../../adapters/quotas/memory-caller-limiter.js');
    const { PolicyEnforcementPoint } = await import('../../application/policy/enforcement.js');
    const { documentOf } = await import('../policy/policy-file.js');
    const { tokenVerifierOf } = await import('../token-verifier.js');

    const { settings, store, transport, policy, host, onListening, tryOut, logger, health, metrics } = context;
    let server: RestServer | null = null;
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
      onListening?.('api', listening.port);
    };
    return {
      services: [service('api', start, async () => server?.stop())],
      health: {
        name: 'rest',
        check: () => (server === null ? { ok: false, detail: 'starting' } : { ok: true, detail: 'listens' }),
      },
    };
  },
});
