import {
  type CommandOf,
  commandData,
  EMOJI_PER_MESSAGE_MAX,
  EMOJI_PER_USER_AND_MESSAGE_MAX,
} from '../../../contract/messages/commands.js';
import { mutedUntil, takeSequence } from '../../../domain/chat.js';
import type { Reaction } from '../../../domain/message.js';
import { CHAT_ARCHIVED, CHAT_NOT_FOUND, type Refusal, stillMuted } from '../../../domain/refusal.js';
import type { BatchState } from '../../snapshot/batch-state.js';
import type { CommandHandler } from '../command-handler.js';
import { findChat } from '../find-chat.js';
import { messageNotFound, visibleMessage } from '../find-message.js';
import {
  accepted,
  attributesInChat,
  attributesOfMessage,
  type CommandContext,
  type CommandOutcome,
  refused,
} from '../outcome.js';

/**
 * Adds or removes the actor's reaction, once per user and emoji. If it is already so, nothing changes and there is no
 * event.
 */
function changeReaction(
  command: CommandOf<'message.react' | 'message.unreact'>,
  context: CommandContext,
  present: boolean,
): CommandOutcome {
  const { state, policy, cause } = context;
  const found = findChat(command, context);
  if (found === undefined) return refused(CHAT_NOT_FOUND);
  const { chat, actor } = found;
  const { actorId, data } = command;
  const { messageId, emoji } = data;
  const message = visibleMessage(found, state.message(messageId));
  if (message === undefined || message.deletedAt !== null) return refused(messageNotFound(found));
  const { decisionId, refusal } = policy.enforce({
    ...attributesInChat(command.type, command, context, found),
    message: attributesOfMessage(message, command, context),
  });
  if (refusal !== null) return refused(refusal, decisionId);
  if (chat.archivedAt !== null) return refused(CHAT_ARCHIVED, decisionId);
  const muted = present ? mutedUntil(actor, state.now) : null;
  if (muted !== null) return refused(stillMuted(muted), decisionId);
  const reaction = { messageId, emoji, userId: actorId };
  if (state.hasReaction(reaction) === present) return accepted(decisionId, null, messageId);
  const full = present ? noRoomForReaction(reaction, state) : null;
  if (full !== null) return refused(full, decisionId);

  const changed = takeSequence(chat);
  state.putChat(changed);
  state.putReaction(reaction, present);
  const type = present ? 'message.reacted' : 'message.unreacted';
  state.appendEvent(cause, { type, messageId, messageSequence: message.sequence, emoji, userId: actorId }, changed);
  return accepted(decisionId, changed.lastSequence, messageId);
}

/** The refusal if the message cannot have this new reaction, else null. */
function noRoomForReaction(reaction: Reaction, state: BatchState): Refusal | null {
  const ofMessage = state.emojiOfMessage(reaction);
  if (!ofMessage.includesThis && ofMessage.count >= EMOJI_PER_MESSAGE_MAX)
    return {
      code: 'limit_reached',
      detail: `a message has at most ${EMOJI_PER_MESSAGE_MAX} different emoji (EMOJI_PER_MESSAGE_MAX)`,
    };
  if (state.emojiOfReactor(reaction) < EMOJI_PER_USER_AND_MESSAGE_MAX) return null;
  return {
    code: 'limit_reached',
    detail: `a user reacts to a message with at most ${EMOJI_PER_USER_AND_MESSAGE_MAX} different emoji (EMOJI_PER_USER_AND_MESSAGE_MAX)`,
  };
}

export const reactToMessage: CommandHandler<'message.react'> = {
  type: 'message.react',
  schema: commandData['message.react'],
  snapshotKeys({ actorId, data: { messageId, emoji } }, keys) {
    keys.messages.add(messageId);
    keys.reactions.add({ messageId, emoji, userId: actorId });
    keys.reactors.add({ messageId, userId: actorId });
  },
  handle: (command, context) => changeReaction(command, context, true),
};

export const unreactToMessage: CommandHandler<'message.unreact'> = {
  type: 'message.unreact',
  schema: commandData['message.unreact'],
  snapshotKeys({ actorId, data: { messageId, emoji } }, keys) {
    keys.messages.add(messageId);
    keys.reactions.add({ messageId, emoji, userId: actorId });
  },
  handle: (command, context) => changeReaction(command, context, false),
};
