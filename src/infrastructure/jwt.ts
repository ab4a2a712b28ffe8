/**
 * JSON Web Tokens (RFC 7519): verifying by a shared secret or a published key set, and signing with the secret.
 *
 * The algorithm is pinned by the kind of key, never taken from the token: a secret verifies HS256 alone, a key set only the
 * asymmetric ones, so that a public key can never be taken for a secret (RFC 8725, section 3.1).
 */
import { errors, type JWTPayload, type JWTVerifyOptions, type JWTVerifyResult, jwtVerify, SignJWT } from 'jose';
import { KeySet, type KeySetOptions, KeysUnavailable } from './key-set.js';

export const SECRET_ALGORITHM = 'HS256';
export const KEY_SET_ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/** How far the signer's clock may be ahead of ours, for `nbf`. Expiry is judged without it. */
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
   * The token's claims, if it is signed, meant for us, and expired by less than `graceSeconds`; else why not, in one line. Rejects
   * with `KeysUnavailable` alone. Whatever else goes wrong is said of the token: a key of the set that cannot be used proves nothing.
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
      // Expiry is the last thing that is checked, so everything else holds; whether it is too late is decided below.
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

/** Signs a token (HS256) that is good for `ttlSeconds` from `now`. */
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
