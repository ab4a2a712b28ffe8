import { variable } from '../../infrastructure/config/config.js';
import { oneOf, text } from '../../infrastructure/config/config-values.js';
import { service } from '../../infrastructure/process/service-runner.js';
import { topologySettings } from '../settings/topology-settings.js';
import { BROKER, DATABASE, TOKEN_KEYS } from './needs.js';
import { defineRole } from './role.js';

function parametersText(value: string): Record<string, string> {
  const parameters = Object.fromEntries(new URLSearchParams(value));
  if (Object.keys(parameters).length === 0 || Object.hasOwn(parameters, ''))
    throw new Error('must be parameters as in a URL, such as scope=openid&audience=https://chat.example/api');
  return parameters;
}

/** REST: queries from the store; commands through the gateway of the transport. */
export const api = defineRole({
  name: 'api',
  summary: 'serve REST; roles can be combined: parley worker api',
  variables: {
    chatPage: variable({
      name: 'CHAT_PAGE',
      parse: oneOf('on', 'off'),
      describe: 'Whether api serves the chat page at /chat. If unset: off, in dev on',
    }),
    chatPageOidcClientId: variable({
      name: 'CHAT_PAGE_OIDC_CLIENT_ID',
      parse: text({ minLength: 1 }),
      describe:
        'Client id with which users of the chat page sign in at JWT_ISSUER (OpenID Connect). If unset: they paste a token',
    }),
    chatPageOidcParameters: variable({
      name: 'CHAT_PAGE_OIDC_PARAMETERS',
      parse: parametersText,
      default: 'scope=openid',
      describe: 'Parameters of this sign-in, as in a URL: scope=openid&audience=https://chat.example/api',
    }),
  },
  needs: [DATABASE, BROKER, TOKEN_KEYS],

  async compose(context) {
    const { createApi } = await import('../../adapters/apis/http/api.js');
    const { API_DEFAULTS } = await import('../../adapters/apis/http/api-settings.js');
    const { MemoryCallerLimiter } = await import('../../adapters/quotas/memory-caller-limiter.js');
    const { PolicyEnforcementPoint } = await import('../../application/policy/enforcement.js');
    const { chatPageOf } = await import('./chat-page.js');
    const { documentOf } = await import('../policy/policy-file.js');
    const { revocableTokensOf } = await import('../token-verifier.js');

    const { settings, store, transport, policy, http, tryOut, logger, health, metrics } = context;
    let tokens: ReturnType<typeof revocableTokensOf> | null = null;
    const chatPage = chatPageOf(settings, context);
    const start = async () => {
      tokens = revocableTokensOf(settings, store, logger);
      tokens.start();
      const app = createApi({
        queries: store.queries,
        history: store.history,
        search: store.search,
        syncLog: store.syncLog,
        policy: new PolicyEnforcementPoint(policy, settings.decisionSampleRate),
        decisions: store.decisions,
        readPolicy: documentOf,
        apiKeys: store.apiKeys,
        webhooks: store.webhooks?.administration ?? null,
        gateway: transport.gateway,
        limiter: new MemoryCallerLimiter({
          requests: settings.rateLimitRequests,
          windowSeconds: settings.rateLimitWindowMs / 1000,
        }),
        log: store.recipients,
        verifier: tokens.verifier,
        ...store.identity,
        health: () => health.report(),
        logger,
        meter: metrics.meter,
        tryOut,
        chatPage,
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
      http.serve(app);
    };
    return {
      services: [service('api', start, async () => tokens?.stop())],
      health: { name: 'rest', check: () => http.health },
    };
  },
});
