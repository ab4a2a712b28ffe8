import { expect } from 'chai';
import { v7 } from 'uuid';
import { CaslDecisionPoint } from '../../../../../src/adapters/policy/casl-decision-point.js';
import { readPolicy } from '../../../../../src/adapters/policy/read-policy.js';
import { MemoryDecisionLog } from '../../../../../src/adapters/stores/memory/memory-decision-log.js';
import { MemoryChatQueries } from '../../../../../src/adapters/stores/memory/queries/memory-chat-queries.js';
import { PolicyEnforcementPoint } from '../../../../../src/application/policy/enforcement.js';
import { StoreError, type UserKey, userKey } from '../../../../../src/application/ports/store/command-store.js';
import { signToken } from '../../../../../src/infrastructure/jwt.js';
import { aUser } from '../../../../conformance/store/fixtures.js';
import { expectProblem } from '../expect-problem.js';
import { SECRET, TOKEN_TTL_SECONDS } from '../rest-client.js';
import { RestHarness, type RestOverrides } from '../rest-harness.js';

/**
 * Readers see no groups; guests, by their profile, see no channels; who comes for archives, by the token, sees what is
 * archived.
 */
const POLICY = `
parley-policy: 1
version: hidden-by-policy
rules:
  - { id: members-view, effect: permit, actions: [chat.view], subject: { role: [owner, admin, member, reader] }, reason: theirs }
  - { id: no-groups, effect: deny, actions: [chat.view], subject: { role: reader }, when: { chat.kind: group }, reason: not for readers }
  - { id: no-channels, effect: deny, actions: [chat.view], subject: { actor.claims.guest: true }, when: { chat.kind: channel }, reason: not for guests }
  - { id: no-archives, effect: deny, actions: [chat.view], subject: { actor.token.scope: { not: archives } }, when: { chat.archived: true }, reason: not without the scope }
`;
const AWAY = new StoreError('unavailable', 'the database is away');

function enforcing(sampleRate = 0, text = POLICY): PolicyEnforcementPoint {
  const read = readPolicy(text);
  if (!read.ok) throw new Error(JSON.stringify(read.faults));
  return new PolicyEnforcementPoint(new CaslDecisionPoint(read.document), sampleRate);
}

