import { expect } from 'chai';
import { v7 } from 'uuid';
import { CaslDecisionPoint } from '../../../../../src/adapters/policy/casl-decision-point.js';
import { readPolicy } from '../../../../../src/adapters/policy/read-policy.js';
import { PolicyEnforcementPoint } from '../../../../../src/application/policy/enforcement.js';
import { userKey } from '../../../../../src/application/ports/store/command-store.js';
import { RestReader } from '../../../../../src/client/public.js';
import type { User } from '../../../../../src/domain/user.js';
import { signToken } from '../../../../../src/infrastructure/jwt.js';
import { readPolicyFile } from '../../../../../src/main/policy/policy-file.js';
import { SECRET, TOKEN_TTL_SECONDS, tokenFor } from '../rest-client.js';
import { RestHarness } from '../rest-harness.js';

const policy = readPolicyFile();
let rest: RestHarness;

async function open(source?: string): Promise<void> {
  if (source === undefined) rest = await new RestHarness().start();
  else {
    const read = readPolicy(`parley-policy: 1\nversion: mine\nrules:\n${source}`);
    if (!read.ok) throw new Error(JSON.stringify(read.faults));
    rest = await new RestHarness({ policy: new PolicyEnforcementPoint(new CaslDecisionPoint(read.document)) }).start();
  }
  rest.world.policies.set(policy.document.version, policy.source);
}

function profile(tenantId: string, userId: string, over: Partial<User>): void {
  const at = new Date();
  const user: User = {
    ...{ tenantId, userId, displayName: userId, avatarUrl: null, kind: 'human', metadata: {}, revision: 1 },
    ...{ presence: 'shared', claims: {} },
    ...{ createdAt: at, updatedAt: at },
    ...over,
  };
  rest.world.users.set(userKey(user), user);
}

/** A refusal: the reader rita sends a message to a chat of alice. */
async function refusal(): Promise<{ chatId: string; decisionId: string; commandId: string }> {
  const chatId = await rest.group([]);
  await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['rita'], role: 'reader' });
  const { status, body } = await rest.post(`/v1/chats/${chatId}/messages`, { body: 'hello' }, { as: 'rita' });
  expect(status).to.equal(403);
  return { chatId, decisionId: body.decisionId, commandId: body.commandId };
}

const ask = (decisionId: string, as = 'rita') => rest.get(`/v1/decisions/${decisionId}`, { as });

