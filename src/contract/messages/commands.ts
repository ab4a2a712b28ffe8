/**
 * The commands that a producer can send. There is one schema per `type`, and types, documents and validation are
 * derived from it.
 *
 * To add a command: its data schema here, an entry in `commandData`, its handler in `application/commands`, its rule in
 * the policy. CONTRIBUTING.md describes the steps.
 */
import { z } from 'zod';
import { chatId, messageId, tenantId, userId, webhookId } from './identifiers.js';
import { emoji, endpointUrl, httpsUrl, mediaType, metadata, name, text, time } from './text.js';
import { expecting } from './violation-text.js';

export const BODY_MAX_BYTES = 256 * 1024;
export const BODY_MAX_DEPTH = 32;
export const MESSAGE_BODY_MAX_CHARACTERS = 16_384;
/** Maximum number of different emoji on one message. A further one is `limit_reached`. */
export const EMOJI_PER_MESSAGE_MAX = 50;
/** Maximum number of different emoji by one user on one message. A further one is `limit_reached`. */
export const EMOJI_PER_USER_AND_MESSAGE_MAX = 20;
const MENTIONS_MAX = 50;
/**
 * Maximum number of edits of one message. A further one is `limit_reached`. Deleting a message deletes all its earlier
 * texts in one transaction.
 */
export const EDITS_PER_MESSAGE_MAX = 1_000;

export const chatKind = z.enum(['direct', 'group', 'channel']).meta({
  description:
    '`direct`: a chat of two users; `group`: by default all members post; `channel`: by default owners and admins post.',
});
export const role = z
  .enum(['owner', 'admin', 'member', 'reader'])
  .meta({ description: "A member's role. The policy defines what each role may do." });
export const userKind = z
  .enum(['human', 'bot', 'service'])
  .meta({ description: '`human`: a person; `bot`: a program that posts; `service`: a program of the operator.' });
export const presence = z.enum(['shared', 'hidden']).meta({
  description: '`shared`: users who share a chat with the user see whether the user is online; `hidden`: nobody does.',
});
export const historyVisibility = z.enum(['full', 'since-joined']).meta({
  description: '`full`: members see the whole history; `since-joined`: members see the history from their joining on.',
});
export const deleteMode = z.enum(['soft', 'hard']).meta({
  description:
    '`soft`: text, attachments and earlier texts are deleted, a tombstone remains; `hard`: the message, its earlier texts and reactions are deleted. Its sequence is not used again.',
});

export const attachment = z.strictObject({
  url: httpsUrl.meta({ description: 'URL of the file. Parley neither fetches nor stores the file.' }),
  mediaType: mediaType.meta({ description: 'Media type of the file (RFC 9110).' }),
  size: z.int().min(0).meta({ description: 'Size of the file in bytes.' }),
  name: text(1, 255).meta({ description: 'Name of the file, for display.' }),
});
const attachments = z.array(attachment).max(10).meta({ description: 'Files of the message, in display order.' });
const body = text(1, MESSAGE_BODY_MAX_CHARACTERS).meta({
  description: 'Text of the message, stored as sent.',
});
const title = name(1, 256).meta({ description: 'Title of the chat, stored in Normalization Form C.' });

const CLAIMS_MAX = 32;
const CLAIM_MAX_CHARACTERS = 256;
const CLAIM_LIST_MAX = 32;
const claimText = text(1, CLAIM_MAX_CHARACTERS);

/** Values that rules of the policy can name as `actor.claims.<name>`. */
export const claims = z
  .record(
    z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'must be a letter and at most 63 more of A-Z a-z 0-9 _ -'),
    z.union([claimText, z.number(), z.boolean(), z.array(claimText).max(CLAIM_LIST_MAX)], {
      error: `must be a string of 1 to ${CLAIM_MAX_CHARACTERS} characters, a number, true or false, or a list of at most ${CLAIM_LIST_MAX} such strings`,
    }),
  )
  .refine((all) => Object.keys(all).length <= CLAIMS_MAX, `must be at most ${CLAIMS_MAX}`);

export const userUpsertFields = z.strictObject({
  userId: userId.optional().meta({
    description: 'The user whose profile is written. Default: the actor. The policy decides who may write others.',
  }),
  displayName: name(1, 128)
    .optional()
    .meta({ description: 'Display name. Required unless only `claims` or `presence` is set.' }),
  avatarUrl: httpsUrl.optional().meta({ description: 'URL of a picture of the user.' }),
  kind: userKind.optional(),
  metadata: metadata.optional(),
  presence: presence.optional(),
  claims: claims.optional().meta({
    description: 'Attributes of the user for the policy. Replaces all claims. Claims are neither published nor shown.',
  }),
});

/**
 * The whole profile. Omitted fields are cleared, except `kind`, `presence` and `claims`, which are unchanged: a client
 * that does not know `presence` must not share it again. If only claims or the presence are set, the rest of the
 * profile is unchanged too, so that a service that sets claims need not know the name.
 */
