import { v7 } from 'uuid';
import type { Caller, ChatQueries } from '../../../../application/ports/chat-queries.js';
import type { CommandGateway, OutgoingCommand } from '../../../../application/ports/transport.js';
import { acceptedReceipt } from '../../../../application/processing/accepted-receipt.js';
import { replayedReceipt } from '../../../../application/processing/replayed-receipt.js';
import { BODY_MAX_BYTES, type CommandType } from '../../../../contract/messages/commands.js';
import { decodeCommand } from '../../../../contract/messages/decode-command.js';
import { COMMAND_ID_PATTERN, UUID_PATTERN } from '../../../../contract/messages/identifiers.js';
import type { Receipt } from '../../../../contract/messages/receipts.js';
import type { RestOperationName } from '../../../../contract/rest/operations.js';
import type { CommandPending } from '../../../../contract/rest/responses.js';
import type { Call } from '../middleware/request-context.js';
import type { RequestTrace } from '../middleware/request-trace.js';
import { type Answer, problemAnswer } from '../response.js';

/** Where a request's command comes from. */
export interface CommandOrigin {
  caller: Caller;
  authorization: string;
  trace: RequestTrace;
  commandId: string;
}

export interface CommandRequest {
  type: CommandType;
  /** Null for `user.upsert` alone. Otherwise whatever was given: the worker judges it. */
  chatId: unknown;
  data: unknown;
}

/** What an accepted command is answered. */
export type OnAccepted = (receipt: Receipt) => { status: 200 | 201; location?: string };

/** 201 where something came to be: accepted for the first time, and with a number, that is with an effect. Where it is, if not at the request's own path. */
export function created(location?: (receipt: Receipt) => string): OnAccepted {
  return (receipt) => {
    if (receipt.replayed || receipt.sequence === null) return { status: 200 };
    return { status: 201, ...(location === undefined ? {} : { location: location(receipt) }) };
  };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A command's data: the body, and what the path says; the body must not say that, too. What is no object is left to the worker's judgement. */
export function dataWith(body: unknown, said: Record<string, string>): { data: unknown } | { refused: Answer } {
  if (!isObject(body)) return { data: body };
  const repeated = Object.keys(said).filter((name) => Object.hasOwn(body, name));
  if (repeated.length === 0) return { data: { ...body, ...said } };
  const violations = repeated.map((name) => ({ path: `data.${name}`, message: 'is said by the path' }));
  return { refused: problemAnswer('invalid', { violations }) };
}

/** A structured header's string, as draft-ietf-httpapi-idempotency-key-header has it. What a command id admits needs no escapes. */
const QUOTED = /^"(.*)"$/;

/** The command id: the `Idempotency-Key`, or one drawn where there is none. */
function commandIdOf(idempotencyKey: string | undefined): { commandId: string } | { refused: Answer } {
  if (idempotencyKey === undefined) return { commandId: v7() };
  const commandId = QUOTED.exec(idempotencyKey)?.[1] ?? idempotencyKey;
  if (COMMAND_ID_PATTERN.test(commandId)) return { commandId };
  const detail = 'Idempotency-Key must be 1 to 128 of A-Z a-z 0-9 . _ ~ : -, in double quotes or not';
  return { refused: problemAnswer('malformed', { detail }) };
}

/**
 * Commands by REST: published like any producer's, under the same id for the same key, and answered by their receipt. Nothing is decided
 * here but what no queue should have to carry.
 */
export class CommandRequests {
  constructor(
    private readonly door: CommandGateway,
    private readonly queries: Pick<ChatQueries, 'findReceipt'>,
    private readonly receiptTimeoutMs: number,
  ) {}

  /** Rejects with `DoorClosed` or what the store rejects with; the command may then be sent again under the same id. */
  async send(
    call: Call<RestOperationName>,
    build: (origin: CommandOrigin) => CommandRequest,
    onAccepted: OnAccepted = () => ({ status: 200 }),
  ): Promise<Answer> {
    const id = commandIdOf(call.idempotencyKey);
    if ('refused' in id) return id.refused;
    call.onCommand(id.commandId);
    const { caller, authorization, trace } = call;
    const origin = { caller, authorization, trace, ...id };
    return this.publish(origin, build(origin), onAccepted);
  }

  private async publish(
    origin: CommandOrigin,
    { type, chatId, data }: CommandRequest,
    onAccepted: OnAccepted,
  ): Promise<Answer> {
    const { caller, authorization, trace, commandId } = origin;
    const { tenantId, userId: actorId } = caller;
    const about = chatId === null ? {} : { chatId };
    const body = Buffer.from(JSON.stringify({ tenantId, actorId, ...about, data }));
    if (body.byteLength > BODY_MAX_BYTES) {
      const detail = `the command has ${body.byteLength} bytes; at most ${BODY_MAX_BYTES} are allowed`;
      return problemAnswer('too_large', { detail, commandId });
    }
    const command: OutgoingCommand = {
      type,
      commandId,
      // What is no chat id is refused at any partition; the actor's is always the same one.
      routingKey: typeof chatId === 'string' && UUID_PATTERN.test(chatId) ? chatId : actorId,
      body,
      authorization,
      traceparent: trace.traceparent,
      tracestate: trace.tracestate,
    };
    const answered = await this.door.request(command, this.receiptTimeoutMs);
    const receipt = answered ?? (await this.storedAnswer(caller, command));
    if (receipt === null) {
      const pending: CommandPending = { commandId, type, status: 'pending' };
      return { status: 202, headers: { Location: `/v1/receipts/${commandId}` }, body: pending };
    }
    if (receipt.status === 'rejected') return rejected(receipt);
    const { status, location } = onAccepted(receipt);
    return { status, headers: location === undefined ? {} : { Location: location }, body: receipt };
  }

  /**
   * The answer where no receipt came in time but one is stored under the id, which may be that of another command: what the worker answers
   * a repeat.
   */
  private async storedAnswer({ tenantId, userId: actorId }: Caller, command: OutgoingCommand): Promise<Receipt | null> {
    const { body, routingKey, type, commandId } = command;
    const stored = await this.queries.findReceipt({ tenantId, actorId, commandId });
    if (stored === null) return null;
    const properties = { type, messageId: commandId, contentType: 'application/json', headers: {} };
    const decoded = decodeCommand({ body, routingKey, ...properties });
    if (decoded.outcome === 'malformed') throw new Error(`command ${commandId} cannot be read: ${decoded.detail}`);
    const identity = decoded.outcome === 'command' ? decoded.command : decoded.identity;
    return replayedReceipt(stored, decoded.contentHash, acceptedReceipt(identity, new Date().toISOString()));
  }
}

function rejected({ reason, commandId, decisionId }: Receipt): Answer {
  if (reason === undefined) throw new Error(`the receipt of ${commandId} is a rejection without a reason`);
  const { code, detail, violations, retryAfter } = reason;
  return problemAnswer(code, {
    ...(detail === undefined ? {} : { detail }),
    ...(violations === undefined ? {} : { violations }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    commandId,
    ...(decisionId === null ? {} : { decisionId }),
  });
}
