import type { CommandIdentity } from '../../contract/decode-command.js';
import type { Receipt } from '../../contract/receipts.js';

/** An accepted command's receipt before anything has come of it. */
export function blankReceipt({ commandId, type, tenantId, chatId }: CommandIdentity, at: Date): Receipt {
  return {
    ...{ commandId, type, status: 'accepted', tenantId, chatId },
    ...{ messageId: null, sequence: null, at: at.toISOString(), decisionId: null, replayed: false },
  };
}
