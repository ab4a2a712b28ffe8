import { expect } from 'chai';
import { readPolicy } from '../../../../src/adapters/policy/read-policy.js';
import { explainDecision, explainVerdict } from '../../../../src/application/policy/decisions/explain-decision.js';
import type { PolicyDocument } from '../../../../src/application/policy/policy-document.js';
import type { KnownAttributes, PolicyAttributes } from '../../../../src/application/ports/policy-decision-point.js';
import type { LoggedDecision } from '../../../../src/application/ports/store/decision-log.js';
import { readPolicyFile } from '../../../../src/main/policy/policy-file.js';

const CHAT = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
const { document } = readPolicyFile();

const attributes: PolicyAttributes = {
  action: 'message.send',
  actor: { tenantId: 'acme', userId: 'rita', kind: 'human', claims: {}, token: null },
  producer: { userId: null, appId: 'web' },
  chat: { kind: 'channel', archived: false },
  role: 'member',
  target: null,
  grantedRole: null,
  message: null,
  text: { length: 5, hasLinks: false, mentions: 0, attachments: 0 },
  deleteMode: null,
  profile: null,
  user: null,
  decision: null,
};
const refused: LoggedDecision = {
  decisionId: '0199c1df-0d53-7a41-9d0e-0b7d6c0f6a11',
  at: new Date('2026-11-20T20:15:00.123Z'),
  ...{ tenantId: 'acme', actorId: 'rita', commandId: 'send-1', chatId: CHAT },
  ...{
    action: 'message.send',
    effect: 'deny',
    rule: null,
    policyVersion: 'default-1@abc',
    attributes,
    attributesDigest: '',
  },
  refusedAs: null,
};

function policyOf(rules: string): PolicyDocument {
  const read = readPolicy(`parley-policy: 1\nversion: mine\nrules:\n${rules}`);
  if (!read.ok) throw new Error(JSON.stringify(read.faults));
  return read.document;
}

