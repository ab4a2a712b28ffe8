import { expect } from 'chai';
import { CaslDecisionPoint } from '../../../../../src/adapters/policy/casl-decision-point.js';
import { readPolicy } from '../../../../../src/adapters/policy/read-policy.js';
import { PolicyEnforcementPoint } from '../../../../../src/application/policy/enforcement.js';
import { userKey } from '../../../../../src/application/ports/store/command-store.js';
import { PAGE_MAX_BYTES, USER_IDS_MAX, USERS_LIMIT_MAX } from '../../../../../src/contract/rest/requests.js';
import type { User } from '../../../../../src/domain/user.js';
import { aUser } from '../../../../conformance/store/fixtures.js';
import { expectProblem } from '../expect-problem.js';
import { RestHarness } from '../rest-harness.js';

/** Guests, by a claim, see people only; nobody finds services, but those who know their id see them. */
const POLICY = `
parley-policy: 1
version: users
rules:
  - { id: all, effect: permit, actions: [user.view], when: { user.isFound: [true, false] }, reason: theirs }
  - { id: guests, effect: deny, actions: [user.view], subject: { actor.claims.guest: true }, when: { user.kind: [bot, service], user.isActor: false }, reason: no }
  - { id: unlisted, effect: deny, actions: [user.view], when: { user.isFound: true, user.kind: service }, reason: no }
`;

function enforcing(): PolicyEnforcementPoint {
  const read = readPolicy(POLICY);
  if (!read.ok) throw new Error(JSON.stringify(read.faults));
  return new PolicyEnforcementPoint(new CaslDecisionPoint(read.document));
}