describe('REST queries, where a policy hides chats from their members,', () => {
  const started: RestHarness[] = [];
  const start = async (overrides: RestOverrides = {}) => {
    const rest = await new RestHarness({ policy: enforcing(), ...overrides }).start();
    started.push(rest);
    return rest;
  };
  let rest: RestHarness;
  beforeEach(async () => {
    rest = await start();
  });
  afterEach(async () => {
    for (const one of started.splice(0)) await one.stop();
  });

  /** A group of rita that she may not view, with a message. */
  async function hiddenGroup(text = 'tea in secret'): Promise<string> {
    const chatId = await rest.group([]);
    await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['rita'], role: 'reader' });
    await rest.say(chatId, text);
    return chatId;
  }
  const statusOf = async (path: string, token?: string) =>
    (await rest.get(path, { as: 'rita', ...(token === undefined ? {} : { token }) })).status;
  const tokenWith = (claims: { [name: string]: unknown }) =>
    signToken(SECRET, { subject: 'rita', claims }, TOKEN_TTL_SECONDS);

  it('return the same pages, cursors, counts and hits as without these chats', async () => {
    for (let n = 0; n < 5; n += 1) await rest.say(await rest.group(['rita']), `some tea, cup ${n}`);
    const asked = async () => {
      const answers: unknown[] = [];
      for (const path of ['/v1/chats?limit=2', '/v1/search/messages?q=tea&limit=2'])
        for (let cursor: string | null = ''; cursor !== null; ) {
          const { body } = await rest.get(cursor === '' ? path : `${path}&cursor=${cursor}`, { as: 'rita' });
          // The time of the search, which differs.
          const { indexedThrough: _, ...page } = body;
          answers.push(page);
          cursor = body.nextCursor;
        }
      answers.push((await rest.get('/v1/me/unread', { as: 'rita' })).body);
      answers.push((await rest.get('/v1/sync?limit=200', { as: 'rita' })).body.items);
      return JSON.stringify(answers);
    };
    const before = await asked();
    for (let n = 0; n < 5; n += 1) await hiddenGroup();
    expect(await asked()).to.equal(before);
  });

  it("return each member's first visible sequence, null for members who may not view the chat", async () => {
    const chatId = await hiddenGroup();
    await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['bob'] });
    const firstVisible = async (id: string) =>
      Object.fromEntries(
        (await rest.get(`/v1/chats/${id}/members`)).body.items.map(
          (member: { userId: string; firstVisibleSequence: number | null }) => [
            member.userId,
            member.firstVisibleSequence,
          ],
        ),
      );
    expect(await firstVisible(chatId)).to.deep.equal({ alice: 1, bob: 1, rita: null });
    const { body } = await rest.get(`/v1/chats/${chatId}/events?after=2`);
    expect(body.items[0].data).to.deep.include({ recipients: ['bob'], recipientCount: 1 });

    // By profiles; and what a token would say of a member is not known, which counts against them.
    const channel = await rest.group(['bob', 'gus'], { kind: 'channel' });
    rest.world.users.set(userKey({ tenantId: 'default', userId: 'gus' }), aUser('gus', { claims: { guest: true } }));
    expect(await firstVisible(channel)).to.deep.equal({ alice: 1, bob: 1, gus: null });
  });

  it('name the rule to a member, and answer others byte for byte like an unknown chat', async () => {
    const chatId = await hiddenGroup();
    const absent = v7();
    for (const path of ['/v1/chats/X', '/v1/chats/X/messages', '/v1/search/messages?q=tea&chatId=X']) {
      const get = (id: string, as: string) => rest.get(path.replace('X', id), { as });
      const refused = await get(chatId, 'rita');
      expectProblem(refused, 'not_permitted');
      expect(refused.body.detail).to.equal('no-groups: not for readers');
      for (const as of ['mallory', 'other/rita']) {
        const [other, none] = [await get(chatId, as), await get(absent, as)];
        expectProblem(other, 'not_found');
        expect(JSON.stringify(other.body)).to.equal(JSON.stringify(none.body));
        expect(other.headers.get('content-length')).to.equal(none.headers.get('content-length'));
      }
    }
  });

  it('record the decision with its attributes before the refusal is sent', async () => {
    const chatId = await hiddenGroup();
    const { body } = await rest.get(`/v1/chats/${chatId}`, { as: 'rita' });
    const kept = rest.world.decisions.get(body.decisionId);
    expect(kept).to.deep.include({ effect: 'deny', rule: 'no-groups', action: 'chat.view', chatId, commandId: null });
    expect(kept?.attributes).to.deep.include({ chat: { kind: 'group', archived: false }, role: 'reader' });
    expect(rest.world.decisions.size).to.equal(1);
    await rest.get('/v1/chats', { as: 'rita' });
    await rest.get(`/v1/chats/${chatId}`, { as: 'alice' });
    await rest.get(`/v1/chats/${chatId}`, { as: 'mallory' });
    expect(rest.world.decisions.size).to.equal(1);
  });

  it('are unavailable if a refusal cannot be recorded, and still permit unsampled requests', async () => {
    const reject = () => Promise.reject(AWAY);
    const away = { record: reject, find: reject, findPolicy: reject };
    rest = await start({ decisions: away });
    const chatId = await hiddenGroup();
    expectProblem(await rest.get(`/v1/chats/${chatId}`, { as: 'rita' }), 'unavailable');
    expect((await rest.get(`/v1/chats/${chatId}`)).status).to.equal(200);
    expect((await rest.get('/v1/chats', { as: 'rita' })).body.items).to.deep.equal([]);
    rest = await start({ decisions: away, policy: enforcing(1) });
    expectProblem(await rest.get(`/v1/chats/${await rest.group([])}`), 'unavailable');
  });

  it('record the sampled share of permits, one for each viewed chat', async () => {
    rest = await start({ policy: enforcing(1) });
    const chatId = await rest.group([]);
    await rest.get(`/v1/chats/${chatId}`);
    await rest.get('/v1/chats');
    const kept = [...rest.world.decisions.values()].map(({ effect, rule }) => [effect, rule]);
    expect(kept).to.deep.equal([['permit', 'members-view']]);
  });

  it("use only the parts of the caller's profile that rules name", async () => {
    const { chatId } = (await rest.post('/v1/chats', { kind: 'channel', memberIds: ['rita'] })).body;
    const rita = { tenantId: 'default', userId: 'rita' };
    expect(await statusOf(`/v1/chats/${chatId}`)).to.equal(200);
    rest.world.users.set(userKey(rita), aUser('rita', { kind: 'bot', claims: { guest: true, salary: 1 } }));
    expect(await statusOf(`/v1/chats/${chatId}`)).to.equal(403);
    expect((await rest.get('/v1/chats', { as: 'rita' })).body.items).to.deep.equal([]);
    const [kept] = [...rest.world.decisions.values()];
    expect(kept?.attributes.actor).to.deep.equal({ ...rita, kind: 'bot', claims: { guest: true }, token: {} });
  });

  it('do not read the profile if no rule names it', async () => {
    const read: UserKey[] = [];
    class WatchedQueries extends MemoryChatQueries {
      override findUser(key: UserKey) {
        read.push(key);
        return super.findUser(key);
      }
    }
    const withQueries = async (policy: PolicyEnforcementPoint) => {
      const { world } = rest;
      const queries = new WatchedQueries(world);
      const watched = await start({ policy, queries, decisions: new MemoryDecisionLog(world) });
      for (const path of ['/v1/chats', '/v1/me/unread', '/v1/search/messages?q=x', '/v1/sync']) await watched.get(path);
      return read.splice(0).length;
    };
    expect(await withQueries(enforcing())).to.equal(4);
    const withoutClaims = POLICY.split('\n').filter((line) => !line.includes('no-channels'));
    expect(await withQueries(enforcing(0, withoutClaims.join('\n')))).to.equal(0);
  });

  it("use only the claims of the caller's token that rules name", async () => {
    const chatId = await rest.group(['rita']);
    await rest.say(chatId, 'tea');
    expect((await rest.put(`/v1/chats/${chatId}/archive`)).status).to.equal(200);
    const archivist = await tokenWith({ scope: ['mail', 'archives'], ssn: 'secret' });
    for (const [token, status, count] of [
      [await tokenWith({ scope: 'mail' }), 403, 0],
      [archivist, 200, 1],
    ] as const) {
      expect(await statusOf(`/v1/chats/${chatId}`, token)).to.equal(status);
      for (const path of ['/v1/chats', '/v1/search/messages?q=tea', '/v1/sync'])
        expect((await rest.get(path, { token })).body.items, path).to.have.length(count);
      expect((await rest.get('/v1/me/unread', { token })).body.chatCount).to.equal(count);
    }
    const [kept] = [...rest.world.decisions.values()];
    expect(kept?.attributes.actor.token).to.deep.equal({ scope: 'mail' });
  });
});
