import {
  TokenKeysUnavailable,
  type TokenVerification,
  type TokenVerifier,
  type TokenVerifierOptions,
} from '../../application/ports/token-verifier.js';
import {
  DEFAULT_TENANT,
  TENANT_ID_PATTERN,
  TENANT_ID_RULE,
  USER_ID_PATTERN,
  USER_ID_RULE,
} from '../../contract/messages/identifiers.js';
import type { Claims } from '../../domain/user.js';
import type { JwtResult, JwtVerifier } from '../../infrastructure/jwt.js';
import { KeysUnavailable } from '../../infrastructure/key-set.js';

/** The claims that name the actor. A claim is found by its full name, also one like `https://chat.example/user`. */
export interface ActorClaims {
  user?: string;
  /**
   * A token without this claim is rejected. If no claim is configured, it is `tenant`, and a token without it belongs
   * to the default tenant.
   */
  tenant?: string | undefined;
}

const USER_CLAIM = 'sub';
const TENANT_CLAIM = 'tenant';

/** Authenticates an actor with a JWT: one claim names the user, another the tenant. */
export class JwtTokenVerifier implements TokenVerifier {
  private readonly userClaim: string;
  private readonly tenantClaim: string;
  private readonly isTenantRequired: boolean;
  private readonly judgedAlready: ReadonlySet<string>;

  constructor(
    private readonly verifier: JwtVerifier,
    { user = USER_CLAIM, tenant }: ActorClaims = {},
  ) {
    this.userClaim = user;
    this.tenantClaim = tenant ?? TENANT_CLAIM;
    this.isTenantRequired = tenant !== undefined;
    this.judgedAlready = new Set([...STANDARD_CLAIMS, this.userClaim, this.tenantClaim]);
  }

  async verify(token: string, options: TokenVerifierOptions): Promise<TokenVerification> {
    let result: JwtResult;
    try {
      result = await this.verifier.verify(token, options);
    } catch (cause) {
      if (cause instanceof KeysUnavailable) throw new TokenKeysUnavailable(cause.message, { cause });
      throw cause;
    }
    if (!result.ok) return result;
    const { claims } = result;
    const user = `${this.userClaim} (JWT_USER_CLAIM)`;
    const userId = claimOf(claims, this.userClaim);
    if (userId === undefined) return { ok: false, reason: `the token lacks the claim ${user}` };
    if (typeof userId !== 'string' || !USER_ID_PATTERN.test(userId))
      return { ok: false, reason: `the token's claim ${user} is not a user id: ${USER_ID_RULE}` };
    const tenant = `${this.tenantClaim} (JWT_TENANT_CLAIM)`;
    const fallback = this.isTenantRequired ? undefined : DEFAULT_TENANT;
    const { tenantId = fallback } = { tenantId: claimOf(claims, this.tenantClaim) };
    if (tenantId === undefined) return { ok: false, reason: `the token lacks the claim ${tenant}` };
    if (typeof tenantId !== 'string' || !TENANT_ID_PATTERN.test(tenantId))
      return { ok: false, reason: `the token's claim ${tenant} is not a tenant id: ${TENANT_ID_RULE}` };
    const expiresAt = typeof claims.exp === 'number' ? { expiresAt: new Date(claims.exp * 1000) } : {};
    const issuedAt = typeof claims.iat === 'number' ? { issuedAt: new Date(claims.iat * 1000) } : {};
    return { ok: true, actor: { tenantId, userId }, claims: this.furtherClaims(claims), ...expiresAt, ...issuedAt };
  }

  /** Texts, numbers, booleans and lists of texts keep their value. For other types only the existence is kept. */
  private furtherClaims(claims: { [name: string]: unknown }): Claims {
    return Object.fromEntries(
      Object.entries(claims)
        .filter(([name]) => !this.judgedAlready.has(name))
        .map(([name, value]) => [name, isClaim(value) ? value : { unreadable: true as const }]),
    );
  }
}

/** Standard claims (RFC 7519, section 4.1) and the claims that name the actor are not available to rules. */
const STANDARD_CLAIMS = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti'];

/** Undefined if it is absent. */
function claimOf(claims: { [name: string]: unknown }, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

function isClaim(value: unknown): value is Claims[string] {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'string');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
