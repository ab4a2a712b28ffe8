import { commandData } from '../../../contract/messages/commands.js';
import { takeSequence } from '../../../domain/chat.js';
import { eraseMessage } from '../../../domain/message.js';
import { CHAT_NOT_FOUND } from '../../../domain/refusal.js';
import type { CommandHandler } from '../command-handler.js';
import { findChat } from '../find-chat.js';
import { messageNotFound, visibleMessage } from '../find-message.js';
import { accepted, attributesInChat, attributesOfMessage, refused } from '../outcome.js';

/**
 * Deletes a message, also in an archived chat and by a muted member. Soft: the content is deleted and a tombstone
 * stays. Hard: the row is deleted too, and its sequence is not reused.
 */
export const deleteMessage: CommandHandler<'message.delete'> = {
  type: 'message.delete',
  schema: commandData['message.delete'],
  snapshotKeys({ data }, keys) {
    keys.messagesInFull.add(data.messageId);
  },
  handle(command, context) {
    const { state, policy, cause } = context;
    const found = findChat(command, context);
    if (found === undefined) return refused(CHAT_NOT_FOUND);
    const { messageId, mode } = command.data;
    const message = visibleMessage(found, state.messageInFull(messageId));
    if (message === undefined) return refused(messageNotFound(found));
    const { decisionId, refusal } = policy.enforce({
      ...attributesInChat('message.delete', command, context, found),
      message: attributesOfMessage(message, command, context),
      deleteMode: mode,
    });
    if (refusal !== null) return refused(refusal, decisionId);
    if (mode === 'soft' && message.deletedAt !== null) return accepted(decisionId, null, messageId);

    const changed = takeSequence(found.chat);
    state.putChat(changed);
    if (mode === 'soft') state.eraseMessage(eraseMessage(message, state.now));
    else state.removeMessage(message);
    state.appendEvent(cause, { type: 'message.deleted', messageId, messageSequence: message.sequence, mode }, changed);
    return accepted(decisionId, changed.lastSequence, messageId);
  },
};
