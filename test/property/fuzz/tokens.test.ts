import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { exportJWK, generateKeyPair } from 'jose';
import { JwtTokenVerifier } from '../../../src/adapters/auth/jwt-token-verifier.js';
import { type JwtSettings, JwtVerifier, KEY_SET_ALGORITHMS } from '../../../src/infrastructure/jwt.js';
import { SECRET } from '../../unit/adapters/http/rest-client.js';
import { hostileKey, jsonText } from './hostile-json.js';
import { BAD_TOKENS, tokens } from './hostile-tokens.js';

const TIMEOUT_MS = 60_000;
const TOKENS = 800;
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'Ed25519'] as const;

const part = (json: string) => Buffer.from(json).toString('base64url');

/** Any header with existing algorithms and keys, any claims, and a signature of any length. */
const hostileToken = fc
  .tuple(
    fc.constantFrom(...KEY_SET_ALGORITHMS, 'HS256', 'none', 'ES256K', '__proto__', 'RSA-OAEP'),
    fc.constantFrom<string | undefined>(...ALGORITHMS, undefined, 'nobody', '__proto__'),
    fc.array(
      fc.tuple(fc.oneof(fc.constantFrom('crit', 'b64', 'jwk', 'x5c', 'kid', 'alg', 'zip'), hostileKey), jsonText),
      {
        maxLength: 2,
      },
    ),
    fc.oneof(jsonText, fc.constant('{"sub":"alice","exp":9999999999}')),
    fc.constantFrom(0, 1, 31, 32, 64, 71, 255, 256, 257, 512),
  )
  .map(([alg, kid, more, claims, length]) => {
    const named = kid === undefined ? '' : `,"kid":${JSON.stringify(kid)}`;
    const others = more.map(([key, json]) => `,${JSON.stringify(key)}:${json}`).join('');
    const signature = Buffer.alloc(length, 1).toString('base64url');
    return `${part(`{"alg":"${alg}"${named}${others}}`)}.${part(claims)}.${signature}`;
  });

describe('An invalid token', function () {
  this.timeout(TIMEOUT_MS);
  let server: Server;
  let proofs: JwtTokenVerifier[];

  before(async () => {
    const published = await Promise.all(
      ALGORITHMS.map(async (alg) => ({ ...(await exportJWK((await generateKeyPair(alg)).publicKey)), kid: alg })),
    );
    // No `use` and no `alg`: only the key type restricts the key.
    const body = JSON.stringify({ keys: published });
    server = createServer((_request, response) => response.setHeader('content-type', 'application/json').end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const keySetUrl = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const ways: JwtSettings['keys'][] = [{ secret: SECRET }, { keySet: { url: keySetUrl } }];
    proofs = ways.map((keys) => new JwtTokenVerifier(new JwtVerifier({ keys })));
  });
  after(() => new Promise((resolve) => server.close(resolve)));

  /** Must be refused: to reject with `TokenKeysUnavailable` would treat a foreign token as an outage. */
  async function expectRefused(token: string): Promise<void> {
    for (const verifier of proofs) {
      const { ok } = await verifier.verify(token, { graceSeconds: 0 });
      expect(ok).to.equal(false);
    }
  }

  for (const name of BAD_TOKENS)
    it(`(${name}) is refused with a secret and with a key set, and is not reported as unavailable keys`, async () => {
      await expectRefused((await tokens()).get(name) ?? '');
    });

  it('is refused with any header, claims and signature', async () => {
    await fc.assert(fc.asyncProperty(hostileToken, expectRefused), { numRuns: TOKENS });
  });
});
