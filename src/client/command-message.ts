import { randomUUID } from 'node:crypto';
import type { CommandData, CommandType } from '../contract/messages/commands.js';
import { decodeCommand } from '../contract/messages/decode-command.js';
import { directChatId } from '../contract/messages/direct-chat-id.js';
import { DEFAULT_TENANT } from '../contract/messages/identifiers.js';
import type { Reason } from '../contract/messages/problems.js';

type Profile = CommandData['user.upsert'];
/** What is set without the rest of a profile. */
type ApartFromProfile = Pick<Profile, 'userId' | 'claims' | 'presence'>;
type NewChat = CommandData['chat.create'];

/** Rules of the contract on chat and data beyond their schemas, as far as types can express them. */
interface SpecialContent {
  'user.upsert': {
    chatId?: never;
    data:
      | (Profile & { displayName: string })
      | (ApartFromProfile &
          (Required<Pick<Profile, 'claims'>> | Required<Pick<Profile, 'presence'>>) & {
            [F in Exclude<keyof Profile, keyof ApartFromProfile>]?: never;
          });
  };
  'webhook.upsert': { chatId?: never; data: CommandData['webhook.upsert'] };
  'webhook.delete': { chatId?: never; data: CommandData['webhook.delete'] };
  'chat.create':
    | { chatId: string; data: NewChat }
    /** The id of a direct chat is computed from its two users. For a group or channel the producer chooses it. */
    | { chatId?: string; data: NewChat & { kind: 'direct' } };
}

type Content = {
  [T in CommandType]: T extends keyof SpecialContent ? SpecialContent[T] : { chatId: string; data: CommandData[T] };
};

/** A command: its actor (`actorId`, in `tenantId` or `default`), its chat and its data. */
export type CommandInput<T extends CommandType> = {
  tenantId?: string;
  actorId: string;
} & Content[T];

/** Options of a command. */
export interface CommandOptions {
  /**
   * The idempotency key. Generated if absent. A command sent again with the same key and content has no second effect.
   */
  commandId?: string;
  /** A token of the actor, without `Bearer`, if the workers require one (`COMMAND_AUTH=jwt`). */
  token?: string;
  /** W3C trace context. It continues through the store and the event. */
  traceparent?: string;
  tracestate?: string;
}

/** The contract does not allow the command. A worker would reject it, or could not even answer. */
export class InvalidCommand extends Error {
  constructor(
    readonly commandId: string,
    /** The reason that a receipt would have. Null if a worker could not answer. */
    readonly reason: Reason | null,
    detail: string,
  ) {
    super(`command ${commandId} is not valid: ${detail}`);
    this.name = 'InvalidCommand';
  }
}

/** A command ready to be published. */
export interface CommandMessage {
  commandId: string;
  type: CommandType;
  routingKey: string;
  body: Buffer;
  headers: Record<string, string>;
}

/** Throws `InvalidCommand` for everything that a worker would reject in the command itself. */
export function commandMessage<T extends CommandType>(
  type: T,
  input: CommandInput<T>,
  { commandId = randomUUID(), token, traceparent, tracestate }: CommandOptions,
): CommandMessage {
  const { tenantId, actorId, data } = input;
  const chatId = input.chatId ?? directIdOf(type, input);
  const body = Buffer.from(JSON.stringify({ tenantId, actorId, chatId, data }));
  const routingKey = chatId ?? actorId;
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(tracestate === undefined ? {} : { tracestate }),
  };
  const contentType = 'application/json';
  const decoded = decodeCommand({ type, messageId: commandId, contentType, routingKey, headers, body });
  if (decoded.outcome === 'malformed') throw new InvalidCommand(commandId, null, decoded.detail);
  if (decoded.outcome === 'refused') {
    const { title, detail, violations = [] } = decoded.reason;
    const listed = violations.map(({ path, message }) => `${path} ${message}`).join('; ');
    throw new InvalidCommand(commandId, decoded.reason, listed || detail || title);
  }
  return { commandId, type, routingKey, body, headers };
}

/**
 * The id of a direct chat is computed from the tenant and its two users. For any other chat the producer chooses it.
 */
function directIdOf(type: CommandType, { tenantId, actorId, data }: CommandInput<CommandType>): string | undefined {
  if (type !== 'chat.create') return undefined;
  // Not validated yet: a JavaScript program may have left out anything.
  const { kind, memberIds } = (data ?? {}) as Partial<NewChat>;
  const other: unknown = Array.isArray(memberIds) ? memberIds[0] : undefined;
  return kind === 'direct' && typeof other === 'string'
    ? directChatId(tenantId ?? DEFAULT_TENANT, actorId, other)
    : undefined;
}
