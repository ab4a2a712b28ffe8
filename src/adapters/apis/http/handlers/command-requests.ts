import { v7 } from 'uuid';
import type { CommandSubmitter } from '../../../../application/gateway/submit-command.js';
import type { Caller } from '../../../../application/ports/queries/chat-queries.js';
import { BODY_MAX_BYTES, type CommandType } from '../../../../contract/messages/commands.js';
import { COMMAND_ID_PATTERN } from '../../../../contract/messages/identifiers.js';
import type { Receipt } from '../../../../contract/messages/receipts.js';
import type { RestOperationName } from '../../../../contract/rest/operations.js';
import type { CommandPending } from '../../../../contract/rest/responses.js';
import type { Call } from '../middleware/request-context.js';
import type { RequestTrace } from '../middleware/request-trace.js';
import { type Answer, problemAnswer } from '../response.js';

/** The origin of a request's command. */
export interface CommandOrigin {
  caller: Caller;
  authorization: string;
  trace: RequestTrace;
  commandId: string;
}

export interface CommandRequest {
  type: CommandType;
  /** Null only for a command about no chat. Otherwise the given value, which the worker validates. */
  chatId: unknown;
  data: unknown;
}

/** The response to an accepted command. */
export type OnAccepted = (receipt: Receipt) => { status: 200 | 201; location?: string };

/** 201 if the command is accepted for the first time and had an effect, that is, has a sequence. Else 200. */
export function created(location?: (receipt: Receipt) => string): OnAccepted {
  return (receipt) => {
    if (receipt.replayed || receipt.sequence === null) return { status: 200 };
    return { status: 201, ...(location === undefined ? {} : { location: location(receipt) }) };
  };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A command's data: the body and the fields of the path, which the body must not contain. The worker refuses a body
 * that is not an object.
 */
export function dataWith(body: unknown, said: Record<string, string>): { data: unknown } | { refused: Answer } {
  if (!isObject(body)) return { data: body };
  const repeated = Object.keys(said).filter((name) => Object.hasOwn(body, name));
  if (repeated.length === 0) return { data: { ...body, ...said } };
  const violations = repeated.map((name) => ({
    path: `data.${name}`,
    message: 'must not be in the body, because the path contains it',
  }));
  return { refused: problemAnswer('invalid', { violations }) };
}

/** A string of a structured header (draft-ietf-httpapi-idempotency-key-header). Command ids need no escapes. */
const QUOTED = /^"(.*)"$/;

/** The command id: the `Idempotency-Key`, else a new id. */
function commandIdOf(idempotencyKey: string | undefined): { commandId: string } | { refused: Answer } {
  if (idempotencyKey === undefined) return { commandId: v7() };
  const commandId = QUOTED.exec(idempotencyKey)?.[1] ?? idempotencyKey;
  if (COMMAND_ID_PATTERN.test(commandId)) return { commandId };
  const detail = 'Idempotency-Key must be 1 to 128 of A-Z a-z 0-9 . _ ~ : -, with or without double quotes';
  return { refused: problemAnswer('malformed', { detail }) };
}

/** REST commands: the `Idempotency-Key` is the command id, and the response contains the receipt. */
export class CommandRequests {
  constructor(private readonly submitter: CommandSubmitter) {}

  /** Rejects like `CommandSubmitter.submit`. The client may then repeat the request with the same key. */
  async send(
    call: Call<RestOperationName>,
    build: (origin: CommandOrigin) => CommandRequest,
    onAccepted: OnAccepted = () => ({ status: 200 }),
  ): Promise<Answer> {
    const id = commandIdOf(call.idempotencyKey);
    if ('refused' in id) return id.refused;
    const { commandId } = id;
    call.onCommand(commandId);
    const { caller, authorization, trace } = call;
    const origin = { caller, authorization, trace, commandId };
    const request = build(origin);
    const { traceparent, tracestate } = trace;
    const submission = await this.submitter.submit({
      ...request,
      ...{ caller, authorization, commandId, traceparent, tracestate },
    });
    switch (submission.outcome) {
      case 'too_large': {
        const detail = `the command has ${submission.bytes} bytes; at most ${BODY_MAX_BYTES} are allowed`;
        return problemAnswer('too_large', { detail, commandId });
      }
      case 'pending': {
        const pending: CommandPending = { commandId, type: request.type, status: 'pending' };
        return { status: 202, headers: { Location: `/v1/receipts/${commandId}` }, body: pending };
      }
      case 'answered': {
        const { receipt } = submission;
        if (receipt.status === 'rejected') return rejected(receipt);
        const { status, location } = onAccepted(receipt);
        return { status, headers: location === undefined ? {} : { Location: location }, body: receipt };
      }
    }
  }

  /** The receipt of an earlier command of the caller. */
  async find(caller: Caller, commandId: string): Promise<Receipt | null> {
    return this.submitter.find(caller, commandId);
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