describe('GET /v1/decisions/{decisionId}', () => {
  afterEach(() => rest.stop());

  it('shows a refused user the decision, its policy and attributes, and the missing conditions', async () => {
    await open();
    const { chatId, decisionId, commandId } = await refusal();
    const { status, body } = await ask(decisionId);
    expect(status).to.equal(200);
    expect(body).to.deep.include({
      ...{ decisionId, chatId, commandId, actorId: 'rita', action: 'message.send', effect: 'deny', rule: null },
      policyVersion: policy.document.version,
    });
    expect(body.attributes).to.deep.include({ role: 'reader', chat: { kind: 'group', archived: false } });
    expect(body.attributes.text).to.deep.equal({ length: 5, hasLinks: false, mentions: 0, attachments: 0 });
    expect(body.attributesDigest).to.match(/^[0-9a-f]{64}$/);
    expect(body.explanation[0]).to.include(
      `rita (a human, reader in the chat) of tenant default asked for message.send`,
    );
    expect(body.explanation).to.include(
      'Rule members-post (Members write in direct chats and groups; readers read.) would permit it if role were owner, admin or member (it is reader).',
    );
    const reader = new RestReader({ url: rest.url, token: () => tokenFor('rita') });
    expect(await reader.get('getDecision', { decisionId })).to.deep.equal(body);
  });

  it("shows that the policy permitted a command that the chat's state refused, with the refusal code", async () => {
    await open();
    const chatId = await rest.group(['bob']);
    await rest.put(`/v1/chats/${chatId}/archive`, {});
    const refused = await rest.post(`/v1/chats/${chatId}/messages`, { body: 'hello' }, { as: 'bob' });
    expect(refused.body).to.include({ type: '/problems/archived', status: 403 });
    const { status, body } = await ask(refused.body.decisionId, 'bob');
    expect(status).to.equal(200);
    expect(body).to.include({ effect: 'permit', rule: 'members-post', refusedAs: 'archived' });
    expect(body.explanation[1]).to.include('permits this by rule members-post');
    expect(body.explanation.at(-1)).to.include('The command was refused').and.to.include('archived');
  });

  it('shows decisions about others only to services; to others they do not exist', async () => {
    await open();
    const { decisionId } = await refusal();
    profile('default', 'audit', { kind: 'service' });
    profile('acme', 'audit', { kind: 'service' });
    profile('acme', 'rita', { kind: 'service' });
    expect((await ask(decisionId, 'audit')).status).to.equal(200);
    const missing = await ask(v7());
    expect(missing.status).to.equal(404);
    for (const who of ['alice', 'mallory', 'acme/audit', 'acme/rita']) {
      const { status, body } = await ask(decisionId, who);
      expect([status, body], who).to.deep.equal([404, missing.body]);
    }
    expect((await ask('no-uuid')).body).to.deep.equal(missing.body);
    expect((await ask(decisionId.toUpperCase())).status).to.equal(404);
  });

  it('records the refusal to show a decision, so that it can be explained too', async () => {
    await open();
    const { decisionId } = await refusal();
    expect((await ask(decisionId, 'mallory')).status).to.equal(404);
    const kept = [...rest.world.decisions.values()].filter(({ action }) => action === 'decision.view');
    expect(kept).to.have.length(1);
    expect(kept[0]).to.include({ actorId: 'mallory', effect: 'deny', rule: null, commandId: null, chatId: null });
    expect(kept[0]?.attributes.decision).to.deep.equal({ isActor: false });
  });

  it('uses claims of the profile and the token if the policy names them', async () => {
    await open(`
  - { id: auditors, effect: permit, actions: [decision.view], subject: { actor.claims.auditor: true }, reason: x }
  - { id: by-token, effect: permit, actions: [decision.view], subject: { actor.token.scope: audit }, reason: x }`);
    const { decisionId } = await refusal();
    profile('default', 'audra', { claims: { auditor: true } });
    expect((await ask(decisionId, 'audra')).status).to.equal(200);
    expect((await ask(decisionId)).status).to.equal(404);
    const token = await signToken(SECRET, { subject: 'tom', claims: { scope: 'audit' } }, TOKEN_TTL_SECONDS);
    expect((await rest.get(`/v1/decisions/${decisionId}`, { token })).status).to.equal(200);
    expect((await ask(decisionId, 'tom')).status).to.equal(404);
  });

  describe('claims and the producer', () => {
    const POLICY = `parley-policy: 1
version: by-claims
rules:
  - id: trusted
    effect: permit
    actions: [message.send]
    subject: { actor.claims.score: { atLeast: 700.5 }, actor.token.desk: inside, producer.appId: secret-bot }
    reason: x`;
    const SECRETS = ['613.25', 'outside', 'parley-rest', 'directory-7', 'secret-bot', '700.5', 'inside'];
    /** A decision about rita, by attributes that are not for her. */
    async function decided(policyText: string | null) {
      await open();
      const { decisionId } = await refusal();
      profile('default', 'audit', { kind: 'service' });
      const record = rest.world.decisions.get(decisionId);
      if (record === undefined) throw new Error('no decision');
      record.policyVersion = 'by-claims@1';
      record.attributes.actor = { ...record.attributes.actor, claims: { score: 613.25 }, token: { desk: 'outside' } };
      record.attributes.producer = { userId: 'directory-7', appId: 'parley-rest' };
      if (policyText !== null) rest.world.policies.set(record.policyVersion, policyText);
      return { decisionId, digest: await digestFor(decisionId) };
    }
    const digestFor = async (decisionId: string) => (await ask(decisionId, 'audit')).body.attributesDigest as string;

    for (const [kept, text] of [
      ['is kept', POLICY],
      ['is not kept', null],
    ] as const)
      it(`are omitted for the user, and shown to callers who may view all decisions, if the policy ${kept}`, async () => {
        const { decisionId, digest } = await decided(text);
        const { status, body } = await ask(decisionId);
        expect(status).to.equal(200);
        for (const secret of SECRETS) expect(JSON.stringify(body)).not.to.include(secret);
        expect(body.attributes).not.to.have.property('producer');
        expect(body.attributes.actor).to.deep.equal({ tenantId: 'default', userId: 'rita', kind: 'human' });
        expect(body.attributes.role).to.equal('reader');
        // A digest of all attributes would let callers guess a claim; the digest of the shown ones does not.
        expect(body.attributesDigest)
          .to.match(/^[0-9a-f]{64}$/)
          .and.not.to.equal(digest);
        if (text !== null)
          expect(body.explanation.at(-1)).to.equal(
            'Rule trusted (x) would permit it if actor.claims.score were the value that the policy requires (its value is not shown), ' +
              'actor.token.desk were the value that the policy requires (its value is not shown) ' +
              'and producer.appId were the value that the policy requires (its value is not shown).',
          );

        const { body: seen } = await ask(decisionId, 'audit');
        expect(seen.attributes.actor).to.deep.include({ claims: { score: 613.25 }, token: { desk: 'outside' } });
        expect(seen.attributes.producer).to.deep.equal({ userId: 'directory-7', appId: 'parley-rest' });
        expect(seen.explanation.join(' ')).to.include('613.25').and.not.to.include('secret-bot');
      });
  });

  it('explains from the record if the policy is not stored', async () => {
    await open();
    const { decisionId } = await refusal();
    rest.world.policies.clear();
    const { status, body } = await ask(decisionId);
    expect(status).to.equal(200);
    expect(body.explanation.join(' ')).to.include('no longer available').and.to.include('role is reader');
  });
});
