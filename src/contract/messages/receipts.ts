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
  type: z.string().meta({ description: 'The command type, as it was given.' }),
  status: z.enum(['accepted', 'rejected']).meta({
    description: '`accepted`: its effects are stored, or there was nothing to change; `rejected`: it has none.',
  }),
  tenantId,
  chatId: chatId.nullable().meta({ description: 'The chat; null where the command names none.' }),
  messageId: messageId
    .nullable()
    .meta({ description: 'The message that was sent or is meant; null where there is none.' }),
  sequence: z
    .int()
    .nullable()
    .meta({ description: "The chat's number that the effect has taken; null where nothing changed or no chat did." }),
  at: rfc3339.meta({ description: 'When it was decided.' }),
  decisionId: z
    .string()
    .nullable()
    .meta({ description: 'Which decision of the policy it was; null where it did not get that far.' }),
  replayed: z.boolean().meta({
    description:
      'False only in the receipt that is sent when the command is decided: at most one answer for one effect says false. ' +
      'True in the answer to a repeat, and in an answer over REST that was read from the store. ' +
      'The receipt itself, as `GET /v1/receipts/{commandId}` and `command.rejected` show it, is no answer and says false.',
  }),
  reason: reason.optional().meta({ description: 'Why it was rejected.' }),
});
export type Receipt = z.infer<typeof receipt>;
