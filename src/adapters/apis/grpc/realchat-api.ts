/**
 * `realchat.message.v1.MessageApi`, so that clients of the RealChat message service can use Parley. docs/grpc.md has a
 * table of what differs. It asks the operations of the contract and translates.
 */
import {
  type handleUnaryCall,
  type Metadata,
  type ServerUnaryCall,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { v7 } from 'uuid';
import type { OperationCall } from '../../../application/gateway/operation-call.js';
import { DEFAULT_TENANT, USER_ID_PATTERN } from '../../../contract/messages/identifiers.js';
import type { Problem, ProblemCode } from '../../../contract/messages/problems.js';
import type { Receipt } from '../../../contract/messages/receipts.js';
import { chatOfConversation, commandOfKey } from '../../../contract/realchat/ids.js';
import { contentTypeOf, messageTypeOf } from '../../../contract/realchat/message-type.js';
import type { RestOperationName } from '../../../contract/rest/operations.js';
import { PAGE_LIMIT_MAX } from '../../../contract/rest/requests.js';
import type { RestMessage } from '../../../contract/rest/responses.js';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import { type Authenticated, type Callers, textOf } from './callers.js';
import { grpcError } from './grpc-status.js';
import type { Operations } from './operations.js';
import { type Message, timestampOf, type Wire } from './wire.js';

export const MESSAGE_API = 'realchat.message.v1.MessageApi';
const CONTENT_MAX_BYTES = 5_000;
const PAGE_MAX = 500;
const PAGE_DEFAULT = 100;
const PENDING_STATUS = 202;
const REFUSED_STATUS = 400;

/** RealChat knows four codes. Those that tell a client to wait or to sign in are ours. */
const STATUS: Partial<Record<ProblemCode, status>> = {
  invalid: status.INVALID_ARGUMENT,
  too_large: status.INVALID_ARGUMENT,
  bad_request: status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  // The chat does not exist, or the caller is not in it: the two cannot be told apart.
  not_found: status.PERMISSION_DENIED,
  not_permitted: status.PERMISSION_DENIED,
  muted: status.PERMISSION_DENIED,
  archived: status.PERMISSION_DENIED,
  moderated: status.PERMISSION_DENIED,
  conflict: status.ALREADY_EXISTS,
  rate_limited: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
};

export interface RealchatApiDependencies {
  wire: Wire;
  callers: Callers;
  operations: Operations;
  trustsUserId: boolean;
  logger: Logger;
}

type Run = (name: RestOperationName, call: Partial<Omit<OperationCall, keyof Authenticated>>) => Promise<unknown>;
/** What a method needs: the caller, and operations in their name. */
interface Context {
  caller: Authenticated['caller'];
  run: Run;
}

export class RealchatApi {
  constructor(private readonly dependencies: RealchatApiDependencies) {}

  get implementation(): UntypedServiceImplementation {
    return {
      SendMessage: this.method((request, context) => this.send(request, context)),
      DeleteMessage: this.method((request, context) => this.delete(request, context)),
      SyncMessages: this.method((request, context) => this.sync(request, context)),
    };
  }

  private method(work: (request: Message, context: Context) => Promise<object>): handleUnaryCall<Message, object> {
    return (call: ServerUnaryCall<Message, object>, callback) => {
      const answer = async () => {
        const authenticated = await this.callerOf(call.metadata);
        if (authenticated instanceof Error) throw authenticated;
        const run: Run = async (name, given) => {
          const full = { path: {}, query: {}, body: undefined, idempotencyKey: undefined, ...given };
          const headers = { traceparent: textOf(call.metadata, 'traceparent') };
          return this.bodyOf(await this.dependencies.operations.run(name, { ...authenticated, ...full, headers }));
        };
        return work(call.request, { caller: authenticated.caller, run });
      };
      answer().then(
        (message) => callback(null, message),
        (error: unknown) => callback(this.errorOf(error)),
      );
    };
  }

  /** With a token, it decides, and `x-user-id` must not say otherwise. */
  private async callerOf(metadata: Metadata): Promise<Authenticated | ServiceError> {
    const { callers, trustsUserId } = this.dependencies;
    const named = textOf(metadata, 'x-user-id');
    if (named !== undefined && trustsUserId && metadata.get('authorization').length === 0) {
      if (!USER_ID_PATTERN.test(named)) return this.error(status.UNAUTHENTICATED, 'x-user-id is not a user id');
      return { caller: { tenantId: DEFAULT_TENANT, userId: named, token: {} }, authorization: '' };
    }
    const authenticated = await callers.of(metadata);
    if (authenticated instanceof Error) return authenticated;
    if (named !== undefined && named !== authenticated.caller.userId)
      return this.error(status.UNAUTHENTICATED, 'x-user-id is not the user of the token');
    return authenticated;
  }

  private async send(request: Message, { caller, run }: Context): Promise<object> {
    const { conversation_id, sender_user_id, idempotency_key, message_type, content, metadata_json } = strings(request);
    if (sender_user_id !== caller.userId)
      throw this.error(status.PERMISSION_DENIED, 'sender_user_id is not the caller');
    if (Buffer.byteLength(content) > CONTENT_MAX_BYTES)
      throw this.error(status.INVALID_ARGUMENT, `content has more than ${CONTENT_MAX_BYTES} bytes`);
    const contentType = contentTypeOf(message_type);
    if (contentType === null) throw this.error(status.INVALID_ARGUMENT, 'message_type cannot be stored');
    const metadata = metadataOf(metadata_json);
    if (metadata === null) throw this.error(status.INVALID_ARGUMENT, 'metadata_json is not a JSON object');
    const chatId = chatOfConversation(caller.tenantId, conversation_id);
    // An empty key is none: the first message must not be the answer to all.
    const idempotencyKey = idempotency_key === '' ? v7() : commandOfKey(conversation_id, idempotency_key);
    const receipt = (await run('sendMessage', {
      path: { chatId },
      body: { body: content, contentType, ...(metadata_json === '' ? {} : { metadata }) },
      idempotencyKey,
    })) as Receipt;
    const message = (await run('getMessage', {
      path: { chatId, messageId: receipt.messageId ?? '' },
    })) as RestMessage;
    return { message: this.messageOf(message, conversation_id) };
  }

  private async delete(request: Message, { caller, run }: Context): Promise<object> {
    const { conversation_id, message_id, actor_user_id } = strings(request);
    if (actor_user_id !== caller.userId) throw this.error(status.PERMISSION_DENIED, 'actor_user_id is not the caller');
    const chatId = chatOfConversation(caller.tenantId, conversation_id);
    // Refuses a caller who is not in the chat, so that what is not found below is the message.
    await run('getChat', { path: { chatId } });
    const path = { chatId, messageId: message_id.toLowerCase() };
    await run('deleteMessage', { path, query: { mode: 'soft' } }).catch((error: unknown) => {
      throw error instanceof Refused && error.problem === 'not_found'
        ? this.error(status.NOT_FOUND, 'the conversation has no such message')
        : error;
    });
    return {};
  }

  private async sync(request: Message, { caller, run }: Context): Promise<object> {
    const { conversation_id } = strings(request);
    const chatId = chatOfConversation(caller.tenantId, conversation_id);
    const size = Number(request.page_size ?? 0);
    const wanted = size <= 0 || size > PAGE_MAX ? PAGE_DEFAULT : size;
    let after = Math.max(0, Number(request.after_sequence ?? 0));
    const messages: object[] = [];
    for (;;) {
      const limit = Math.min(wanted - messages.length, PAGE_LIMIT_MAX);
      const page = (await run('listMessages', {
        path: { chatId },
        query: { after: String(after), limit: String(limit) },
      })) as { items: RestMessage[]; hasMore: boolean };
      messages.push(...page.items.map((message) => this.messageOf(message, conversation_id)));
      after = page.items.at(-1)?.sequence ?? after;
      if (!page.hasMore || messages.length >= wanted) return { messages };
    }
  }

  private messageOf(message: RestMessage, conversationId: string): object {
    const { messageId, senderId, sequence, contentType, body, metadata, createdAt, deletedAt } = message;
    return {
      message_id: messageId,
      conversation_id: conversationId,
      sender_user_id: senderId,
      sequence,
      message_type: messageTypeOf(contentType),
      content: body ?? '',
      metadata_json: Object.keys(metadata).length === 0 ? '' : JSON.stringify(metadata),
      sent_at: timestampOf(createdAt),
      ...(deletedAt === null ? {} : { deleted_at: timestampOf(deletedAt) }),
    };
  }

  private bodyOf({ status: code, body }: { status: number; body: unknown }): unknown {
    if (code >= REFUSED_STATUS) {
      const problem = body as Problem;
      throw new Refused(problem.type.replace('/problems/', '') as ProblemCode, problem);
    }
    if (code === PENDING_STATUS)
      throw this.error(status.DEADLINE_EXCEEDED, 'the receipt did not come in time: repeat with the same key');
    return body;
  }

  private error(code: status, detail: string): ServiceError {
    return grpcError(this.dependencies.wire, code, 'REALCHAT', { detail });
  }

  private errorOf(error: unknown): ServiceError {
    const { wire, logger } = this.dependencies;
    if (error instanceof Refused)
      return grpcError(wire, STATUS[error.problem] ?? status.INTERNAL, error.problem.toUpperCase(), error.details);
    if (error instanceof Error && 'code' in error && 'metadata' in error) return error as ServiceError;
    logger.error('request failed', { error });
    return grpcError(wire, status.INTERNAL, 'INTERNAL');
  }
}

/** A problem of an operation, on its way to the client. */
class Refused extends Error {
  constructor(
    readonly problem: ProblemCode,
    readonly details: Problem,
  ) {
    super(problem);
  }
}

/** Fields that are not set are empty. */
function strings(request: Message): Record<string, string> & {
  [name in (typeof STRINGS)[number]]: string;
} {
  return Object.fromEntries(STRINGS.map((name) => [name, String(request[name] ?? '')])) as ReturnType<typeof strings>;
}

const STRINGS = [
  'conversation_id',
  'sender_user_id',
  'idempotency_key',
  'message_type',
  'content',
  'metadata_json',
  'message_id',
  'actor_user_id',
] as const;

/** Null: not a JSON object. */
function metadataOf(text: string): object | null {
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
