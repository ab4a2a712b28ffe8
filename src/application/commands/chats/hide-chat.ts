import { type CommandOf, commandData } from '../../../contract/messages/commands.js';
import { isHidden } from '../../../domain/chat.js';
import { CHAT_NOT_FOUND } from '../../../domain/refusal.js';
import type { CommandHandler } from '../command-handler.js';
import { findChat } from '../find-chat.js';
import { accepted, attributesInChat, type CommandContext, type CommandOutcome, refused } from '../outcome.js';

/**
 * Hides the chat in the actor's own chat list, or shows it again. Only for members, whatever the policy says, because
 * only members have the chat in a list. It changes only the actor's membership and takes no sequence of the chat, so
 * other members cannot notice it.
 */
function changeHidden(
  command: CommandOf<'chat.hide' | 'chat.unhide'>,
  context: CommandContext,
  hidden: boolean,
): CommandOutcome {
  const { state, policy, cause } = context;
  const found = findChat(command, context);
  if (found === undefined || found.actor === null) return refused(CHAT_NOT_FOUND);
  const { chat, actor } = found;
  const { decisionId, refusal } = policy.enforce(attributesInChat(command.type, command, context, found));
  if (refusal !== null) return refused(refusal, decisionId);
  if (isHidden(chat, actor) === hidden) return accepted(decisionId, null);
  state.putMember({
    ...actor,
    hiddenOrdinal: hidden ? chat.lastOrdinal : null,
    readPosition: state.nextPosition(cause.partition),
  });
  state.appendEvent(cause, { type: hidden ? 'chat.hidden' : 'chat.unhidden' }, chat, false);
  return accepted(decisionId, null);
}

export const hideChat: CommandHandler<'chat.hide'> = {
  type: 'chat.hide',
  schema: commandData['chat.hide'],
  handle: (command, context) => changeHidden(command, context, true),
};

export const unhideChat: CommandHandler<'chat.unhide'> = {
  type: 'chat.unhide',
  schema: commandData['chat.unhide'],
  handle: (command, context) => changeHidden(command, context, false),
};
