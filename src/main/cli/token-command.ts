import { DEFAULT_TENANT } from '../../contract/messages/identifiers.js';
import { signToken } from '../../infrastructure/jwt.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';
import { keptSecret } from '../dev/dev-secret.js';
import type { SharedSettings } from '../settings/shared-settings.js';
import { requireSettings } from '../settings.js';

export interface TokenRequest {
  actor: string;
  tenant?: string;
  ttlSeconds: number;
}

/** Prints a token, signed with `JWT_SECRET` or with the secret that `dev` keeps in `DATA_DIR`. */
export async function runToken(request: TokenRequest): Promise<void> {
  const settings = requireSettings('command');
  if (settings.jwtJwksUrl !== undefined)
    throw new StartupError(['JWT_JWKS_URL is set: only the owner of that key set can sign tokens']);
  const jwtSecret = settings.jwtSecret ?? keptSecret(settings.dataDir);
  console.log(await signActorToken({ ...settings, jwtSecret }, request));
}

/** Signs a token for an actor with the settings' secret. */
export async function signActorToken(settings: SharedSettings, request: TokenRequest): Promise<string> {
  const { jwtSecret, jwtIssuer, jwtAudience, jwtUserClaim, jwtTenantClaim = 'tenant' } = settings;
  const { actor, tenant = DEFAULT_TENANT, ttlSeconds } = request;
  if (jwtSecret === undefined)
    throw new StartupError(['JWT_SECRET is required (or start `parley dev` once, which keeps a secret in DATA_DIR)']);
  const claims = { ...(jwtUserClaim === 'sub' ? {} : { [jwtUserClaim]: actor }), [jwtTenantClaim]: tenant };
  const subject = { subject: actor, issuer: jwtIssuer, audience: jwtAudience, claims };
  return signToken(jwtSecret, subject, ttlSeconds);
}
