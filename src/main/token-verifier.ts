import { JwtTokenVerifier } from '../adapters/auth/jwt-token-verifier.js';
import { ApiKeyList, ApiKeyVerifier } from '../application/gateway/api-keys.js';
import { RevocationList, RevocationVerifier } from '../application/gateway/revocations.js';
import type { TokenVerifier } from '../application/ports/token-verifier.js';
import { realTime } from '../application/runtime/time.js';
import { JwtVerifier } from '../infrastructure/jwt.js';
import type { Logger } from '../infrastructure/logging/logger.js';
import { StartupError } from '../infrastructure/process/startup-error.js';
import type { SharedSettings } from './settings/shared-settings.js';
import type { Store } from './stores/store.js';

export interface RevocableTokens {
  verifier: TokenVerifier;
  revocations: RevocationList;
  keys: ApiKeyList;
  /** To be started and stopped with its role. */
  start(): void;
  stop(): Promise<void>;
}

/** Verifies tokens and API keys, and refuses revoked ones. */
export function revocableTokensOf(
  settings: SharedSettings,
  store: Pick<Store, 'tokenRevocations' | 'apiKeys'>,
  logger: Logger,
): RevocableTokens {
  const maxAgeMs = settings.tokenMaxAgeMs ?? null;
  const revocations = new RevocationList({ store: store.tokenRevocations, maxAgeMs, logger, time: realTime });
  const keys = new ApiKeyList({ store: store.apiKeys, revocations, logger, time: realTime });
  const tokens = new RevocationVerifier(tokenVerifierOf(settings, logger), revocations, maxAgeMs);
  return {
    verifier: new ApiKeyVerifier(keys, tokens),
    revocations,
    keys,
    start() {
      revocations.start();
      keys.start();
    },
    async stop() {
      await Promise.all([revocations.stop(), keys.stop()]);
    },
  };
}

/** Verifies the tokens of REST requests and of commands, with the same keys. */
export function tokenVerifierOf(settings: SharedSettings, logger: Logger): JwtTokenVerifier {
  const { jwtSecret, jwtJwksUrl, jwtIssuer, jwtAudience, jwtUserClaim, jwtTenantClaim } = settings;
  if (jwtSecret === undefined && jwtJwksUrl === undefined)
    throw new StartupError(['JWT_SECRET or JWT_JWKS_URL is required']);
  // An issuer often uses one key set for all its applications and customers.
  for (const [name, value] of Object.entries({ JWT_ISSUER: jwtIssuer, JWT_AUDIENCE: jwtAudience }))
    if (jwtJwksUrl !== undefined && value === undefined)
      logger.warn(`${name} is not set: tokens that the same keys sign for others are accepted too`);
  const onFetched = (failure: Error | null) => {
    if (failure === null) logger.info('key set fetched again');
    else logger.warn('key set not fetched', { error: failure });
  };
  const keys =
    jwtJwksUrl === undefined ? { secret: jwtSecret ?? '' } : { keySet: { url: new URL(jwtJwksUrl), onFetched } };
  return new JwtTokenVerifier(new JwtVerifier({ keys, issuer: jwtIssuer, audience: jwtAudience }), {
    user: jwtUserClaim,
    tenant: jwtTenantClaim,
  });
}
