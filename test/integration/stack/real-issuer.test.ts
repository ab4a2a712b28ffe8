/**
 * Tokens of a real OpenID Connect provider, at both doors: an api that judges them, and a worker that asks for the
 * actor's proof.
 */
import { expect } from 'chai';
import { OidcIssuer } from '../../support/services/oidc-issuer.js';
import { expectProblem } from '../../unit/adapters/http/expect-problem.js';
import { RestStack } from './rest/rest-stack.js';

const AUDIENCE = 'https://chat.example/api';
const USER_CLAIM = 'https://chat.example/user';

describe('Tokens of an OpenID Connect provider', function () {
  this.timeout(60_000);
  let issuer: OidcIssuer;
  let rest: RestStack;

  before(async () => {
    issuer = await OidcIssuer.start();
    const env = { JWT_SECRET: '', JWT_JWKS_URL: issuer.jwksUrl, JWT_ISSUER: issuer.url, JWT_AUDIENCE: AUDIENCE };
    rest = await RestStack.create({ ...env, COMMAND_AUTH: 'jwt' });
    await rest.run('worker', 'api');
  });
  after(async () => {
    await rest?.close();
    await issuer?.stop();
  });
  beforeEach(() => {
    issuer.claims = {};
  });

  const me = (token: string) => rest.call('PUT', '/v1/me', { json: { displayName: 'Somebody' }, token });
  const profile = async (token: string, userId: string) =>
    (await rest.get(`/v1/users/${encodeURIComponent(userId)}`, { token })).body;

  it('are accepted by the api and a worker with COMMAND_AUTH=jwt: the actor is `sub`, in the default tenant', async () => {
    const token = await issuer.token(AUDIENCE);
    expect((await me(token)).status).to.equal(201);
    expect(await profile(token, issuer.subject)).to.include({ tenantId: 'default', displayName: 'Somebody' });
  });

  it('are refused for another audience or issuer', async () => {
    const elsewhere = await issuer.token('https://other.example/api');
    const refused = await me(elsewhere);
    expectProblem(refused, 'unauthenticated');
    expect(refused.body.detail).to.equal("the token's claim aud is not what is expected");
    const another = await OidcIssuer.start();
    const foreign = await me(await another.token(AUDIENCE)).finally(() => another.stop());
    expectProblem(foreign, 'unauthenticated');
  });

  it('have user and tenant in the claims of JWT_USER_CLAIM and JWT_TENANT_CLAIM', async () => {
    await rest.processes[0]?.stop();
    await rest.runWith({ JWT_USER_CLAIM: USER_CLAIM, JWT_TENANT_CLAIM: 'tid' }, 'worker', 'api');
    issuer.claims = { [USER_CLAIM]: 'auth0|5f7c8ec7', tid: '72f988bf-86f1-41af-91ab-2d7cd011db47' };
    const token = await issuer.token(AUDIENCE);
    expect((await me(token)).status).to.equal(201);
    expect(await profile(token, 'auth0|5f7c8ec7')).to.include({ tenantId: '72f988bf-86f1-41af-91ab-2d7cd011db47' });

    for (const [claims, detail] of [
      [{ tid: 'acme' }, `the token lacks the claim ${USER_CLAIM} (JWT_USER_CLAIM)`],
      [{ [USER_CLAIM]: 'auth0|5f7c8ec7' }, 'the token lacks the claim tid (JWT_TENANT_CLAIM)'],
      [
        { [USER_CLAIM]: 'a b', tid: 'acme' },
        /^the token's claim https:\/\/chat\.example\/user \(JWT_USER_CLAIM\) is not a user id: 1 to 128/,
      ],
      [
        { [USER_CLAIM]: 'alice', tid: 'Acme' },
        /^the token's claim tid \(JWT_TENANT_CLAIM\) is not a tenant id: 1 to 64/,
      ],
    ] as const) {
      issuer.claims = claims;
      const refused = await me(await issuer.token(AUDIENCE));
      expectProblem(refused, 'unauthenticated');
      expect(refused.body.detail).to.match(detail instanceof RegExp ? detail : new RegExp(`^${quoted(detail)}$`));
    }
  });
});

const quoted = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
