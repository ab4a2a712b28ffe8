import {
  type ActorProof,
  type ActorProofOptions,
  type ActorProofResult,
  ProofUnavailable,
} from '../../application/ports/actor-proof.js';
import { DEFAULT_TENANT, TENANT_ID_PATTERN, USER_ID_PATTERN } from '../../contract/identifiers.js';
import type { Claims } from '../../domain/user.js';
import type { JwtResult, JwtVerifier } from '../../infrastructure/jwt.js';
import { KeysUnavailable } from '../../infrastructure/key-set.js';

/** A JWT proves its `sub` to be the actor, in the tenant of its `tenant` claim (the default one without). */
export class JwtActorProof implements ActorProof {
  constructor(private readonly verifier: JwtVerifier) {}

  async verify(token: string, options: ActorProofOptions): Promise<ActorProofResult> {
    let result: JwtResult;
    try {
      result = await this.verifier.verify(token, options);
    } catch (cause) {
      if (cause instanceof KeysUnavailable) throw new ProofUnavailable(cause.message, { cause });
      throw cause;
    }
    if (!result.ok) return result;
    const { sub: userId, tenant: tenantId = DEFAULT_TENANT } = result.claims;
    if (typeof userId !== 'string' || !USER_ID_PATTERN.test(userId))
      return { ok: false, reason: "the token's sub is not a user id" };
    if (typeof tenantId !== 'string' || !TENANT_ID_PATTERN.test(tenantId))
      return { ok: false, reason: "the token's tenant is not a tenant id" };
    return { ok: true, actor: { tenantId, userId }, claims: furtherClaims(result.claims) };
  }
}

/** What the standard says of a token, and we of its tenant, is not for rules to go by (RFC 7519, section 4.1). */
const JUDGED_ALREADY = new Set(['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'tenant']);

/** Text, numbers, flags and lists of texts as they are; of anything else that it is there. */
function furtherClaims(claims: { [name: string]: unknown }): Claims {
  return Object.fromEntries(
    Object.entries(claims)
      .filter(([name]) => !JUDGED_ALREADY.has(name))
      .map(([name, value]) => [name, isClaim(value) ? value : { unreadable: true as const }]),
  );
}

function isClaim(value: unknown): value is Claims[string] {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'string');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
