import { commandData } from '../../../contract/messages/commands.js';
import { unarchiveChat as unarchived } from '../../../domain/chat.js';
import { CHAT_NOT_FOUND } from '../../../domain/refusal.js';
import type { CommandHandler } from '../command-handler.js';
import { findChat } from '../find-chat.js';
import { accepted, attributesInChat, refused } from '../outcome.js';

/** Makes an archived chat active again. */
export const unarchiveChat: CommandHandler<'chat.unarchive'> = {
  type: 'chat.unarchive',
  schema: commandData['chat.unarchive'],
  handle(command, context) {
    const { state, policy, cause } = context;
    const found = findChat(command, context);
    if (found === undefined) return refused(CHAT_NOT_FOUND);
    const { decisionId, refusal } = policy.enforce(attributesInChat('chat.unarchive', command, context, found));
    if (refusal !== null) return refused(refusal, decisionId);
    if (found.chat.archivedAt === null) return accepted(decisionId, null);
    const changed = unarchived(found.chat);
    state.putChat(changed);
    state.appendEvent(cause, { type: 'chat.unarchived' }, changed);
    return accepted(decisionId, changed.lastSequence);
  },
};
