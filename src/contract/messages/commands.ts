/**
 * The commands that a producer can send. There is one schema per `type`, and types, documents and validation are
 * derived from it.
 *
 * To add a command: its data schema here, an entry in `commandData`, its handler in `application/commands`, its rule in
 * the policy. CONTRIBUTING.md describes the steps.
 */
import { z } from 'zod';
import { chatId, messageId, tenantId, userId } from './identifiers.js';
import { emoji, httpsUrl, mediaType, metadata, name, text, time } from './text.js';

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
  description: '`direct`: two users; `group`: all members talk; `channel`: those with a role above `member` do.',
});
export const role = z
  .enum(['owner', 'admin', 'member', 'reader'])
  .meta({ description: "A member's role; what it may do is the policy's to say." });
export const userKind = z
  .enum(['human', 'bot', 'service'])
  .meta({ description: 'What kind of user it is: a person, a program that talks, or a part of the installation.' });
export const historyVisibility = z.enum(['full', 'since-joined']).meta({
  description: "What a member may see of the chat's past: all of it, or what came from their joining on.",
});
export const deleteMode = z.enum(['soft', 'hard']).meta({
  description:
    '`soft`: text, attachments and earlier texts go, a tombstone stays; `hard`: row, revisions, reactions go. The number stays taken.',
});

export const attachment = z.strictObject({
  url: httpsUrl.meta({ description: 'Where the file is; Parley neither fetches nor stores it.' }),
  mediaType: mediaType.meta({ description: 'Its media type (RFC 9110).' }),
  size: z.int().min(0).meta({ description: 'Its size in bytes.' }),
  name: text(1, 255).meta({ description: 'Its name, as users see it.' }),
});
const attachments = z.array(attachment).max(10).meta({ description: 'Files that go with the message, in this order.' });
const body = text(1, MESSAGE_BODY_MAX_CHARACTERS).meta({ description: 'The text. Kept as it was sent.' });
const title = name(1, 256).meta({ description: 'What the chat is called. In Normalization Form C.' });

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
  userId: userId
    .optional()
    .meta({ description: "Whose profile it is, where policy lets the actor keep others'; the actor's own if absent." }),
  displayName: name(1, 128).optional().meta({ description: 'Required, unless only claims are set.' }),
  avatarUrl: httpsUrl.optional().meta({ description: 'A picture of the user.' }),
  kind: userKind.optional(),
  metadata: metadata.optional(),
  claims: claims
    .optional()
    .meta({ description: 'What the policy is to know of the user, as a whole; neither published nor shown.' }),
});

/**
 * The whole profile. Fields that are left out are cleared, except `kind` and `claims`, which stay. If only claims are
 * set, the rest of the profile stays too, so that a service that sets claims need not know the name.
 */
export const userUpsertData = userUpsertFields.superRefine((data, context) => {
  if (data.displayName !== undefined || isClaimsOnly(data)) return;
  context.addIssue({ code: 'custom', path: ['displayName'], message: 'is required, unless only claims are set' });
});

/** Whether the profile stays as it is and only the claims change. */
export function isClaimsOnly(data: { [field: string]: unknown }): boolean {
  return data.claims !== undefined && Object.keys(data).every((field) => field === 'claims' || field === 'userId');
}

export const chatCreateData = z.strictObject({
  kind: chatKind,
  title: title.optional(),
  memberIds: z
    .array(userId)
    .max(100)
    .meta({ description: 'The members besides the actor; exactly one for a direct chat. Repeated ones count once.' }),
  historyVisibility: historyVisibility.optional(),
  metadata: metadata.optional(),
});

/** Fields that are left out stay as they are. Null clears a field. */
export const chatUpdateData = z.strictObject({
  title: title.nullable().optional(),
  metadata: metadata.nullable().optional().meta({ description: 'The whole of it anew; null: none.' }),
  historyVisibility: historyVisibility.optional(),
});

export const chatArchiveData = z.strictObject({});
export const chatUnarchiveData = z.strictObject({});
export const chatHideData = z.strictObject({});
export const chatUnhideData = z.strictObject({});

export const chatReadData = z.strictObject({
  upTo: z.int().min(0).meta({ description: 'A sequence of the chat; one past its end means all there is.' }),
});