export const userUpsertData = userUpsertFields.superRefine((data, context) => {
  if (data.displayName !== undefined || leavesProfile(data)) return;
  const message = 'is required, unless only claims or the presence are set';
  context.addIssue({ code: 'custom', path: ['displayName'], message });
});

/** Fields that are set without the rest of the profile. */
const APART = ['claims', 'presence'];

/** Whether only claims or the presence change, so that the rest of the profile stays. */
export function leavesProfile(data: { [field: string]: unknown }): boolean {
  return (
    APART.some((field) => data[field] !== undefined) &&
    Object.keys(data).every((field) => field === 'userId' || APART.includes(field))
  );
}

export const chatCreateData = z.strictObject({
  kind: chatKind,
  title: title.optional(),
  memberIds: z
    .array(userId)
    .max(100)
    .meta({ description: 'The members besides the actor; exactly one for a direct chat. Duplicates count once.' }),
  historyVisibility: historyVisibility.optional(),
  metadata: metadata.optional(),
});

/** Omitted fields are unchanged. Null clears a field. */
export const chatUpdateData = z.strictObject({
  title: title.nullable().optional(),
  metadata: metadata.nullable().optional().meta({ description: 'Replaces all metadata. Null removes it.' }),
  historyVisibility: historyVisibility.optional(),
});

export const chatArchiveData = z.strictObject({});
export const chatUnarchiveData = z.strictObject({});
export const chatHideData = z.strictObject({});
export const chatUnhideData = z.strictObject({});

export const chatReadData = z.strictObject({
  upTo: z.int().min(0).meta({
    description: 'Everything up to this sequence is read. A value above the last sequence means the last sequence.',
  }),
});

/** The mark of the actor's devices: what has reached them, read or not. */
export const chatDeliveredData = z.strictObject({
  upTo: z.int().min(0).meta({
    description:
      'Everything up to this sequence has reached a device of the actor. A value above the last sequence means the last sequence.',
  }),
});

export const memberAddData = z.strictObject({
  userIds: z.array(userId).min(1).max(100).meta({
    description:
      'User ids of the new members. Existing members are unchanged. A user who left while muted stays muted until the mute ends.',
  }),
  role: role.optional().meta({ description: 'Role of the new members. Default: `member`.' }),
});

export const memberRemoveData = z.strictObject({
  userId: userId.meta({ description: 'The user to remove. In an archived chat it must be the actor, who leaves.' }),
});

/** Omitted fields are unchanged. `mutedUntil: null` ends a mute. */
export const memberUpdateData = z.strictObject({
  userId,
  role: role.optional(),
  mutedUntil: time
    .nullable()
    .optional()
    .meta({ description: 'The member may not post until this time. Null ends the mute.' }),
});

/** Duplicates are removed. */
const mentions = z
  .array(userId)
  .max(MENTIONS_MAX)
  .overwrite((userIds) => (userIds.length < 2 ? userIds : [...new Set(userIds)]))
  .meta({ description: 'User ids of the mentioned users. Duplicates count once.' });

export const messageSendData = z.strictObject({
  body,
  contentType: mediaType
    .optional()
    .meta({ description: 'Media type of `body`, such as `text/markdown`. Default: `text/plain`.' }),
  inReplyTo: messageId
    .optional()
    .meta({ description: 'Id of the message in the same chat to which this message replies.' }),
  threadRootId: messageId.optional().meta({
    description: 'Id of the root message of the thread, in the same chat. The root is not part of another thread.',
  }),
  mentions: mentions.optional(),
  attachments: attachments.optional(),
  metadata: metadata.optional(),
});

/** Omitted `mentions` and `metadata` are unchanged. */
export const messageEditData = z.strictObject({
  messageId,
  body,
  mentions: mentions.optional(),
  metadata: metadata.optional(),
});

export const messageDeleteData = z.strictObject({ messageId, mode: deleteMode });
export const messageReactData = z.strictObject({ messageId, emoji });
export const messageUnreactData = z.strictObject({ messageId, emoji });

/** Maximum number of chats that one webhook names. */
export const WEBHOOK_CHATS_MAX = 100;
/** Maximum number of event types that one webhook names. */
const WEBHOOK_TYPES_MAX = 64;

export const webhookFields = {
  url: endpointUrl.meta({
    description:
      'URL of the endpoint, `https` (`http` only into networks that the operator permits). It is published with the event: it must not contain a secret.',
  }),
  eventTypes: z
    .array(z.string(expecting('the type of an event')).regex(/^[a-z]+\.[a-z]+$/, 'must be the type of an event'))
    .min(1)
    .max(WEBHOOK_TYPES_MAX)
    .nullable()
    .meta({ description: 'Types of the events to deliver, such as `message.created`. Null: all.' }),
  chatIds: z
    .array(chatId)
    .min(1)
    .max(WEBHOOK_CHATS_MAX)
    .nullable()
    .meta({ description: 'Ids of the chats whose events are delivered. Null: all chats.' }),
  chatKinds: z
    .array(chatKind)
    .min(1)
    .max(3)
    .nullable()
    .meta({ description: 'Kinds of the chats whose events are delivered. Null: all. Not together with `chatIds`.' }),
  offlineOnly: z.boolean(expecting('true or false')).meta({
    description:
      'True: only events that have a recipient without a live connection. The event then lists these recipients with the number of their unread messages.',
  }),
  isEnabled: z.boolean(expecting('true or false')).meta({ description: 'False: no events are delivered or kept.' }),
};

