/**
 * JSON Web Tokens (RFC 7519): verification with a shared secret or a published key set, and signing with the secret.
 *
 * The kind of key determines the algorithm, never the token: a secret verifies only HS256, a key set only asymmetric
 * algorithms. So a public key can never be used as a secret (RFC 8725, section 3.1).
 */
import { errors, type JWTPayload, type JWTVerifyOptions, type JWTVerifyResult, jwtVerify, SignJWT } from 'jose';
import { KeySet, type KeySetOptions, KeysUnavailable } from './key-set.js';

export const SECRET_ALGORITHM = 'HS256';
export const KEY_SET_ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/** How far the signer's clock may be ahead of ours, for `nbf`. It does not apply to the expiry. */
export const CLOCK_TOLERANCE_SECONDS = 5;
export interface JwtSettings {
  keys: { secret: string } | { keySet: KeySetOptions };
  issuer?: string | undefined;
  audience?: string | undefined;
}

export type JwtResult = { ok: true; claims: JWTPayload } | { ok: false; reason: string };

export class JwtVerifier {
  private readonly check: (token: string, options: JWTVerifyOptions) => Promise<JWTVerifyResult>;
  private readonly expected: JWTVerifyOptions;

  constructor(settings: JwtSettings) {
    const { keys, issuer, audience } = settings;
    this.expected = {
      algorithms: 'secret' in keys ? [SECRET_ALGORITHM] : KEY_SET_ALGORITHMS,
      requiredClaims: ['exp'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    };
    if ('secret' in keys) {
      const secret = new TextEncoder().encode(keys.secret);
      this.check = (token, options) => jwtVerify(token, secret, options);
    } else {
      const { find } = new KeySet(keys.keySet);
      this.check = (token, options) => jwtVerify(token, find, options);
    }
  }

  /**
   * The token's claims if it is signed, has the right audience, and expired by less than `graceSeconds`. Otherwise the
   * reason in one line. Rejects only with `KeysUnavailable`. Every other error counts against the token: an unusable
   * key of the set proves nothing.
   */
  async verify(
    token: string,
    { graceSeconds, now = new Date() }: { graceSeconds: number; now?: Date },
  ): Promise<JwtResult> {
    let claims: JWTPayload;
    try {
      claims = (await this.check(token, { ...this.expected, currentDate: now })).payload;
    } catch (cause) {
      if (cause instanceof KeysUnavailable) throw cause;
      if (!(cause instanceof errors.JOSEError))
        return { ok: false, reason: 'the token is signed with a key that cannot be used' };
      // The library checks the expiry last, so everything else is valid. The grace period is checked below.
      if (!(cause instanceof errors.JWTExpired)) return { ok: false, reason: reasonOf(cause) };
      claims = cause.payload;
    }
    if (typeof claims.exp !== 'number' || claims.exp + graceSeconds <= now.getTime() / 1000)
      return { ok: false, reason: 'the token has expired' };
    return { ok: true, claims };
  }
}

function reasonOf(cause: errors.JOSEError): string {
  if (cause instanceof errors.JWTClaimValidationFailed)
    return cause.reason === 'missing'
      ? `the token lacks the claim ${cause.claim}`
      : `the token's claim ${cause.claim} is not what is expected`;
  if (cause instanceof errors.JOSEAlgNotAllowed) return 'the token is signed with an algorithm that is not accepted';
  if (cause instanceof errors.JWSSignatureVerificationFailed) return "the token's signature does not verify";
  if (cause instanceof errors.JWKSNoMatchingKey) return 'the token is signed with an unknown key';
  if (cause instanceof errors.JOSENotSupported) return 'the token is signed with a key that cannot be used';
  if (cause instanceof errors.JWKSMultipleMatchingKeys) return 'the token does not say which key it is signed with';
  return 'the token cannot be read';
}

export interface TokenClaims {
  subject: string;
  issuer?: string | undefined;
  audience?: string | undefined;
  /** Further claims. */
  claims?: Record<string, unknown>;
}

/** Signs a token (HS256) that is valid for `ttlSeconds` from `now`. */
export async function signToken(
  secret: string,
  { subject, issuer, audience, claims = {} }: TokenClaims,
  ttlSeconds: number,
  now = new Date(),
): Promise<string> {
  const issuedAt = Math.floor(now.getTime() / 1000);
  const token = new SignJWT(claims)
    .setProtectedHeader({ alg: SECRET_ALGORITHM, typ: 'JWT' })
    .setSubject(subject)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ttlSeconds);
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return token.sign(new TextEncoder().encode(secret));
}
