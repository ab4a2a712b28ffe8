import { JwtActorProof } from '../adapters/jwt/actor-proof.js';
import { JwtVerifier } from '../infrastructure/jwt.js';
import { StartFault } from '../infrastructure/start-fault.js';
import type { Settings } from './settings.js';

/** By whose keys tokens are judged, on both doors alike. */
export function proofOfActor(settings: Settings): JwtActorProof {
  const { jwtSecret, jwtJwksUrl, jwtIssuer, jwtAudience } = settings;
  if (jwtSecret === undefined && jwtJwksUrl === undefined)
    throw new StartFault(['JWT_SECRET or JWT_JWKS_URL is required']);
  const keys = jwtJwksUrl === undefined ? { secret: jwtSecret ?? '' } : { keySetUrl: new URL(jwtJwksUrl) };
  return new JwtActorProof(new JwtVerifier({ keys, issuer: jwtIssuer, audience: jwtAudience }));
}
