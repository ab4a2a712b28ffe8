import { DEFAULT_TENANT, TENANT_ID_PATTERN, USER_ID_PATTERN } from '../contract/identifiers.js';
import { signToken } from '../infrastructure/jwt.js';
import { type Settings, StartFault } from './settings.js';

/** Signs a token for an actor with `JWT_SECRET`. */
export async function signActorToken(
  settings: Settings,
  secret: string | undefined,
  { actor, tenant = DEFAULT_TENANT, ttlSeconds }: { actor: string; tenant?: string | undefined; ttlSeconds: number },
): Promise<string> {
  const faults: string[] = [];
  if (!USER_ID_PATTERN.test(actor)) faults.push('--actor must be a user id');
  if (!TENANT_ID_PATTERN.test(tenant)) faults.push('--tenant must be a tenant id');
  if (secret === undefined)
    faults.push('JWT_SECRET is required (in dev it is kept in DATA_DIR once `parley dev` has run)');
  if (faults.length > 0 || secret === undefined) throw new StartFault(faults);
  return signToken(
    secret,
    { subject: actor, issuer: settings.jwtIssuer, audience: settings.jwtAudience, claims: { tenant } },
    ttlSeconds,
  );
}
