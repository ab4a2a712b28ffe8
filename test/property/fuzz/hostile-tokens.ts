/** Invalid tokens that look valid, and valid ones. */
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { SECRET, tokenFor } from '../../unit/adapters/http/rest-client.js';

const TTL_SECONDS = 3_600;
const DEEP_LEVELS = 5_000;

/** Users with valid tokens: a member of the chat, a user without chats, and a user of another tenant. */
export const CALLERS = ['alice', 'mallory', 'acme/zoe'] as const;

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function hmacToken(header: unknown, claims: unknown, secret = SECRET, hash = 'sha256'): string {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`;
}

/** Each has a correct signature if possible, so that only its own fault can refuse it. */
function badTokens(): { [name: string]: string } {
  const exp = Math.floor(Date.now() / 1000) + TTL_SECONDS;
  const claims = { sub: 'alice', exp };
  const header = { alg: 'HS256', typ: 'JWT' };
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const byRsa = `${part({ alg: 'RS256' })}.${part(claims)}`;
  const good = hmacToken(header, claims);
  const hostileHeaders: { [name: string]: unknown } = {
    'alg none': { alg: 'none' },
    'alg NONE': { alg: 'NONE' },
    'alg HS512': { alg: 'HS512' },
    'alg of another kind': { alg: ['HS256'] },
    'alg __proto__': { alg: '__proto__' },
    'alg dir': { alg: 'dir', enc: 'A128GCM' },
    'alg missing': {},
    'crit unknown': { ...header, crit: ['x'], x: 1 },
    'crit empty': { ...header, crit: [] },
    'crit of another kind': { ...header, crit: 'exp' },
    'crit __proto__': { ...header, crit: ['__proto__'] },
    'crit toString': { ...header, crit: ['toString'] },
    'b64 false': { ...header, crit: ['b64'], b64: false },
    'b64 of another kind': { ...header, crit: ['b64'], b64: 'no' },
    'header null': 'null',
    'header array': '[]',
    'header no JSON': '{',
    'header deep': `{"alg":"HS256","x":${'['.repeat(DEEP_LEVELS)}${']'.repeat(DEEP_LEVELS)}`,
  };
  const hostileClaims: { [name: string]: unknown } = {
    'claims null': 'null',
    'claims array': [claims],
    'claims text': '"alice"',
    'claims no JSON': '{"sub":',
    'sub missing': { exp },
    'sub number': { sub: 1, exp },
    'sub object': { sub: { toString: 'alice' }, exp },
    'sub with a line break': { sub: 'alice\r\nx: y', exp },
    'sub with U+0000': { sub: 'alice\u0000', exp },
    'sub too long': { sub: 'a'.repeat(129), exp },
    'sub from a prototype': `{"__proto__":{"sub":"alice"},"exp":${exp}}`,
    'tenant of another kind': { ...claims, tenant: ['default'] },
    'tenant with a slash': { ...claims, tenant: 'acme/x' },
    'tenant null': { ...claims, tenant: null },
    'exp missing': { sub: 'alice' },
    'exp text': { sub: 'alice', exp: String(exp) },
    'exp past': { sub: 'alice', exp: 1 },
    'exp negative': { sub: 'alice', exp: -1e308 },
    'exp infinite': '{"sub":"alice","exp":-1e400}',
    'nbf to come': { ...claims, nbf: exp },
    'nbf text': { ...claims, nbf: 'now' },
    'iat text': { ...claims, iat: 'now' },
  };
  const made = (cases: { [name: string]: unknown }, build: (value: unknown) => string) =>
    Object.fromEntries(Object.entries(cases).map(([name, value]) => [name, build(value)]));
  return {
    ...made(hostileHeaders, (value) => hmacToken(value, claims)),
    ...made(hostileClaims, (value) => hmacToken(header, value)),
    'another secret': hmacToken(header, claims, `${SECRET}!`),
    'kid of another secret': hmacToken({ ...header, kid: '../../dev/null' }, claims, ''),
    'jwk of its own': hmacToken({ ...header, jwk: { kty: 'oct', k: part('x') } }, claims, 'x'),
    'signed RS256': `${byRsa}.${sign('sha256', Buffer.from(byRsa), privateKey).toString('base64url')}`,
    'public key as secret': hmacToken(header, claims, publicKey.export({ type: 'spki', format: 'pem' }).toString()),
    'no signature': `${good.split('.').slice(0, 2).join('.')}.`,
    'cut off': good.slice(0, -5),
    'two parts': good.split('.').slice(0, 2).join('.'),
    'five parts': `${good}.x.y`,
    'only dots': '..',
    huge: hmacToken(header, { ...claims, x: 'a'.repeat(9_000) }, 'x'),
    'no base64': 'a+b/c.d~e.f_g==',
  };
}

/** Created once, because keys take time. */
const BAD = badTokens();
export const BAD_TOKENS: readonly string[] = Object.keys(BAD);

export type Tokens = ReadonlyMap<string, string>;

/** The tokens of `CALLERS` by name, and the invalid ones. */
export async function tokens(): Promise<Tokens> {
  const good = await Promise.all(CALLERS.map(async (who) => [who, await tokenFor(who, TTL_SECONDS)] as const));
  return new Map([...good, ...Object.entries(BAD)]);
}

export function isGood(name: string | null): boolean {
  return name !== null && (CALLERS as readonly string[]).includes(name);
}
