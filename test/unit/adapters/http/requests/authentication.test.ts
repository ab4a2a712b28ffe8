import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { JwtTokenVerifier } from '../../../../../src/adapters/auth/jwt-token-verifier.js';
import { TokenKeysUnavailable } from '../../../../../src/application/ports/token-verifier.js';
import { type JwtSettings, JwtVerifier, signToken } from '../../../../../src/infrastructure/jwt.js';
import { KEY_SET_RETRY_FIRST_MS } from '../../../../../src/infrastructure/key-set.js';
import { eventually } from '../../../../support/eventually.js';
import { SECRET, tokenFor } from '../rest-client.js';
import { RestHarness } from '../rest-harness.js';

type Key = Parameters<SignJWT['sign']>[0];

const bytes = (text: string) => new TextEncoder().encode(text);
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const proofBy = (settings: JwtSettings) => new JwtTokenVerifier(new JwtVerifier(settings));
const bySecret = { keys: { secret: SECRET } };

function sign(claims: JWTPayload, key: Key = bytes(SECRET), header: { alg: string; kid?: string } = { alg: 'HS256' }) {
  return new SignJWT(claims).setProtectedHeader(header).sign(key);
}

/** A token without a signature, as RFC 7519 calls unsecured. */
function unsecured(claims: JWTPayload, alg: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg })}.${part(claims)}.`;
}

describe('REST authentication', () => {
  let rest: RestHarness;
  // Drawn when the file is loaded: on a busy machine its tests come many minutes later.
  const good = { sub: 'alice', exp: inSeconds(86_400) };

  async function start(settings: JwtSettings): Promise<void> {
    rest = await new RestHarness({ verifier: proofBy(settings) }).start();
  }
  afterEach(() => rest.stop());

  async function expectRefused(token: string, detail?: RegExp): Promise<void> {
    const { status, body, headers } = await rest.get('/v1/chats', { token });
    expect([status, body.type]).to.deep.equal([401, '/problems/unauthenticated']);
    expect(headers.get('www-authenticate')).to.equal('Bearer error="invalid_token"');
    expect(JSON.stringify(body)).to.not.include(token.slice(0, 20));
    if (detail !== undefined) expect(body.detail).to.match(detail);
  }

  describe('with a secret', () => {
    beforeEach(() => start(bySecret));

    it('takes the actor from `sub` and the tenant from its claim, or the default tenant', async () => {
      for (const [token, tenantId] of [
        [await sign(good), 'default'],
        [await sign({ ...good, tenant: 'acme-2' }), 'acme-2'],
        [await signToken(SECRET, { subject: 'alice' }, 60), 'default'],
      ] as const) {
        expect(
          (await rest.call('POST', '/v1/chats', { token, json: { kind: 'group', memberIds: [] } })).status,
        ).to.equal(201);
        expect(rest.gateway.lastBody).to.include({ tenantId, actorId: 'alice' });
      }
    });

    it('takes actor and tenant from configured claims, and hides both from the policy', async () => {
      const verifier = new JwtTokenVerifier(new JwtVerifier(bySecret), { user: 'oid', tenant: 'tid' });
      const token = await sign({ exp: good.exp, sub: 'pairwise', oid: 'auth0|1', tid: 'acme', team: 'a' });
      expect(await verifier.verify(token, { graceSeconds: 0 })).to.deep.equal({
        ok: true,
        actor: { tenantId: 'acme', userId: 'auth0|1' },
        expiresAt: new Date(good.exp * 1000),
        claims: { team: 'a' },
      });
      for (const name of ['constructor', '__proto__', 'toString']) {
        const inherited = new JwtTokenVerifier(new JwtVerifier(bySecret), { user: name });
        const reason = `the token lacks the claim ${name} (JWT_USER_CLAIM)`;
        expect(await inherited.verify(token, { graceSeconds: 0 })).to.deep.equal({ ok: false, reason });
      }
    });

    it('requires a token', async () => {
      const { status, body, headers } = await rest.get('/v1/chats', { as: null });
      expect([status, body.type, headers.get('www-authenticate')]).to.deep.equal([
        401,
        '/problems/unauthenticated',
        'Bearer',
      ]);
    });

    it('refuses other schemes, and tokens outside of the header', async () => {
      const token = await tokenFor('alice');
      for (const authorization of [
        `Basic ${token}`,
        token,
        'Bearer',
        'Bearer ',
        `Bearer ${token} more`,
        `Bearer ${token}, Bearer ${token}`,
      ])
        expect(
          (await rest.get('/v1/chats', { as: null, headers: { authorization } })).status,
          authorization.slice(0, 8),
        ).to.equal(401);
      expect((await rest.get(`/v1/receipts/x?access_token=${token}`, { as: null })).status).to.equal(401);
      const spelled = { as: null, headers: { authorization: `bearer  ${token}` } };
      expect((await rest.get('/v1/chats', spelled)).status).to.equal(200);
    });

    it('refuses unsecured tokens', async () => {
      for (const alg of ['none', 'None', 'NONE', '', 'HS256']) await expectRefused(unsecured(good, alg));
    });

    it('refuses tokens signed with another secret or changed after signing', async () => {
      await expectRefused(await sign(good, bytes('another secret of more than thirty-two bytes')), /signature/);
      const [header, , signature] = (await sign(good)).split('.');
      const forged = Buffer.from(JSON.stringify({ ...good, sub: 'admin' })).toString('base64url');
      await expectRefused(`${header}.${forged}.${signature}`, /signature/);
      for (const nonsense of ['x', 'a.b.c', '..', 'e30.e30.e30']) await expectRefused(nonsense);
    });

    it('refuses other algorithms, even with the right secret', async () => {
      const long = `${SECRET}${SECRET}`;
      await rest.stop();
      await start({ keys: { secret: long } });
      for (const alg of ['HS384', 'HS512']) await expectRefused(await sign(good, bytes(long), { alg }), /algorithm/);
      expect((await rest.get('/v1/chats', { token: await sign(good, bytes(long)) })).status).to.equal(200);
    });

    it('refuses asymmetric signatures, even if the secret is their public key', async () => {
      const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
      await rest.stop();
      await start({ keys: { secret: await exportSPKI(publicKey) } });
      await expectRefused(await sign(good, privateKey, { alg: 'RS256' }), /algorithm/);
    });

    for (const [what, claims, detail] of [
      ['has expired', { sub: 'alice', exp: inSeconds(-1) }, /expired/],
      ['never expires', { sub: 'alice' }, /lacks the claim exp/],
      ['expires at no time', { sub: 'alice', exp: 'soon' as unknown as number }, /exp/],
      ['is not good yet', { ...good, nbf: inSeconds(3_600) }, /nbf/],
      ['names no actor', { exp: good.exp }, /lacks the claim sub/],
      ['names an actor that is no user id', { ...good, sub: 'a b' }, /not a user id/],
      ['names an actor that is too long', { ...good, sub: 'a'.repeat(129) }, /not a user id/],
      ['names an empty actor', { ...good, sub: '' }, /not a user id/],
      ['names a tenant that is none', { ...good, tenant: 'Acme' }, /not a tenant id/],
      ['names a tenant that is no text', { ...good, tenant: null }, /not a tenant id/],
    ] as [string, JWTPayload, RegExp][])
      it(`refuses a token that ${what}`, async () => {
        await expectRefused(await sign(claims), detail);
      });

    it('tolerates a clock that is slightly ahead, for nbf', async () => {
      expect((await rest.get('/v1/chats', { token: await sign({ ...good, nbf: inSeconds(3) }) })).status).to.equal(200);
    });
  });

  describe('with an issuer and an audience', () => {
    const expected = { issuer: 'https://login.example.com', audience: 'parley' };
    const fitting = { ...good, iss: expected.issuer, aud: expected.audience };
    beforeEach(() => start({ ...bySecret, ...expected }));

    it('accepts tokens with both, also among other audiences', async () => {
      for (const claims of [fitting, { ...fitting, aud: ['other', 'parley'] }])
        expect((await rest.get('/v1/chats', { token: await sign(claims) })).status).to.equal(200);
      const { issuer, audience } = expected;
      const token = await signToken(SECRET, { subject: 'alice', issuer, audience }, 60);
      expect((await rest.get('/v1/chats', { token })).status).to.equal(200);
    });

    for (const [what, claims, detail] of [
      ['another issuer', { ...fitting, iss: 'https://login.example.org' }, /iss/],
      ['no issuer', { ...good, aud: 'parley' }, /iss/],
      ['another audience', { ...fitting, aud: 'billing' }, /aud/],
      ['no audience', { ...good, iss: expected.issuer }, /aud/],
    ] as [string, JWTPayload, RegExp][])
      it(`refuses tokens that name ${what}`, async () => {
        await expectRefused(await sign(claims), detail);
      });
  });

  describe('with a published key set', () => {
    let publisher: Server;
    let keySet: { keys: object[] } | null;
    let fetches: number;
    let url: URL;

    beforeEach(async () => {
      keySet = { keys: [] };
      fetches = 0;
      publisher = createServer((_request, response) => {
        fetches += 1;
        response.writeHead(keySet === null ? 500 : 200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(keySet));
      });
      await new Promise<void>((resolve) => publisher.listen(0, '127.0.0.1', resolve));
      url = new URL(`http://127.0.0.1:${(publisher.address() as AddressInfo).port}/keys`);
      await start({ keys: { keySet: { url } } });
    });
    afterEach(() => new Promise((resolve) => publisher.close(resolve)));

    async function publish(alg: string, kid: string) {
      const pair = await generateKeyPair(alg, { extractable: true });
      keySet?.keys.push({ ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' });
      return pair;
    }

    for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA'])
      it(`accepts ${alg}`, async () => {
        const { privateKey } = await publish(alg, 'k1');
        const token = await sign(good, privateKey, { alg, kid: 'k1' });
        expect((await rest.get('/v1/chats', { token })).status).to.equal(200);
      });

    it('refuses a public key used as a secret', async () => {
      const { publicKey } = await publish('RS256', 'k1');
      for (const secret of [await exportSPKI(publicKey), JSON.stringify(await exportJWK(publicKey))])
        await expectRefused(await sign(good, bytes(secret), { alg: 'HS256', kid: 'k1' }), /algorithm/);
    });

    it('refuses unsecured tokens, unknown keys and signatures of another key', async () => {
      await publish('RS256', 'k1');
      const stranger = await generateKeyPair('RS256');
      await expectRefused(unsecured(good, 'none'));
      await expectRefused(await sign(good, stranger.privateKey, { alg: 'RS256', kid: 'k2' }), /unknown key/);
      await expectRefused(await sign(good, stranger.privateKey, { alg: 'RS256', kid: 'k1' }), /signature/);
    });

    it('refuses expired tokens and tokens without expiry', async () => {
      const { privateKey } = await publish('ES256', 'k1');
      for (const claims of [{ sub: 'alice', exp: inSeconds(-1) }, { sub: 'alice' }])
        await expectRefused(await sign(claims, privateKey, { alg: 'ES256', kid: 'k1' }));
    });

    it('fetches the keys once for many requests', async () => {
      const { privateKey } = await publish('ES256', 'k1');
      const token = await sign(good, privateKey, { alg: 'ES256', kid: 'k1' });
      const answers = await Promise.all(Array.from({ length: 10 }, () => rest.get('/v1/chats', { token })));
      expect(answers.map(({ status }) => status)).to.deep.equal(Array(10).fill(200));
      expect(fetches).to.equal(1);
    });

    it('is unavailable, not refused, while the keys cannot be fetched, and recovers', async () => {
      const { privateKey } = await publish('ES256', 'k1');
      const token = await sign(good, privateKey, { alg: 'ES256', kid: 'k1' });
      const published = keySet;
      keySet = null;
      const { status, body } = await rest.get('/v1/chats', { token });
      expect([status, body.type]).to.deep.equal([503, '/problems/unavailable']);
      keySet = published;
      await eventually(async () => (await rest.get('/v1/chats', { token })).status === 200, {
        within: 5_000,
        what: 'the keys are had again',
      });
    });

    it('fetches ever less often while the keys cannot be fetched, for any number of requests', async () => {
      const { privateKey } = await publish('ES256', 'k1');
      const token = await sign(good, privateKey, { alg: 'ES256', kid: 'k1' });
      keySet = null;
      const began = performance.now();
      let asked = 0;
      while (performance.now() - began < 3 * KEY_SET_RETRY_FIRST_MS) {
        const answers = await Promise.all(Array.from({ length: 10 }, () => rest.get('/v1/chats', { token })));
        expect(answers.map(({ status }) => status)).to.deep.equal(Array(10).fill(503));
        expect(answers.every(({ headers }) => Number(headers.get('retry-after')) > 0)).to.equal(true);
        asked += answers.length;
      }
      expect(asked).to.be.above(20);
      // The first, and those after 0.25 s, 0.75 s, 1.75 s … at the earliest.
      expect(fetches).to.be.within(
        2,
        1 + Math.ceil(Math.log2((performance.now() - began) / (KEY_SET_RETRY_FIRST_MS / 2))),
      );
    });

    describe('with some unusable keys', () => {
      const UNUSABLE: [string, () => Promise<object>][] = [
        [
          'an RSA key of 1,024 bits',
          async () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }),
        ],
        ['a key without its numbers', async () => ({ kty: 'RSA' })],
        ['a key whose numbers are none', async () => ({ kty: 'RSA', n: '!', e: '?' })],
        [
          'a key of another type than its algorithm',
          async () => ({ ...(await exportJWK((await generateKeyPair('ES256')).publicKey)) }),
        ],
        ['a key of an unknown type', async () => ({ kty: 'none-such' })],
        ['a point that is not on its curve', async () => ({ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' })],
        ['a key of an unknown curve', async () => ({ kty: 'EC', crv: 'P-0', x: 'AA', y: 'AA' })],
        ['a secret', async () => ({ kty: 'oct', k: 'c2VjcmV0' })],
      ];
      for (const [what, key] of UNUSABLE)
        for (const alg of ['RS256', 'ES256'])
          it(`refuses the tokens of ${what} (${alg}), and accepts those of the others`, async () => {
            const { privateKey } = await publish('ES256', 'good');
            const entry: object = { ...(await key()), kid: 'bad' };
            keySet?.keys.push(entry);
            const stranger = await generateKeyPair(alg);
            await expectRefused(await sign(good, stranger.privateKey, { alg, kid: 'bad' }), /key|signature/);
            const token = await sign(good, privateKey, { alg: 'ES256', kid: 'good' });
            expect((await rest.get('/v1/chats', { token })).status).to.equal(200);
          });

      it('accepts the tokens of the others although one entry is not a key', async () => {
        const { privateKey } = await publish('ES256', 'good');
        keySet?.keys.push(null as unknown as object, 7 as unknown as object, []);
        const token = await sign(good, privateKey, { alg: 'ES256', kid: 'good' });
        expect((await rest.get('/v1/chats', { token })).status).to.equal(200);
      });
    });

    it('refuses a token of an unknown key while a cached set exists and a newer one cannot be fetched', async () => {
      const { privateKey } = await publish('ES256', 'k1');
      const verifier = new JwtVerifier({ keys: { keySet: { url, cooldownMs: 0 } } });
      const known = await sign(good, privateKey, { alg: 'ES256', kid: 'k1' });
      expect((await verifier.verify(known, { graceSeconds: 0 })).ok).to.equal(true);
      keySet = null;
      for (let round = 0; round < 20; round += 1) {
        const unknown = await sign(good, privateKey, { alg: 'ES256', kid: `k${round + 2}` });
        const verdict = await verifier.verify(unknown, { graceSeconds: 0 });
        expect(verdict).to.deep.equal({ ok: false, reason: 'the token is signed with an unknown key' });
      }
      expect((await verifier.verify(known, { graceSeconds: 0 })).ok).to.equal(true);
      expect(fetches).to.be.at.most(3);
    });

    describe('that is cached', () => {
      const MAX_AGE_MS = 300;
      const verifier = (cooldownMs: number) =>
        new JwtVerifier({ keys: { keySet: { url, maxAgeMs: MAX_AGE_MS, cooldownMs } } });
      const signedBy = async (kid: string) => {
        const { privateKey } = await publish('ES256', kid);
        return sign(good, privateKey, { alg: 'ES256', kid });
      };
      const verdict = async (of: JwtVerifier, token: string) =>
        of.verify(token, { graceSeconds: 0 }).then(
          ({ ok }) => (ok ? 'good' : 'refused'),
          (error: Error) => error.name,
        );

      it('accepts a later key, and fetches at most once per cooldown', async () => {
        const old = await signedBy('k1');
        const [eager, patient] = [verifier(0), verifier(60_000)];
        for (const of of [eager, patient]) expect(await verdict(of, old)).to.equal('good');
        const fresh = await signedBy('k2');
        expect([await verdict(eager, fresh), await verdict(patient, fresh)]).to.deep.equal(['good', 'refused']);
        const before = fetches;
        for (let i = 0; i < 20; i += 1) await verdict(patient, fresh);
        expect(fetches).to.be.at.most(before + 1);
      });

      it('accepts a withdrawn key for the cache time, and no longer', async () => {
        const of = verifier(0);
        const token = await signedBy('k1');
        const began = Date.now();
        expect(await verdict(of, token)).to.equal('good');
        keySet = { keys: [] };
        await eventually(async () => (await verdict(of, token)) === 'refused', {
          within: 5_000,
          what: 'the end of k1',
        });
        expect(Date.now() - began).to.be.at.least(MAX_AGE_MS);
      });

      it('serves for the cache time while a new set cannot be fetched, and is then unavailable', async () => {
        const of = verifier(0);
        const token = await signedBy('k1');
        expect(await verdict(of, token)).to.equal('good');
        const published = keySet;
        keySet = null;
        await eventually(async () => (await verdict(of, token)) === 'KeysUnavailable', {
          within: 5_000,
          what: 'keys that are too old to serve',
        });
        keySet = published;
        await eventually(async () => (await verdict(of, token)) === 'good', {
          within: 5_000,
          what: 'the keys are had again',
        });
      });
    });

    it('rejects in the same way in the token verifier', async () => {
      keySet = null;
      const { privateKey } = await generateKeyPair('ES256');
      const token = await sign(good, privateKey, { alg: 'ES256', kid: 'k1' });
      const failure = await proofBy({ keys: { keySet: { url } } })
        .verify(token, { graceSeconds: 0 })
        .catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(TokenKeysUnavailable);
    });
  });
});

