import { BODY_MAX_BYTES, type CommandType } from '../../contract/messages/commands.js';
import { decodeCommand } from '../../contract/messages/decode-command.js';
import { UUID_PATTERN } from '../../contract/messages/identifiers.js';
import type { Receipt } from '../../contract/messages/receipts.js';
import { acceptedReceipt } from '../idempotency/accepted-receipt.js';
import { replayedReceipt } from '../idempotency/replayed-receipt.js';
import type { Caller, ChatQueries } from '../ports/queries/chat-queries.js';
import type { CommandGateway, OutgoingCommand } from '../ports/transport/transport.js';

/** A command from a caller of one of our APIs. */
export interface SubmittedCommand {
  caller: Caller;
  authorization: string;
  /** The idempotency key. */
  commandId: string;
  type: CommandType;
  /** Null only for a command about no chat. Otherwise as received; the worker validates it. */
  chatId: unknown;
  data: unknown;
  traceparent: string | null;
  tracestate: string | null;
}

export type Submission =
  | { outcome: 'answered'; receipt: Receipt }
  /** No receipt arrived within `RECEIPT_TIMEOUT`. The command is in progress; `find` returns its receipt later. */
  | { outcome: 'pending' }
  | { outcome: 'too_large'; bytes: number };

/**
 * Publishes commands to the workers and awaits their receipts. Commands of an API take the same path as those of any
 * producer. The only decision here is to refuse commands that are too large for a queue.
 */
export class CommandSubmitter {
  constructor(
    private readonly gateway: CommandGateway,
    private readonly queries: Pick<ChatQueries, 'findReceipt'>,
    private readonly receiptTimeoutMs: number,
  ) {}

  /**
   * Rejects with `CommandUnavailable`, or with a `StoreError`. The caller may then submit the command again with the
   * same id.
   */
  async submit(submitted: SubmittedCommand): Promise<Submission> {
    const { caller, type, commandId, chatId, data, authorization, traceparent, tracestate } = submitted;
    const { tenantId, userId: actorId } = caller;
    const about = chatId === null ? {} : { chatId };
    const body = Buffer.from(JSON.stringify({ tenantId, actorId, ...about, data }));
    if (body.byteLength > BODY_MAX_BYTES) return { outcome: 'too_large', bytes: body.byteLength };
    // Any partition refuses an invalid chat id. The actor id always selects the same partition.
    const routingKey = typeof chatId === 'string' && UUID_PATTERN.test(chatId) ? chatId : actorId;
    const command: OutgoingCommand = { type, commandId, routingKey, body, authorization, traceparent, tracestate };
    const receipt =
      (await this.gateway.request(command, this.receiptTimeoutMs)) ?? (await this.storedAnswer(caller, command));
    return receipt === null ? { outcome: 'pending' } : { outcome: 'answered', receipt };
  }

  /** The stored receipt of an earlier command of the caller. Null if there is none. */
  async find({ tenantId, userId: actorId }: Caller, commandId: string): Promise<Receipt | null> {
    return (await this.queries.findReceipt({ tenantId, actorId, commandId }))?.receipt ?? null;
  }

  /**
   * The stored receipt may be that of another command with this id, so it is compared as the worker compares a repeat.
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