export const memberAddData = z.strictObject({
  userIds: z
    .array(userId)
    .min(1)
    .max(100)
    .meta({ description: 'Who is added. Those who are members already stay as they are.' }),
  role: role.optional().meta({ description: 'The role of those who are added; `member` where none is named.' }),
});

export const memberRemoveData = z.strictObject({ userId });

/** Fields that are left out stay as they are. `mutedUntil: null` ends a mute. */
export const memberUpdateData = z.strictObject({
  userId,
  role: role.optional(),
  mutedUntil: time.nullable().optional().meta({ description: 'Until when the member may not talk; null: they may.' }),
});

/** Duplicates are removed. */
const mentions = z
  .array(userId)
  .max(MENTIONS_MAX)
  .overwrite((userIds) => (userIds.length < 2 ? userIds : [...new Set(userIds)]))
  .meta({ description: 'User ids; repeated ones count once.' });

export const messageSendData = z.strictObject({
  body,
  contentType: mediaType
    .optional()
    .meta({ description: "The body's media type, such as `text/markdown`; `text/plain` where none is named." }),
  inReplyTo: messageId.optional().meta({ description: 'The message of the same chat that this one answers.' }),
  threadRootId: messageId
    .optional()
    .meta({ description: 'The message of the same chat whose thread this one belongs to; it is in no thread itself.' }),
  mentions: mentions.optional(),
  attachments: attachments.optional(),
  metadata: metadata.optional(),
});

/** `mentions` and `metadata` stay as they are if left out. */
export const messageEditData = z.strictObject({
  messageId,
  body,
  mentions: mentions.optional(),
  metadata: metadata.optional(),
});

export const messageDeleteData = z.strictObject({ messageId, mode: deleteMode });
export const messageReactData = z.strictObject({ messageId, emoji });
export const messageUnreactData = z.strictObject({ messageId, emoji });

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
  'member.add': memberAddData,
  'member.remove': memberRemoveData,
  'member.update': memberUpdateData,
  'message.send': messageSendData,
  'message.edit': messageEditData,
  'message.delete': messageDeleteData,
  'message.react': messageReactData,
  'message.unreact': messageUnreactData,
} as const;

export type CommandType = keyof typeof commandData;
export const commandTypes = Object.keys(commandData) as CommandType[];

export function isCommandType(type: string): type is CommandType {
  return Object.hasOwn(commandData, type);
}

const about = { tenantId: tenantId.optional(), actorId: userId };

function inChat<D extends z.ZodType>(data: D) {
  return z.strictObject({ ...about, chatId, data: data.meta({ description: 'What is asked for.' }) });
}

/** The body of each command, by `type`. `user.upsert` is about a user and has no chat. */
export const commandBody = {
  'user.upsert': z.strictObject({ ...about, data: userUpsertData.meta({ description: 'What is asked for.' }) }),
  'chat.create': inChat(chatCreateData),
  'chat.update': inChat(chatUpdateData),
  'chat.archive': inChat(chatArchiveData),
  'chat.unarchive': inChat(chatUnarchiveData),
  'chat.hide': inChat(chatHideData),
  'chat.unhide': inChat(chatUnhideData),
  'chat.read': inChat(chatReadData),
  'member.add': inChat(memberAddData),
  'member.remove': inChat(memberRemoveData),
  'member.update': inChat(memberUpdateData),
  'message.send': inChat(messageSendData),
  'message.edit': inChat(messageEditData),
  'message.delete': inChat(messageDeleteData),
  'message.react': inChat(messageReactData),
  'message.unreact': inChat(messageUnreactData),
} as const satisfies Record<CommandType, z.ZodType>;

export type ChatKind = z.infer<typeof chatKind>;
export type Role = z.infer<typeof role>;
export type UserKind = z.infer<typeof userKind>;
export type HistoryVisibility = z.infer<typeof historyVisibility>;
export type DeleteMode = z.infer<typeof deleteMode>;
export type Attachment = z.infer<typeof attachment>;

export type CommandData = { [T in CommandType]: z.infer<(typeof commandData)[T]> };

/** A parsed command: `type` decides the shape of `data`, and only `user.upsert` has no chat. */
export type Command = {
  [T in CommandType]: {
    type: T;
    commandId: string;
    tenantId: string;
    actorId: string;
    chatId: T extends 'user.upsert' ? null : string;
    data: CommandData[T];
  };
}[CommandType];

export type CommandOf<T extends CommandType> = Extract<Command, { type: T }>;
