import { randomUUID } from 'node:crypto';
import type { CommandData, CommandType } from '../contract/messages/commands.js';
import { decodeCommand } from '../contract/messages/decode-command.js';
import { directChatId } from '../contract/messages/direct-id.js';
import { DEFAULT_TENANT } from '../contract/messages/identifiers.js';
import type { Reason } from '../contract/messages/problems.js';

type Profile = CommandData['user.upsert'];
type NewChat = CommandData['chat.create'];

/** What the contract asks of a chat and of data beyond their schemas, as far as types can say it. */
interface SpecialContent {
  'user.upsert': {
    chatId?: never;
    data:
      | (Profile & { displayName: string })
      | (Pick<Profile, 'userId'> & { claims: NonNullable<Profile['claims']> } & {
          [F in Exclude<keyof Profile, 'userId' | 'claims'>]?: never;
        });
  };
  'chat.create':
    | { chatId: string; data: NewChat }
    /** The id of a direct chat is computed from its two users; of a group or channel the producer chooses it. */
    | { chatId?: string; data: NewChat & { kind: 'direct' } };
}

type Content = {
  [T in CommandType]: T extends keyof SpecialContent ? SpecialContent[T] : { chatId: string; data: CommandData[T] };
};

/** What a command says: who asks (`actorId`, of `tenantId` or else `default`), in which chat, for what. */
export type CommandInput<T extends CommandType> = {
  tenantId?: string;
  actorId: string;
} & Content[T];

/** What goes with it. */
export interface CommandOptions {
  /** The idempotency key; drawn where absent. Sent again with the same one and the same content, a command has no second effect. */
  commandId?: string;
  /** A token of the actor's, without `Bearer`, where the workers ask for proof (`COMMAND_AUTH=jwt`). */
  token?: string;
  /** W3C trace context, continued through store and event. */
  traceparent?: string;
  tracestate?: string;
}

/** The contract does not admit it: sent all the same, a worker would refuse it, or could not even answer. */
export class InvalidCommand extends Error {
  constructor(
    readonly commandId: string,
    /** As a receipt would have it; null where a worker would not get so far as to answer. */
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

/** Throws `InvalidCommand`: everything that a worker would find wrong with the command itself is found here. */
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

/** A direct chat's id is computed from the tenant and its two users; of any other chat the producer chooses it. */
function directIdOf(type: CommandType, { tenantId, actorId, data }: CommandInput<CommandType>): string | undefined {
  if (type !== 'chat.create') return undefined;
  // Not judged yet: a program in JavaScript may have left anything out.
  const { kind, memberIds } = (data ?? {}) as Partial<NewChat>;
  const other: unknown = Array.isArray(memberIds) ? memberIds[0] : undefined;
  return kind === 'direct' && typeof other === 'string'
    ? directChatId(tenantId ?? DEFAULT_TENANT, actorId, other)
    : undefined;
}
