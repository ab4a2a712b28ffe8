import { commandData } from '../../../contract/messages/commands.js';
import { CHAT_NOT_FOUND } from '../../../domain/refusal.js';
import type { CommandHandler } from '../command-handler.js';
import { findChat } from '../find-chat.js';
import { accepted, attributesInChat, refused } from '../outcome.js';

/**
 * Moves the actor's read mark forward. Only for members, whatever the policy says, because only members have a read
 * mark. A mark that is not after the current one changes nothing and causes no event. A mark past the end of the chat
 * means its last message.
 */
export const readChat: CommandHandler<'chat.read'> = {
  type: 'chat.read',
  schema: commandData['chat.read'],
  snapshotKeys({ chatId, data }, keys) {
    keys.readMarks.add({ chatId, upTo: data.upTo });
  },
  handle(command, context) {
    const { state, policy, cause } = context;
    const found = findChat(command, context);
    if (found === undefined || found.actor === null) return refused(CHAT_NOT_FOUND);
    const { chat, actor } = found;
    const { decisionId, refusal } = policy.enforce(attributesInChat('chat.read', command, context, found));
    if (refusal !== null) return refused(refusal, decisionId);
    const upTo = Math.min(command.data.upTo, chat.lastSequence);
    if (upTo <= actor.readSequence) return accepted(decisionId, null);
    state.putMember({
      ...actor,
      readSequence: upTo,
      // Messages from before the member joined count as read, however far back the mark is.
      readOrdinal: Math.max(actor.readOrdinal, state.ordinalAt(chat, upTo)),
      readPosition: state.nextPosition(cause.partition),
    });
    state.appendEvent(cause, { type: 'chat.read', userId: command.actorId, upTo }, chat, false);
    return accepted(decisionId, null);
  },
};