describe('The explanation of a decision', () => {
  it('names actor, action, chat and time, and the missing conditions of each rule that could permit it', () => {
    expect(explainDecision(refused, document)).to.deep.equal([
      `On 2026-11-20T20:15:00.123Z rita (a human, member in the chat) of tenant acme asked for message.send in chat ${CHAT} (channel) with command send-1.`,
      'Policy default-1@abc refuses this: no rule permits it.',
      'Rule members-post (Members write in direct chats and groups; readers read.) would permit it if chat.kind were direct or group (it is channel).',
      'Rule owners-and-admins-post-in-channels (Owners and admins write in channels.) would permit it if role were owner or admin (it is member).',
    ]);
  });

  it('names the rule that permitted it, with its conditions and the values', () => {
    const permitted = { ...refused, effect: 'permit', rule: 'members-mark-read' } as const;
    const read: LoggedDecision = {
      ...permitted,
      action: 'chat.read',
      attributes: { ...attributes, action: 'chat.read' },
    };
    expect(explainDecision(read, document).slice(1)).to.deep.equal([
      'Policy default-1@abc permits this by rule members-mark-read (Members mark messages as delivered and as read.).',
      'It requires that role be owner, admin, member or reader (it is member).',
    ]);
  });

  it('shows that a permitted command was refused by the state of its chat, with the code', () => {
    const permitted = { ...refused, effect: 'permit', rule: 'members-mark-read', refusedAs: 'archived' } as const;
    const read: LoggedDecision = {
      ...permitted,
      action: 'chat.read',
      attributes: { ...attributes, action: 'chat.read' },
    };
    for (const policy of [document, null]) {
      const [, verdict, ...rest] = explainDecision(read, policy);
      expect(verdict).to.include('Policy default-1@abc permits this');
      expect(rest.at(-1)).to.equal(
        'The command was refused because of the state of its chat, not by the policy: archived (The chat is archived).',
      );
    }
    expect(explainDecision({ ...read, refusedAs: 'rate_limited' }, document).at(-1)).to.equal(
      'The command was refused because of a quota: rate_limited (Too many commands).',
    );
  });

  it('names the rule that forbade it with its conditions, and unknown attributes, which never favour the actor', () => {
    const edit = { ...attributes, action: 'message.edit' } as const;
    const message = { isSender: true, isDeleted: false, ageMs: 900_000, withinEditWindow: false };
    const verdict = { effect: 'deny', rule: 'edit-window', policyVersion: 'v' } as const;
    expect(explainVerdict({ ...verdict, attributes: { ...edit, message } }, document)).to.deep.equal([
      'Policy v refuses this: rule edit-window forbids it (The edit window has ended.).',
      'It forbids this if message.withinEditWindow is false (it is false).',
    ]);
    expect(explainVerdict({ ...verdict, attributes: edit }, document).slice(1)).to.deep.equal([
      'It forbids this if message.withinEditWindow is false (it is unknown).',
      'An unknown attribute never favours the actor.',
    ]);
  });

  it('has a text for every kind of condition', () => {
    const policy = policyOf(`
  - id: all
    effect: permit
    actions: [message.edit]
    subject: { role: { not: owner }, actor.claims.guest: { present: false }, producer.appId: { present: true }, actor.userId: 'a b' }
    when: { message.ageMs: { atMost: 15m }, text.length: { atLeast: 1, atMost: 4 } }
    reason: all of it`);
    const edited: KnownAttributes = {
      ...attributes,
      action: 'message.edit',
      role: 'owner',
      actor: { ...attributes.actor, claims: { guest: ['a\n', 'b'] } },
      producer: { userId: null, appId: null },
      message: { ageMs: 3_600_000 },
    };
    const [, missing] = explainVerdict({ effect: 'deny', rule: null, policyVersion: 'v', attributes: edited }, policy);
    expect(missing).to.equal(
      'Rule all (all of it) would permit it if role were other than owner (it is owner), ' +
        'actor.claims.guest were none (it is ["a\\n", b]), producer.appId were present (it is none), ' +
        'actor.userId were "a b" (it is rita), message.ageMs were at most 15m (it is 1h) ' +
        'and text.length were at least 1 and at most 4 (it is 5).',
    );
  });

  it('lists the producers of a set, or that it has none; to users neither', () => {
    const explained = (listed: string, discretion?: 'for users') =>
      explainVerdict(
        {
          effect: 'deny',
          rule: null,
          policyVersion: 'v',
          attributes: { ...attributes, producer: { userId: 'web', appId: null } },
        },
        policyOf(`
  - id: bridges
    effect: permit
    actions: [message.send]
    subject: { producer.userId: { among: bridges } }
    reason: r
producers: { bridges: ${listed} }`),
        discretion,
      ).at(-1);
    const when = 'Rule bridges (r) would permit it if producer.userId were';
    expect(explained('[irc, xmpp]')).to.equal(`${when} among the producers bridges (irc or xmpp) (it is web).`);
    expect(explained('[]')).to.equal(`${when} among the producers bridges (none is listed) (it is web).`);
    expect(explained('[irc]', 'for users')).to.equal(
      `${when} the value that the policy requires (its value is not shown).`,
    );
  });

  it('shows that a rule without roles admits no non-member', () => {
    const policy = policyOf(`
  - { id: any, effect: permit, actions: [message.send], reason: any }
  - { id: no-owner, effect: permit, actions: [message.send], subject: { role: { not: owner } }, reason: any }`);
    const outside = {
      effect: 'deny',
      rule: null,
      policyVersion: 'v',
      attributes: { ...attributes, role: null },
    } as const;
    expect(explainVerdict(outside, policy).slice(1)).to.deep.equal([
      'Rule any (any) would permit it if role were present (it is none).',
      'Rule no-owner (any) would permit it if role were present (it is none).',
    ]);
    expect(explainVerdict(outside, policyOf(' []'))).to.include('It has no rule that permits message.send.');
  });

  it('uses the record if the policy is not stored', () => {
    const claims = { ...attributes, actor: { ...attributes.actor, claims: { guest: true } } };
    const [, verdict, lost, recorded] = explainDecision({ ...refused, attributes: claims }, null);
    expect(verdict).to.equal('Policy default-1@abc refuses this: no rule permits it.');
    expect(lost).to.include('no longer available');
    expect(recorded)
      .to.include('role is member, ')
      .and.to.include('text.length is 5, ')
      .and.to.include('actor.claims.guest is true');
    const forbidden = explainVerdict({ ...refused, rule: 'x' }, null);
    expect(forbidden[0]).to.equal('Policy default-1@abc refuses this: a rule forbids it; the rule is x.');
  });

  it('explains a record of an older release with fewer attributes', () => {
    const old = { ...refused, attributes: { action: 'message.send' } as unknown as PolicyAttributes };
    expect(explainDecision(old, document)[0]).to.include(
      ` rita of tenant acme asked for message.send in chat ${CHAT} with`,
    );
    expect(explainDecision(old, document)[2]).to.include('role were owner, admin or member (it is unknown)');
    expect(explainDecision(old, null)).to.have.length(3);
  });
});
