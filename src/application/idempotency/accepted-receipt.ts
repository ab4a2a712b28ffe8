import type { CommandIdentity } from '../../contract/messages/decode-command.js';
import type { Receipt } from '../../contract/messages/receipts.js';

/**
 * The receipt of an accepted command, before the command has a sequence or a message id. `at` is in RFC 3339 format.
 */
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
