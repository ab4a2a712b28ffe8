/**
 * Every attribute that a rule can name, its type and its meaning. This is the only list: policy documents are checked
 * against it.
 */
import {
  type CommandType,
  chatKind,
  commandTypes,
  deleteMode,
  isChatless,
  role,
  userKind,
} from '../../../contract/messages/commands.js';
import type { Action } from '../../ports/policy-decision-point.js';

/** Actions about an existing chat, for which it is known whether the actor is a member. */
const IN_CHAT: ReadonlySet<Action> = new Set<Action>([
  ...commandTypes.filter((type) => !isChatless(type) && type !== 'chat.create'),
  'chat.view',
]);

export function isInChat(action: Action): boolean {
  return IN_CHAT.has(action);
}

export const ACTIONS: readonly Action[] = [
  ...commandTypes,
  'chat.view',
  'user.view',
  'decision.view',
  'webhook.view',
  'webhook.operate',
  'key.manage',
];
const ON_CHATS: readonly Action[] = [...IN_CHAT, 'chat.create'];
const ON_COMMANDS: readonly CommandType[] = commandTypes;
const ON_MESSAGES: readonly Action[] = ['message.edit', 'message.delete', 'message.react', 'message.unreact'];
const ON_TEXTS: readonly Action[] = ['message.send', 'message.edit'];

export type AttributeType =
  /** One of these words. */
  | { type: 'word'; words: readonly string[] }
  /** One of these words, or a set of roles that the policy document defines. */
  | { type: 'role'; words: readonly string[] }
  | { type: 'text' }
  | { type: 'flag' }
  | { type: 'number' }
  /** In milliseconds; written like 15m or 24h. */
  | { type: 'duration' }
  /** Any type that a claim can have. */
  | { type: 'claim' };

export type Attribute = AttributeType & {
  /** `subject`: about the actor. `when`: about the request. A rule names an attribute in its own part. */
  part: 'subject' | 'when';
  /** The actions for which it is known. Rules about other actions cannot name it. */
  on: readonly Action[];
  /** Whether its absence can be known. Then a rule can test for `none`. */
  canBeNone?: boolean;
  meaning: string;
};

const roles = { type: 'role', words: role.options } as const;

export const ATTRIBUTES: { readonly [name: string]: Attribute } = {
  role: {
    ...roles,
    on: [...IN_CHAT],
    part: 'subject',
    canBeNone: true,
    meaning: "the actor's role in the chat; none: not a member",
  },
  'actor.kind': {
    type: 'word',
    words: userKind.options,
    on: ACTIONS,
    part: 'subject',
    meaning: 'the kind of user',
  },
  'actor.userId': { type: 'text', on: ACTIONS, part: 'subject', meaning: "the actor's user id" },
  'actor.tenantId': { type: 'text', on: ACTIONS, part: 'subject', meaning: "the actor's tenant id" },
  'producer.userId': {
    type: 'text',
    on: ON_COMMANDS,
    part: 'subject',
    canBeNone: true,
    meaning: 'the RabbitMQ user of the producer, verified by the broker; none: not set',
  },
  'producer.appId': {
    type: 'text',
    on: ON_COMMANDS,
    part: 'subject',
    canBeNone: true,
    meaning: 'the `app_id` of the producer, not verified; parley-rest for REST; none: not set',
  },
  'chat.kind': {
    type: 'word',
    words: chatKind.options,
    on: ON_CHATS,
    part: 'when',
    meaning: 'the kind of chat',
  },
  'chat.archived': { type: 'flag', on: ON_CHATS, part: 'when', meaning: 'whether the chat is archived' },
  'target.isActor': {
    type: 'flag',
    on: ['member.remove', 'member.update'],
    part: 'when',
    meaning: 'whether the affected member is the actor',
  },
  'target.role': {
    ...roles,
    on: ['member.remove', 'member.update'],
    part: 'when',
    canBeNone: true,
    meaning: "the affected member's role; none: not a member",
  },
  grantedRole: {
    ...roles,
    on: ['member.add', 'member.update'],
    part: 'when',
    canBeNone: true,
    meaning: 'the role that is assigned; none: no role is assigned',
  },
  'message.isSender': {
    type: 'flag',
    on: ON_MESSAGES,
    part: 'when',
    meaning: 'whether the actor sent the message',
  },
  'message.isDeleted': { type: 'flag', on: ON_MESSAGES, part: 'when', meaning: 'whether the message is a tombstone' },
  'message.ageMs': { type: 'duration', on: ON_MESSAGES, part: 'when', meaning: 'the time since the message was sent' },
  'message.withinEditWindow': {
    type: 'flag',
    on: ON_MESSAGES,
    part: 'when',
    meaning: "whether the message is younger than the tenant's EDIT_WINDOW; always true without EDIT_WINDOW",
  },
  'text.length': { type: 'number', on: ON_TEXTS, part: 'when', meaning: 'the length of the text in UTF-16 code units' },
  'text.hasLinks': {
    type: 'flag',
    on: ON_TEXTS,
    part: 'when',
    meaning: 'whether the text contains a web address, with https:// or www.',
  },
  'text.mentions': { type: 'number', on: ON_TEXTS, part: 'when', meaning: 'the number of mentioned users' },
  'text.attachments': { type: 'number', on: ON_TEXTS, part: 'when', meaning: 'the number of attachments' },
  deleteMode: {
    type: 'word',
    words: deleteMode.options,
    on: ['message.delete'],
    part: 'when',
    meaning: 'the mode: soft or hard',
  },
  'profile.isActor': {
    type: 'flag',
    on: ['user.upsert'],
    part: 'when',
    meaning: "whether the profile is the actor's own",
  },
  'profile.setsKind': {
    type: 'flag',
    on: ['user.upsert'],
    part: 'when',
    meaning: 'whether the command sets the kind of user',
  },
  'profile.setsClaims': { type: 'flag', on: ['user.upsert'], part: 'when', meaning: 'whether the command sets claims' },
  'user.isActor': {
    type: 'flag',
    on: ['user.view', 'key.manage'],
    part: 'when',
    meaning: "whether the profile or the keys are the actor's own; never in a search",
  },
  'user.kind': {
    type: 'word',
    words: userKind.options,
    on: ['user.view', 'key.manage'],
    part: 'when',
    meaning: 'the kind of the user whose profile or keys they are',
  },
  'user.isFound': {
    type: 'flag',
    on: ['user.view'],
    part: 'when',
    meaning: 'whether a search by name finds the user; false: the request names the id',
  },
  'decision.isActor': {
    type: 'flag',
    on: ['decision.view'],
    part: 'when',
    meaning: 'whether the decision is about a request of the actor',
  },
};

/** `actor.claims.guest`, `actor.token.department`: attributes whose last part is the name of the claim. */
export const CLAIM_ATTRIBUTE = /^actor\.(claims|token)\.([A-Za-z][A-Za-z0-9_-]{0,63})$/;

/** Null if there is no such attribute. */
export function findAttribute(name: string): Attribute | null {
  if (CLAIM_ATTRIBUTE.test(name))
    return { type: 'claim', on: ACTIONS, part: 'subject', meaning: 'a claim about the actor' };
  return Object.hasOwn(ATTRIBUTES, name) ? (ATTRIBUTES[name] ?? null) : null;
}
