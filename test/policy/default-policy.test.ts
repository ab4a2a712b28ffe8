import { expect } from 'chai';
import { PolicyEnforcementPoint } from '../../src/application/policy/enforcement.js';
import type { Action, PolicyFacts } from '../../src/application/policy/facts.js';
import { commandTypes } from '../../src/contract/commands.js';
import { readPolicyFile } from '../../src/main/policy-file.js';
import { defaultPolicy } from '../support/default-policy.js';

const KNOWN = { userId: 'directory-sync', appId: 'sync' };
const UNKNOWN = { userId: null, appId: 'sync' };

/** No facts but who asks for what. */
const nothing = (action: Action): PolicyFacts => ({
  action,
  actor: { tenantId: 'default', userId: 'alice', kind: 'human', claims: {}, token: null },
  producer: null,
  chat: null,
  role: null,
  target: null,
  grantedRole: null,
  message: null,
  text: null,
  deleteMode: null,
  profile: null,
  decision: null,
});

const chat = (kind: 'direct' | 'group' | 'channel', archived = false) => ({ kind, archived });
const message = (isSender: boolean) => ({ message: { isSender, isDeleted: false, ageMs: 0, withinEditWindow: true } });
const own = message(true);
const anothers = message(false);
const profile = (setsKind: boolean) => ({ profile: { isActor: true, setsKind, setsClaims: false } });
const self = (role: PolicyFacts['role']) => ({ role, target: { isActor: true, role } });
const other = (role: PolicyFacts['role'], target: PolicyFacts['role']) => ({
  role,
  target: { isActor: false, role: target },
});