describe('A token verifier with a grace for commands that waited', () => {
  const verifier = proofBy(bySecret);
  it('accepts a token that expired within the grace, and none that expired before', async () => {
    const token = await sign({ sub: 'alice', exp: 1_000_000, tenant: 'acme', guest: true, nested: { a: 1 } });
    const at = (seconds: number) =>
      verifier.verify(token, { graceSeconds: 60, now: new Date((1_000_000 + seconds) * 1000) });
    expect(await at(59)).to.deep.equal({
      ok: true,
      expiresAt: new Date(1_000_000_000),
      actor: { tenantId: 'acme', userId: 'alice' },
      claims: { guest: true, nested: { unreadable: true } },
    });
    expect(await at(60)).to.deep.equal({ ok: false, reason: 'the token has expired' });
  });

  it('still checks signature, issuer and nbf', async () => {
    const strict = proofBy({ ...bySecret, issuer: 'us' });
    const verdict = async (claims: JWTPayload, by: JwtTokenVerifier, key = bytes(SECRET)) =>
      (await by.verify(await sign(claims, key), { graceSeconds: 3600 })).ok;
    const late = { sub: 'alice', exp: inSeconds(-60) };
    expect(await verdict(late, verifier)).to.equal(true);
    expect(await verdict(late, verifier, bytes('another secret of more than thirty-two bytes'))).to.equal(false);
    expect(await verdict(late, strict)).to.equal(false);
    expect(await verdict({ ...late, nbf: inSeconds(600) }, verifier)).to.equal(false);
  });
});
