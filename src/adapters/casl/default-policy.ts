/**
 * The default policy as CASL rules. Deny is the default: what no rule permits is refused, and the refusal names what was missing.
 */
import { AbilityBuilder, createMongoAbility, type MongoAbility, subject } from '@casl/ability';
import type { Decision, PolicyDecisionPoint, PolicyFacts } from '../../application/policy/facts.js';

type Ability = MongoAbility<[string, 'Request' | { [key: string]: unknown }]>;

/** What REST's own door calls itself as a producer. */
export const REST_PRODUCER = 'parley-rest';

const ROLES = ['owner', 'admin', 'member', 'reader'];
const POSTING = ['owner', 'admin', 'member'];

/** Each condition asks for facts that are there: a missing one must not permit anything. */
const RULES: { name: string; actions: PolicyFacts['action'][]; when: { [fact: string]: unknown } }[] = [
  { name: 'everyone-keeps-own-profile', actions: ['user.upsert'], when: { setsKind: false } },
  {
    // The broker has checked who publishes; a program that nobody knows does not say what kind of user somebody is.
    name: 'known-producers-set-kinds',
    actions: ['user.upsert'],
    when: { setsKind: true, 'producer.userId': { $exists: true, $ne: null }, 'producer.appId': { $ne: REST_PRODUCER } },
  },
  {
    name: 'everyone-creates-chats',
    actions: ['chat.create'],
    when: { 'chat.kind': { $in: ['direct', 'group', 'channel'] } },
  },
  { name: 'members-view', actions: ['chat.view'], when: { role: { $in: ROLES } } },
  {
    name: 'members-post',
    actions: ['message.send'],
    when: { 'chat.kind': { $in: ['direct', 'group'] }, role: { $in: POSTING } },
  },
  {
    name: 'owners-and-admins-post-in-channels',
    actions: ['message.send'],
    when: { 'chat.kind': 'channel', role: { $in: ['owner', 'admin'] } },
  },
  {
    // Whoever may no longer post does not say something new in an old place either.
    name: 'senders-edit-own',
    actions: ['message.edit'],
    when: { 'chat.kind': { $in: ['direct', 'group'] }, role: { $in: POSTING }, 'message.isSender': true },
  },
  {
    name: 'owners-and-admins-edit-own-in-channels',
    actions: ['message.edit'],
    when: { 'chat.kind': 'channel', role: { $in: ['owner', 'admin'] }, 'message.isSender': true },
  },
  { name: 'senders-delete-own', actions: ['message.delete'], when: { role: { $in: ROLES }, 'message.isSender': true } },
  {
    name: 'owners-and-admins-delete',
    actions: ['message.delete'],
    when: { 'chat.kind': { $in: ['group', 'channel'] }, role: { $in: ['owner', 'admin'] } },
  },
  { name: 'members-react', actions: ['message.react', 'message.unreact'], when: { role: { $in: POSTING } } },
  { name: 'members-mark-read', actions: ['chat.read'], when: { role: { $in: ROLES } } },
  {
    name: 'owners-and-admins-change-chats',
    actions: ['chat.update', 'chat.archive', 'chat.unarchive'],
    when: { 'chat.kind': { $in: ['group', 'channel'] }, role: { $in: ['owner', 'admin'] } },
  },
  {
    name: 'both-change-direct-chats',
    actions: ['chat.update', 'chat.archive', 'chat.unarchive'],
    when: { 'chat.kind': 'direct', role: 'member' },
  },
  {
    name: 'owners-update-members',
    actions: ['member.update'],
    when: { role: 'owner', 'target.isActor': { $in: [true, false] } },
  },
  {
    name: 'admins-update-members-below-admin',
    actions: ['member.update'],
    when: {
      role: 'admin',
      'target.role': { $in: ['member', 'reader'] },
      grantedRole: { $in: ['admin', 'member', 'reader', null] },
    },
  },
  { name: 'owners-add', actions: ['member.add'], when: { role: 'owner', grantedRole: { $in: ROLES } } },
  {
    name: 'admins-add-up-to-admin',
    actions: ['member.add'],
    when: { role: 'admin', grantedRole: { $in: ['admin', 'member', 'reader'] } },
  },
  { name: 'everyone-leaves', actions: ['member.remove'], when: { role: { $in: ROLES }, 'target.isActor': true } },
  {
    name: 'owners-remove',
    actions: ['member.remove'],
    when: { role: 'owner', 'target.isActor': { $in: [true, false] } },
  },
  {
    name: 'admins-remove-below-admin',
    actions: ['member.remove'],
    when: {
      role: 'admin',
      'target.isActor': { $in: [true, false] },
      'target.role': { $in: ['member', 'reader', null] },
    },
  },
];

/** What a refusal says: the rules that would have to hold. */
function rulesFor(action: string): string {
  return RULES.filter(({ actions }) => actions.includes(action as PolicyFacts['action']))
    .map(({ name }) => name)
    .join(', ');
}

export class CaslDecisionPoint implements PolicyDecisionPoint {
  private readonly ability: Ability;

  constructor() {
    const { can, build } = new AbilityBuilder<Ability>(createMongoAbility);
    for (const { name, actions, when } of RULES) can(actions, 'Request', when).because(name);
    this.ability = build();
  }

  decide(facts: PolicyFacts): Decision {
    // Always with a subject: without one CASL lets conditional rules pass.
    const rule = this.ability.relevantRuleFor(
      facts.action,
      subject('Request', { ...facts } as { [fact: string]: unknown }),
    );
    if (rule !== null && !rule.inverted) return { effect: 'permit', rule: rule.reason ?? facts.action };
    const needed = rulesFor(facts.action);
    return {
      effect: 'deny',
      rule: needed === '' ? 'no rule permits this' : `none of these rules permits it: ${needed}`,
    };
  }
}
