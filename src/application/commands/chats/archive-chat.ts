import { commandData } from '../../../contract/messages/commands.js';
import { archiveChat as archived } from '../../../domain/chat.js';
import { CHAT_NOT_FOUND } from '../../../domain/refusal.js';
import type { CommandHandler } from '../command-handler.js';
import { findChat } from '../find-chat.js';
import { accepted, attributesInChat, refused } from '../outcome.js';

/**
 * Archives a chat. It can still be read, left and unarchived, and messages can be deleted. All other changes are
 * refused.
 */
export const archiveChat: CommandHandler<'chat.archive'> = {
  type: 'chat.archive',
  schema: commandData['chat.archive'],
  handle(command, context) {
    const { state, policy, cause } = context;
    const found = findChat(command, context);
    if (found === undefined) return refused(CHAT_NOT_FOUND);
    const { decisionId, refusal } = policy.enforce(attributesInChat('chat.archive', command, context, found));
    if (refusal !== null) return refused(refusal, decisionId);
    if (found.chat.archivedAt !== null) return accepted(decisionId, null);
    const changed = archived(found.chat, state.now);
    state.putChat(changed);
    state.appendEvent(cause, { type: 'chat.archived' }, changed);
    return accepted(decisionId, changed.lastSequence);
  },
};
