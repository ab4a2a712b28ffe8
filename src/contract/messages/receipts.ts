import { z } from 'zod';
import { chatId, commandId, messageId, tenantId } from './identifiers.js';
import { reason } from './problems.js';

export const RECEIPT_TYPE = 'receipt';

const rfc3339 = z.string().meta({ format: 'date-time', example: '2026-11-20T20:15:00.123Z' });

/**
 * The answer to one command, sent only after its effects are committed. `sequence` is null if the command changed
 * nothing, was rejected, or does not belong to a chat. `decisionId` is null if the policy was not asked.
 */
export const receipt = z.object({
  commandId,
  type: z.string().meta({ description: 'The command type, as sent.' }),
  status: z.enum(['accepted', 'rejected']).meta({
    description:
      '`accepted`: the effects are committed, or there was nothing to change; `rejected`: the command had no effect.',
  }),
  tenantId,
  chatId: chatId.nullable().meta({ description: 'Chat id of the command; null if it has none.' }),
  messageId: messageId
    .nullable()
    .meta({ description: 'Id of the message that was sent, or that the command is about; null if there is none.' }),
  sequence: z
    .int()
    .nullable()
    .meta({ description: "Sequence number of the command's event in the chat; null if no chat changed." }),
  at: rfc3339.meta({ description: 'Time of the decision.' }),
  decisionId: z
    .string()
    .nullable()
    .meta({ description: 'Id of the policy decision; null if the policy was not asked.' }),
  replayed: z.boolean().meta({
    description:
      'False in the first receipt, which is sent when the command is decided; at most one receipt per command is sent with false. ' +
      'True in the receipt of a repeated command, and in a REST response whose receipt was read from the store. ' +
      '`GET /v1/receipts/{commandId}` and `command.rejected` contain the stored receipt, with false.',
  }),
  reason: reason.optional().meta({ description: 'Reason of the rejection; only with `rejected`.' }),
});
export type Receipt = z.infer<typeof receipt>;