/** The whole webhook. Omitted fields get their defaults: all events of all chats, enabled. */
export const webhookUpsertFields = z.strictObject({
  webhookId,
  url: webhookFields.url,
  eventTypes: webhookFields.eventTypes.optional(),
  chatIds: webhookFields.chatIds.optional(),
  chatKinds: webhookFields.chatKinds.optional(),
  offlineOnly: webhookFields.offlineOnly.optional(),
  isEnabled: webhookFields.isEnabled.optional(),
});

export const webhookUpsertData = webhookUpsertFields.superRefine(({ chatIds, chatKinds }, context) => {
  if (chatIds && chatKinds)
    context.addIssue({ code: 'custom', path: ['chatKinds'], message: 'cannot be combined with chatIds' });
});
export const webhookDeleteData = z.strictObject({ webhookId });

/** The data of each command, by `type`. */
export const commandData = {
  'user.upsert': userUpsertData,
  'chat.create': chatCreateData,
  'chat.update': chatUpdateData,
  'chat.archive': chatArchiveData,
  'chat.unarchive': chatUnarchiveData,
  'chat.hide': chatHideData,
  'chat.unhide': chatUnhideData,
  'chat.read': chatReadData,
  'chat.delivered': chatDeliveredData,
  'member.add': memberAddData,
  'member.remove': memberRemoveData,
  'member.update': memberUpdateData,
  'message.send': messageSendData,
  'message.edit': messageEditData,
  'message.delete': messageDeleteData,
  'message.react': messageReactData,
  'message.unreact': messageUnreactData,
  'webhook.upsert': webhookUpsertData,
  'webhook.delete': webhookDeleteData,
} as const;

export type CommandType = keyof typeof commandData;
export const commandTypes = Object.keys(commandData) as CommandType[];

export function isCommandType(type: string): type is CommandType {
  return Object.hasOwn(commandData, type);
}

const about = { tenantId: tenantId.optional(), actorId: userId };

function inChat<D extends z.ZodType>(data: D) {
  return z.strictObject({ ...about, chatId, data: data.meta({ description: 'The data of the command.' }) });
}

/** Commands that are about no chat. Their routing key is the actor id. */
export const CHATLESS_COMMANDS = ['user.upsert', 'webhook.upsert', 'webhook.delete'] as const;
export type ChatlessCommand = (typeof CHATLESS_COMMANDS)[number];

export function isChatless(type: string): type is ChatlessCommand {
  return (CHATLESS_COMMANDS as readonly string[]).includes(type);
}

function withoutChat<D extends z.ZodType>(data: D) {
  return z.strictObject({ ...about, data: data.meta({ description: 'The data of the command.' }) });
}

/** The body of each command, by `type`. */
export const commandBody = {
  'user.upsert': withoutChat(userUpsertData),
  'chat.create': inChat(chatCreateData),
  'chat.update': inChat(chatUpdateData),
  'chat.archive': inChat(chatArchiveData),
  'chat.unarchive': inChat(chatUnarchiveData),
  'chat.hide': inChat(chatHideData),
  'chat.unhide': inChat(chatUnhideData),
  'chat.read': inChat(chatReadData),
  'chat.delivered': inChat(chatDeliveredData),
  'member.add': inChat(memberAddData),
  'member.remove': inChat(memberRemoveData),
  'member.update': inChat(memberUpdateData),
  'message.send': inChat(messageSendData),
  'message.edit': inChat(messageEditData),
  'message.delete': inChat(messageDeleteData),
  'message.react': inChat(messageReactData),
  'message.unreact': inChat(messageUnreactData),
  'webhook.upsert': withoutChat(webhookUpsertData),
  'webhook.delete': withoutChat(webhookDeleteData),
} as const satisfies Record<CommandType, z.ZodType>;

export type ChatKind = z.infer<typeof chatKind>;
export type Role = z.infer<typeof role>;
export type UserKind = z.infer<typeof userKind>;
export type HistoryVisibility = z.infer<typeof historyVisibility>;
export type DeleteMode = z.infer<typeof deleteMode>;
export type Attachment = z.infer<typeof attachment>;

export type CommandData = { [T in CommandType]: z.infer<(typeof commandData)[T]> };

/** A parsed command: `type` decides the shape of `data`, and whether there is a chat. */
export type Command = {
  [T in CommandType]: {
    type: T;
    commandId: string;
    tenantId: string;
    actorId: string;
    chatId: T extends ChatlessCommand ? null : string;
    data: CommandData[T];
  };
}[CommandType];

export type CommandOf<T extends CommandType> = Extract<Command, { type: T }>;
