import { BODY_MAX_BYTES, type CommandType } from '../../contract/messages/commands.js';
import { decodeCommand } from '../../contract/messages/decode-command.js';
import { UUID_PATTERN } from '../../contract/messages/identifiers.js';
import type { Receipt } from '../../contract/messages/receipts.js';
import type { Caller, ChatQueries } from '../ports/chat-queries.js';
import type { CommandGateway, OutgoingCommand } from '../ports/transport.js';
import { acceptedReceipt } from '../receipts/accepted-receipt.js';
import { replayedReceipt } from '../receipts/replayed-receipt.js';

/** A command that a caller of one of our own APIs asks for. */
export interface SubmittedCommand {
  caller: Caller;
  authorization: string;
  /** The idempotency key. */
  commandId: string;
  type: CommandType;
  /** Null for `user.upsert` alone. Otherwise as it came: the worker judges it. */
  chatId: unknown;
  data: unknown;
  traceparent: string | null;
  tracestate: string | null;
}

export type Submission =
  | { outcome: 'answered'; receipt: Receipt }
  /** No receipt came within `RECEIPT_TIMEOUT`. The command is on its way; `find` has its receipt later. */
  | { outcome: 'pending' }
  | { outcome: 'too_large'; bytes: number };

/**
 * Submits commands to the workers and awaits their receipts. The commands of an API take the same way as those of every
 * producer: nothing is
 * decided here but what no queue should have to carry.
 */
export class CommandSubmitter {
  constructor(
    private readonly gateway: CommandGateway,
    private readonly queries: Pick<ChatQueries, 'findReceipt'>,
    private readonly receiptTimeoutMs: number,
  ) {}

  /**
   * Rejects with `CommandUnavailable` or with what the store rejects with. The caller may then submit the command again
   * under the same id.
   */
  async submit(submitted: SubmittedCommand): Promise<Submission> {
    const { caller, type, commandId, chatId, data, authorization, traceparent, tracestate } = submitted;
    const { tenantId, userId: actorId } = caller;
    const about = chatId === null ? {} : { chatId };
    const body = Buffer.from(JSON.stringify({ tenantId, actorId, ...about, data }));
    if (body.byteLength > BODY_MAX_BYTES) return { outcome: 'too_large', bytes: body.byteLength };
    // Any partition refuses what is no chat id; the actor's id always leads to the same one.
    const routingKey = typeof chatId === 'string' && UUID_PATTERN.test(chatId) ? chatId : actorId;
    const command: OutgoingCommand = { type, commandId, routingKey, body, authorization, traceparent, tracestate };
    const receipt =
      (await this.gateway.request(command, this.receiptTimeoutMs)) ?? (await this.storedAnswer(caller, command));
    return receipt === null ? { outcome: 'pending' } : { outcome: 'answered', receipt };
  }

  /** The receipt of an earlier command of the caller, as it is stored; null: there is none. */
  async find({ tenantId, userId: actorId }: Caller, commandId: string): Promise<Receipt | null> {
    return (await this.queries.findReceipt({ tenantId, actorId, commandId }))?.receipt ?? null;
  }

  /** The stored receipt under this id may be that of another command: it is judged as the worker judges a repeat. */
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
