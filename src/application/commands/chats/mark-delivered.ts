import { commandData } from '../../../contract/messages/commands.js';
import { deliveredThrough } from '../../../domain/chat.js';
import { CHAT_NOT_FOUND } from '../../../domain/refusal.js';
import type { CommandHandler } from '../command-handler.js';
import { findChat } from '../find-chat.js';
import { accepted, attributesInChat, refused } from '../outcome.js';

/**
 * Moves the actor's delivery mark forward, as `chat.read` moves the read mark. Reading implies delivery, so a mark that
 * is not after both marks changes nothing and causes no event. `readPosition` stays: syncing does not report this mark,
 * because each delivery would otherwise be a reason for the next one.
 */
export const markDelivered: CommandHandler<'chat.delivered'> = {
  type: 'chat.delivered',
  schema: commandData['chat.delivered'],
  handle(command, context) {
    const { state, policy, cause } = context;
    const found = findChat(command, context);
    if (found === undefined || found.actor === null) return refused(CHAT_NOT_FOUND);
    const { chat, actor } = found;
    const { decisionId, refusal } = policy.enforce(attributesInChat('chat.delivered', command, context, found));
    if (refusal !== null) return refused(refusal, decisionId);
    const upTo = Math.min(command.data.upTo, chat.lastSequence);
    if (upTo <= deliveredThrough(actor)) return accepted(decisionId, null);
    state.putMember({ ...actor, deliveredSequence: upTo });
    state.appendEvent(cause, { type: 'chat.delivered', userId: command.actorId, upTo }, chat, false);
    return accepted(decisionId, null);
  },
};