describe('REST queries for profiles', () => {
  let rest: RestHarness;
  const start = async (overrides: ConstructorParameters<typeof RestHarness>[0] = {}) => {
    rest = await new RestHarness(overrides).start();
  };
  afterEach(() => rest.stop());

  const put = (...users: User[]) => {
    for (const user of users) rest.world.users.set(userKey(user), user);
  };
  const idsOf = (body: { items: { userId: string }[] }) => body.items.map(({ userId }) => userId);
  const found = async (query: string, as = 'alice') => {
    const { status, body } = await rest.get(`/v1/users?${query}`, { as });
    expect(status, JSON.stringify(body)).to.equal(200);
    return idsOf(body);
  };

  describe('of named users', () => {
    it('answer in the order of the ids, once each, without unknown ones and other tenants', async () => {
      await start();
      put(aUser('bob'), aUser('carol'), aUser('a|b+c@x.org'), aUser('dave', { tenantId: 'acme' }));
      const ids = ['carol', 'nobody', 'a|b+c@x.org', 'dave', 'bob', 'carol'].map(encodeURIComponent).join(',');
      expect(await found(`ids=${ids}`)).to.deep.equal(['carol', 'a|b+c@x.org', 'bob']);
      expect(await found('ids=nobody')).to.deep.equal([]);
    });

    it('show what the profile of one user shows', async () => {
      await start();
      put(aUser('bob', { claims: { banned: true } }));
      const { body } = await rest.get('/v1/users?ids=bob');
      expect(body).to.deep.equal({ items: [(await rest.get('/v1/users/bob')).body], nextCursor: null });
      expect(body.items[0]).to.not.have.property('claims');
    });

    it('answer with as many profiles as a page holds, and a cursor for the others', async () => {
      await start();
      const metadata = { a: 'x'.repeat(8_000), b: 'ü'.repeat(4_000) };
      const users = Array.from({ length: USER_IDS_MAX }, (_, n) => aUser(`u${n}`, { metadata }));
      put(...users);
      const path = `/v1/users?ids=${users.map(({ userId }) => userId).join(',')}`;
      const pages = await rest.pages(path);
      expect(pages.length).to.be.above(1);
      for (const page of pages) expect(JSON.stringify(page).length).to.be.at.most(PAGE_MAX_BYTES);
      expect(pages.flat().map(({ userId }) => userId)).to.deep.equal(users.map(({ userId }) => userId));
    });

    for (const ids of [
      '',
      'a,,b',
      'a b',
      'x'.repeat(129),
      Array(101)
        .fill(0)
        .map((_, n) => `u${n}`)
        .join(),
    ])
      it(`refuse the ids ${JSON.stringify(ids.slice(0, 20))}`, async () => {
        await start();
        const answer = await rest.get(`/v1/users?ids=${encodeURIComponent(ids)}`);
        expectProblem(answer, 'bad_request');
      });
  });

  describe('of users with a prefix', () => {
    it('find names and ids in pages, each user once, in the order of what matches', async () => {
      await start();
      put(aUser('bob', { displayName: 'Alan' }), aUser('alan.b', { displayName: 'Zoe' }), aUser('alice', {}));
      put(aUser('alf', { displayName: 'Alfred' }), aUser('al', { tenantId: 'acme' }));
      expect(await found('q=AL')).to.deep.equal(['bob', 'alan.b', 'alf', 'alice']);
      expect((await rest.pages('/v1/users?q=al&limit=1')).flat().map(({ userId }) => userId)).to.deep.equal([
        ...['bob', 'alan.b', 'alf', 'alice'],
      ]);
      expect(await found('q=al', 'acme/al')).to.deep.equal(['al']);
    });

    for (const q of ['%', '_', '\\', "'", '%25', 'al%', 'a_', '*', '.*', '\u{1F600}', '\uffff', 'x'.repeat(128)])
      it(`find nothing for ${JSON.stringify(q.slice(0, 10))}, which has no special meaning`, async () => {
        await start();
        put(aUser('alice'), aUser('bob', { displayName: 'Bob' }));
        expect(await found(`q=${encodeURIComponent(q)}&limit=9`)).to.deep.equal([]);
      });

    for (const query of [
      'q=',
      'q=%20',
      'q=%00',
      'q=a%00',
      'q=%E2%80%AE',
      `q=${'x'.repeat(129)}`,
      'q=%ED%A0%80',
      'q=a&ids=b',
      '',
      'limit=3',
    ])
      it(`refuse ${JSON.stringify(query.slice(0, 12))}`, async () => {
        await start();
        const { status } = await rest.get(`/v1/users?${query}`);
        // A lone surrogate arrives as U+FFFD, which is a letter like any other.
        expect(status).to.equal(query === 'q=%ED%A0%80' ? 200 : 400);
      });

    it('refuse more than a page, and the cursor of another text or caller', async () => {
      await start();
      put(aUser('a1'), aUser('a2'));
      expect((await rest.get(`/v1/users?q=a&limit=${USERS_LIMIT_MAX + 1}`)).status).to.equal(400);
      const { nextCursor } = (await rest.get('/v1/users?q=a&limit=1')).body;
      expect(nextCursor).to.be.a('string');
      expect(await found(`q=a&limit=1&cursor=${nextCursor}`)).to.deep.equal(['a2']);
      for (const [path, as] of [
        [`/v1/users?q=b&cursor=${nextCursor}`, 'alice'],
        [`/v1/users?q=a&cursor=${nextCursor}`, 'bob'],
        [`/v1/users?ids=a1&cursor=${nextCursor}`, 'alice'],
      ] as const)
        expect((await rest.get(path, { as })).status, path).to.equal(400);
    });
  });

  describe('under a policy', () => {
    const people = [aUser('anna'), aUser('abot', { kind: 'bot' }), aUser('aserv', { kind: 'service' })];

    it('neither show nor find whom the caller may not see', async () => {
      await start({ policy: enforcing() });
      put(...people, aUser('gast', { displayName: 'Guest', claims: { guest: true } }));
      expect(await found('ids=anna,abot,aserv')).to.deep.equal(['anna', 'abot', 'aserv']);
      expect(await found('q=a')).to.deep.equal(['abot', 'anna']);
      expect(await found('ids=anna,abot,aserv,gast', 'gast')).to.deep.equal(['anna', 'gast']);
      expect(await found('q=a', 'gast')).to.deep.equal(['anna']);
      expect((await rest.get('/v1/users/abot', { as: 'gast' })).body).to.deep.equal(
        (await rest.get('/v1/users/nobody', { as: 'gast' })).body,
      );
      expect((await rest.get('/v1/users/aserv')).status).to.equal(200);
    });

    it('show a caller their own profile if only that is permitted', async () => {
      await start({ policy: enforcing() });
      put(aUser('bot7', { kind: 'bot', claims: { guest: true } }), aUser('bot8', { kind: 'bot' }));
      expect(await found('ids=bot7,bot8', 'bot7')).to.deep.equal(['bot7']);
      expect(await found('q=bot', 'bot7')).to.deep.equal([]);
    });

    it('have the same pages, however many users there are whom the caller may not see', async () => {
      await start({ policy: enforcing() });
      put(...Array.from({ length: 300 }, (_, n) => aUser(`a-${n}`, { kind: 'service' })), ...people);
      const { body } = await rest.get('/v1/users?q=a&limit=2');
      expect([idsOf(body), body.nextCursor]).to.deep.equal([['abot', 'anna'], null]);
    });
  });
});
