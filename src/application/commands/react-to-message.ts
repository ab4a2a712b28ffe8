import type { CommandOf } from '../../contract/commands.js';
import { isMuted, takeNumber } from '../../domain/chat.js';
import { CHAT_ARCHIVED, CHAT_NOT_FOUND, MESSAGE_NOT_FOUND } from '../../domain/refusal.js';
import { findChat } from './find-chat.js';
import { visibleMessage } from './find-message.js';
import {
  accepted,
  type CommandContext,
  type CommandOutcome,
  factsInChat,
  factsOfMessage,
  refused,
  type UseCase,
} from './outcome.js';

/** Puts the actor's reaction there, or takes it away: once per user and emoji. What is so already stays so, and is no event. */
function changeReaction(
  command: CommandOf<'message.react' | 'message.unreact'>,
  context: CommandContext,
  present: boolean,
): CommandOutcome {
  const { state, policy, cause } = context;
  const found = findChat(state, command);
  if (found === undefined) return refused(CHAT_NOT_FOUND);
  const { chat, actor } = found;
  const { actorId, data } = command;
  const { messageId, emoji } = data;
  const message = visibleMessage(found, state.message(messageId));
  if (message === undefined || message.deletedAt !== null) return refused(MESSAGE_NOT_FOUND);
  const { decisionId, refusal } = policy.enforce({
    ...factsInChat(command.type, command, context, found),
    message: factsOfMessage(message, actorId),
  });
  if (refusal !== null) return refused(refusal, decisionId);
  if (chat.archivedAt !== null) return refused(CHAT_ARCHIVED, decisionId);
  if (present && isMuted(actor, state.now))
    return refused({ code: 'muted', detail: `until ${actor.mutedUntil?.toISOString()}` }, decisionId);
  const reaction = { messageId, emoji, userId: actorId };
  if (state.hasReaction(reaction) === present) return accepted(decisionId, null, messageId);

  const changed = takeNumber(chat, state.now);
  state.putChat(changed);
  state.putReaction(reaction, present);
  state.appendEvent(cause, { type: present ? 'message.reacted' : 'message.unreacted', ...reaction }, changed);
  return accepted(decisionId, changed.lastSequence, messageId);
}

export const reactToMessage: UseCase<'message.react'> = (command, context) => changeReaction(command, context, true);

export const unreactToMessage: UseCase<'message.unreact'> = (command, context) =>
  changeReaction(command, context, false);
