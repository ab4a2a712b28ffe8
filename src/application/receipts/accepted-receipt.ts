import type { CommandIdentity } from '../../contract/messages/decode-command.js';
import type { Receipt } from '../../contract/messages/receipts.js';

/** An accepted command's receipt before anything has come of it. `at`: as RFC 3339 has it. */
export function acceptedReceipt(identity: CommandIdentity, at: string): Receipt {
  return {
    commandId: identity.commandId,
    type: identity.type,
    status: 'accepted',
    tenantId: identity.tenantId,
    chatId: identity.chatId,
    messageId: null,
    sequence: null,
    at,
    decisionId: null,
    replayed: false,
  };
}
