/**
 * The commands: what a producer may ask for. One schema per `type`; types, documents and validation all come from here.
 *
 * Adding a command: its data schema here, an entry in `commandData`, its use case in `application/`, its rule in the policy.
 * CONTRIBUTING.md walks through it.
 */
import { z } from 'zod';
import { chatId, messageId, tenantId, userId } from './identifiers.js';
import { httpsUrl, metadata, text } from './text.js';

export const BODY_MAX_BYTES = 256 * 1024;
export const BODY_MAX_DEPTH = 32;
export const MESSAGE_BODY_MAX_CHARACTERS = 16_384;

export const chatKind = z.enum(['direct', 'group', 'channel']);
export const role = z.enum(['owner', 'admin', 'member', 'reader']);
export const userKind = z.enum(['human', 'bot', 'service']);

export const attachment = z.strictObject({
  url: httpsUrl,
  mediaType: text(1, 255),
  size: z.int().min(0),
  name: text(1, 255),
});

export const userUpsertData = z.strictObject({
  displayName: text(1, 128),
  avatarUrl: httpsUrl.optional(),
  kind: userKind.optional(),
  metadata: metadata.optional(),
});

export const chatCreateData = z.strictObject({
  kind: chatKind,
  title: text(1, 256).optional(),
  memberIds: z.array(userId).max(100),
  metadata: metadata.optional(),
});

export const memberAddData = z.strictObject({
  userIds: z.array(userId).min(1).max(100),
  role: role.optional(),
});

export const memberRemoveData = z.strictObject({ userId });

export const messageSendData = z.strictObject({
  body: text(1, MESSAGE_BODY_MAX_CHARACTERS),
  contentType: text(1, 255).optional(),
  inReplyTo: messageId.optional(),
  threadRootId: messageId.optional(),
  mentions: z.array(userId).max(50).optional(),
  attachments: z.array(attachment).max(10).optional(),
  metadata: metadata.optional(),
});

/** The data of each command, by `type`. */
export const commandData = {
  'user.upsert': userUpsertData,
  'chat.create': chatCreateData,
  'member.add': memberAddData,
  'member.remove': memberRemoveData,
  'message.send': messageSendData,
} as const;

export type CommandType = keyof typeof commandData;
export const commandTypes = Object.keys(commandData) as CommandType[];

export function isCommandType(type: string): type is CommandType {
  return Object.hasOwn(commandData, type);
}

const about = { tenantId: tenantId.optional(), actorId: userId };

/** The body of each command, by `type`: `user.upsert` is about the actor and names no chat. */
export const commandBody = {
  'user.upsert': z.strictObject({ ...about, data: userUpsertData }),
  'chat.create': z.strictObject({ ...about, chatId, data: chatCreateData }),
  'member.add': z.strictObject({ ...about, chatId, data: memberAddData }),
  'member.remove': z.strictObject({ ...about, chatId, data: memberRemoveData }),
  'message.send': z.strictObject({ ...about, chatId, data: messageSendData }),
} as const satisfies Record<CommandType, z.ZodType>;

export type ChatKind = z.infer<typeof chatKind>;
export type Role = z.infer<typeof role>;
export type UserKind = z.infer<typeof userKind>;
export type Attachment = z.infer<typeof attachment>;

export type CommandData = { [T in CommandType]: z.infer<(typeof commandData)[T]> };

/** A command as the contract has parsed it: `type` decides the shape of `data`, and only `user.upsert` has no chat. */
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