/** Action, facts besides, and the rule that permits it; null: denied. */
const table: [Action, Partial<PolicyFacts>, string | null][] = [
  ['user.upsert', profile(false), 'everyone-keeps-own-profile'],
  ['user.upsert', { ...profile(false), producer: UNKNOWN }, 'everyone-keeps-own-profile'],
  ['user.upsert', { ...profile(true), producer: KNOWN }, 'known-producers-set-kinds'],
  ['user.upsert', { ...profile(true), producer: { userId: 'x', appId: null } }, 'known-producers-set-kinds'],
  ['user.upsert', { ...profile(true), producer: UNKNOWN }, null],
  ['user.upsert', { ...profile(true), producer: { userId: 'x', appId: 'parley-rest' } }, null],
  ['user.upsert', { ...profile(true), producer: null }, null],

  ['chat.create', { chat: chat('direct') }, 'everyone-creates-chats'],
  ['chat.create', { chat: chat('group') }, 'everyone-creates-chats'],
  ['chat.create', { chat: chat('channel') }, 'everyone-creates-chats'],

  ...(['owner', 'admin', 'member', 'reader'] as const).map((role): (typeof table)[number] => [
    'chat.view',
    { chat: chat('group'), role },
    'members-view',
  ]),
  ['chat.view', { chat: chat('group'), role: null }, null],

  ...(['direct', 'group'] as const).flatMap((kind): typeof table => [
    ['message.send', { chat: chat(kind), role: 'owner' }, 'members-post'],
    ['message.send', { chat: chat(kind), role: 'admin' }, 'members-post'],
    ['message.send', { chat: chat(kind), role: 'member' }, 'members-post'],
    ['message.send', { chat: chat(kind), role: 'reader' }, null],
    ['message.send', { chat: chat(kind), role: null }, null],
  ]),
  ['message.send', { chat: chat('channel'), role: 'owner' }, 'owners-and-admins-post-in-channels'],
  ['message.send', { chat: chat('channel'), role: 'admin' }, 'owners-and-admins-post-in-channels'],
  ['message.send', { chat: chat('channel'), role: 'member' }, null],
  ['message.send', { chat: chat('channel'), role: 'reader' }, null],
  ['message.send', { chat: chat('channel'), role: null }, null],
  ['message.send', { chat: null, role: 'owner' }, null],

  ...(['direct', 'group'] as const).flatMap((kind): typeof table => [
    ['message.edit', { chat: chat(kind), role: 'owner', ...own }, 'senders-edit-own'],
    ['message.edit', { chat: chat(kind), role: 'admin', ...own }, 'senders-edit-own'],
    ['message.edit', { chat: chat(kind), role: 'member', ...own }, 'senders-edit-own'],
    ['message.edit', { chat: chat(kind), role: 'reader', ...own }, null],
    ['message.edit', { chat: chat(kind), role: null, ...own }, null],
    ['message.edit', { chat: chat(kind), role: 'owner', ...anothers }, null],
    ['message.edit', { chat: chat(kind), role: 'owner', message: null }, null],
  ]),
  ['message.edit', { chat: chat('channel'), role: 'owner', ...own }, 'owners-and-admins-edit-own-in-channels'],
  ['message.edit', { chat: chat('channel'), role: 'admin', ...own }, 'owners-and-admins-edit-own-in-channels'],
  ['message.edit', { chat: chat('channel'), role: 'member', ...own }, null],
  ['message.edit', { chat: chat('channel'), role: 'reader', ...own }, null],
  ['message.edit', { chat: chat('channel'), role: 'owner', ...anothers }, null],
  ['message.edit', { chat: null, role: 'owner', ...own }, null],

  ...(['soft', 'hard'] as const).flatMap((deleteMode): typeof table => [
    ...(['owner', 'admin', 'member', 'reader'] as const).flatMap((role): typeof table => [
      ['message.delete', { chat: chat('direct'), role, ...own, deleteMode }, 'senders-delete-own'],
      ['message.delete', { chat: chat('direct'), role, ...anothers, deleteMode }, null],
    ]),
    ...(['group', 'channel'] as const).flatMap((kind): typeof table => [
      ['message.delete', { chat: chat(kind), role: 'owner', ...anothers, deleteMode }, 'owners-and-admins-delete'],
      ['message.delete', { chat: chat(kind), role: 'admin', ...anothers, deleteMode }, 'owners-and-admins-delete'],
      ['message.delete', { chat: chat(kind), role: 'member', ...own, deleteMode }, 'senders-delete-own'],
      ['message.delete', { chat: chat(kind), role: 'reader', ...own, deleteMode }, 'senders-delete-own'],
      ['message.delete', { chat: chat(kind), role: 'member', ...anothers, deleteMode }, null],
      ['message.delete', { chat: chat(kind), role: 'reader', ...anothers, deleteMode }, null],
      ['message.delete', { chat: chat(kind), role: null, ...own, deleteMode }, null],
    ]),
  ]),
  ['message.delete', { chat: null, role: 'admin', ...anothers }, null],
  ['message.delete', { chat: chat('direct'), role: 'member', message: null }, null],

  ...(['message.react', 'message.unreact'] as const).flatMap((action): typeof table => [
    ...(['direct', 'group', 'channel'] as const).flatMap((kind): typeof table => [
      [action, { chat: chat(kind), role: 'member', ...anothers }, 'members-react'],
      [action, { chat: chat(kind), role: 'reader', ...anothers }, null],
    ]),
    [action, { chat: chat('group'), role: 'owner', ...own }, 'members-react'],
    [action, { chat: chat('group'), role: 'admin', ...own }, 'members-react'],
    [action, { chat: chat('group'), role: null, ...own }, null],
  ]),

  ...(['owner', 'admin', 'member', 'reader'] as const).map((role): (typeof table)[number] => [
    'chat.read',
    { chat: chat('channel'), role },
    'members-mark-read',
  ]),
  ['chat.read', { chat: chat('group'), role: null }, null],

  ...(['chat.update', 'chat.archive', 'chat.unarchive'] as const).flatMap((action): typeof table => [
    ...(['group', 'channel'] as const).flatMap((kind): typeof table => [
      [action, { chat: chat(kind), role: 'owner' }, 'owners-and-admins-change-chats'],
      [action, { chat: chat(kind, true), role: 'admin' }, 'owners-and-admins-change-chats'],
      [action, { chat: chat(kind), role: 'member' }, null],
      [action, { chat: chat(kind), role: 'reader' }, null],
      [action, { chat: chat(kind), role: null }, null],
    ]),
    [action, { chat: chat('direct'), role: 'member' }, 'both-change-direct-chats'],
    [action, { chat: chat('direct'), role: null }, null],
    [action, { chat: null, role: 'owner' }, null],
  ]),

  ...(['owner', 'admin', 'member', 'reader', null] as const).flatMap((target): typeof table => [
    ...(['owner', 'admin', 'member', 'reader', null] as const).flatMap((grantedRole): typeof table => [
      ['member.update', { ...other('owner', target), grantedRole }, 'owners-update-members'],
      [
        'member.update',
        { ...other('admin', target), grantedRole },
        (target === 'member' || target === 'reader') && grantedRole !== 'owner'
          ? 'admins-update-members-below-admin'
          : null,
      ],
      ['member.update', { ...other('member', target), grantedRole }, null],
    ]),
    ['member.update', other('reader', target), null],
    ['member.update', other(null, target), null],
  ]),
  ['member.update', self('owner'), 'owners-update-members'],
  ['member.update', self('admin'), null],
  ['member.update', self('member'), null],
  ['member.update', { role: 'owner', target: null }, null],

  ...(['owner', 'admin', 'member', 'reader'] as const).flatMap((grantedRole): typeof table => [
    ['member.add', { chat: chat('group'), role: 'owner', grantedRole }, 'owners-add'],
    [
      'member.add',
      { chat: chat('group'), role: 'admin', grantedRole },
      grantedRole === 'owner' ? null : 'admins-add-up-to-admin',
    ],
    ['member.add', { chat: chat('group'), role: 'member', grantedRole }, null],
    ['member.add', { chat: chat('group'), role: 'reader', grantedRole }, null],
    ['member.add', { chat: chat('group'), role: null, grantedRole }, null],
  ]),
  ['member.add', { chat: chat('group'), role: 'admin', grantedRole: null }, null],
  ['member.add', { chat: chat('group'), role: 'owner', grantedRole: null }, null],

  ...(['owner', 'admin', 'member', 'reader', null] as const).flatMap((target): typeof table => [
    ['member.remove', other('owner', target), 'owners-remove'],
    [
      'member.remove',
      other('admin', target),
      target === 'owner' || target === 'admin' ? null : 'admins-remove-below-admin',
    ],
    ['member.remove', other('member', target), null],
    ['member.remove', other('reader', target), null],
    ['member.remove', other(null, target), null],
  ]),
  ['member.remove', self('admin'), 'everyone-leaves'],
  ['member.remove', self('member'), 'everyone-leaves'],
  ['member.remove', self('reader'), 'everyone-leaves'],
  ['member.remove', self(null), null],
  ['member.remove', { role: 'owner', target: null }, null],
  ['member.remove', { role: 'admin', target: null }, null],

  ['decision.view', { decision: { isActor: true } }, 'everyone-asks-why-of-own'],
  ['decision.view', { decision: { isActor: false } }, null],
];

