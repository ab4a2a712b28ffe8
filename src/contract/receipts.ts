import { z } from 'zod';
import { chatId, commandId, messageId, tenantId } from './identifiers.js';
import { reason } from './problems.js';

export const RECEIPT_TYPE = 'receipt';

const rfc3339 = z.string().meta({ format: 'date-time', example: '2026-11-20T20:15:00.123Z' });

/**
 * The answer to one command, sent only after its effects are committed. `sequence` is null where the command changed nothing,
 * was rejected, or does not belong to a chat. `decisionId` is null where no decision was asked for (the command never got that far).
 */
export const receipt = z.object({
  commandId,
  type: z.string().meta({ description: 'The command type, as it was given.' }),
  status: z.enum(['accepted', 'rejected']),
  tenantId,
  chatId: chatId.nullable(),
  messageId: messageId.nullable(),
  sequence: z.int().nullable(),
  at: rfc3339,
  decisionId: z.string().nullable(),
  replayed: z.boolean().meta({
    description:
      'False only in the receipt that is sent when the command is decided: at most one answer for one effect says false. ' +
      'True in the answer to a repeat, and in an answer over REST that was read from the store. ' +
      'The receipt itself, as `GET /v1/receipts/{commandId}` and `command.rejected` show it, is no answer and says false.',
  }),
  reason: reason.optional(),
});
export type Receipt = z.infer<typeof receipt>;