const policy = defaultPolicy();

const ruleNames = readPolicyFile()
  .document.rules.map(({ id }) => id)
  .filter((id) => id !== 'edit-window' && !id.startsWith('services-'));
const detailOf = (facts: PolicyFacts) => {
  const decision = policy.decide(facts);
  return decision.effect === 'deny' ? decision.detail : '';
};
const brief = (facts: Partial<PolicyFacts>) => JSON.stringify(facts).replaceAll('"', '');

describe('The default policy', () => {
  for (const [action, facts, rule] of table)
    it(`${rule === null ? 'denies' : 'permits'} ${action} with ${brief(facts)}`, () => {
      const decision = policy.decide({ ...nothing(action), ...facts });
      if (rule !== null) expect(decision).to.deep.equal({ effect: 'permit', rule });
      else expect(decision.effect).to.equal('deny');
    });

  it('permits an owner to leave by one rule or another', () => {
    expect(policy.decide({ ...nothing('member.remove'), ...self('owner') }).effect).to.equal('permit');
  });

  it('is asked about every command in these tests', () => {
    expect(commandTypes.filter((type) => !table.some(([action]) => action === type))).to.deep.equal([]);
  });

  it('has no rule that these tests do not see permit something', () => {
    const seen = new Set(table.map(([, , rule]) => rule));
    expect(ruleNames.filter((name) => !seen.has(name))).to.deep.equal([]);
  });

  it('has no rule that these tests do not see missing in a refusal, but the one that asks for nothing special', () => {
    const refused = table.filter(([, , rule]) => rule === null);
    const named = refused.map(([action, facts]) => detailOf({ ...nothing(action), ...facts })).join(' ');
    const never = ruleNames.filter((name) => !named.includes(name));
    expect(never).to.deep.equal(['everyone-creates-chats']);
    expect(detailOf(nothing('chat.create'))).to.contain('everyone-creates-chats');
  });

  it('says no without facts, whatever is asked', () => {
    for (const action of [...commandTypes, 'chat.view' as const].filter((action) => action !== 'user.upsert'))
      expect(policy.decide(nothing(action)).effect, action).to.equal('deny');
    const facts = { action: 'user.upsert' } as PolicyFacts;
    expect(policy.decide(facts).effect).to.equal('deny');
  });

  it('says no to what no rule speaks of', () => {
    for (const action of ['chat.delete', 'manage', 'all', 'constructor', '']) {
      const facts = { ...nothing(action as Action), chat: chat('group'), ...self('owner') };
      expect(policy.decide(facts), action).to.deep.equal({
        effect: 'deny',
        rule: null,
        detail: 'no rule permits this',
      });
    }
  });

  it('names the rules that would have to hold', () => {
    expect(policy.decide({ ...nothing('message.send'), chat: chat('channel'), role: 'member' })).to.deep.equal({
      effect: 'deny',
      rule: null,
      detail: 'none of these rules permits it: members-post, owners-and-admins-post-in-channels',
    });
  });

  it('decides by the facts alone: not changing them, and the same each time', () => {
    const facts = Object.freeze({
      ...nothing('message.send'),
      chat: Object.freeze(chat('group')),
      role: 'member' as const,
    });
    const before = JSON.stringify(facts);
    const decisions = [policy.decide(facts), policy.decide(facts), defaultPolicy().decide(facts)];
    for (const decision of decisions) expect(decision).to.deep.equal({ effect: 'permit', rule: 'members-post' });
    expect(JSON.stringify(facts)).to.equal(before);
  });
});

describe('The enforcement point', () => {
  const point = new PolicyEnforcementPoint(policy);
  const enforce = (asked: PolicyFacts) =>
    point.enforce(asked, { at: new Date(), commandId: 'c', chatId: null }, () => undefined);
  const facts = { ...nothing('message.send'), chat: chat('group') };

  it('turns a no into a refusal that names the rules, and a yes into none', () => {
    expect(enforce({ ...facts, role: 'reader' }).refusal).to.deep.equal({
      code: 'not_permitted',
      detail: 'none of these rules permits it: members-post, owners-and-admins-post-in-channels',
    });
    expect(enforce({ ...facts, role: 'member' }).refusal).to.equal(null);
  });

  it('gives each decision an id of its own', () => {
    const ids = Array.from({ length: 100 }, () => enforce({ ...facts, role: 'member' }).decisionId);
    expect(new Set(ids)).to.have.property('size', 100);
  });
});
