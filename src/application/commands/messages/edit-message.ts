import { isDeepStrictEqual } from 'node:util';
import { commandData, EDITS_PER_MESSAGE_MAX } from '../../../contract/messages/commands.js';
import { hasVisibleCharacter, INVISIBLE } from '../../../contract/messages/text.js';
import { mutedUntil, takeSequence } from '../../../domain/chat.js';
import { editMessage as withText } from '../../../domain/message.js';
import { CHAT_ARCHIVED, CHAT_NOT_FOUND, stillMuted } from '../../../domain/refusal.js';
import type { CommandHandler } from '../command-handler.js';
import { findChat } from '../find-chat.js';
import { messageNotFound, visibleMessage } from '../find-message.js';
import { accepted, attributesInChat, attributesOfMessage, attributesOfText, refused } from '../outcome.js';
import { storedMetadata } from '../stored-metadata.js';

/** Replaces a message's text and keeps the old text as a revision. The same text again changes nothing. */
export const editMessage: CommandHandler<'message.edit'> = {
  type: 'message.edit',
  schema: commandData['message.edit'],
  snapshotKeys({ data }, keys) {
    keys.messagesInFull.add(data.messageId);
  },
  handle(command, context) {
    const { state, policy, cause } = context;
    const found = findChat(command, context);
    if (found === undefined) return refused(CHAT_NOT_FOUND);
    const { chat, actor } = found;
    const { data, actorId } = command;
    const message = visibleMessage(found, state.messageInFull(data.messageId));
    if (message === undefined || message.deletedAt !== null) return refused(messageNotFound(found));
    const { decisionId, refusal } = policy.enforce({
      ...attributesInChat('message.edit', command, context, found),
      message: attributesOfMessage(message, command, context),
      text: attributesOfText(data.body, data.mentions ?? message.mentions, message.attachments),
    });
    if (refusal !== null) return refused(refusal, decisionId);
    if (chat.archivedAt !== null) return refused(CHAT_ARCHIVED, decisionId);
    const muted = mutedUntil(actor, state.now);
    if (muted !== null) return refused(stillMuted(muted), decisionId);

    // As in `message.send`: only a message with attachments may have no visible text.
    if (message.attachments.length === 0 && !hasVisibleCharacter(data.body))
      return refused({ code: 'invalid', violations: [{ path: 'data.body', message: INVISIBLE }] }, decisionId);

    const text = {
      body: data.body,
      mentions: data.mentions ?? message.mentions,
      metadata: data.metadata === undefined ? message.metadata : storedMetadata(data.metadata),
    };
    const { body, mentions, metadata } = message;
    if (isDeepStrictEqual(text, { body, mentions, metadata })) return accepted(decisionId, null, message.messageId);
    if (message.revision > EDITS_PER_MESSAGE_MAX)
      return refused(
        {
          code: 'limit_reached',
          detail: `a message is edited at most ${EDITS_PER_MESSAGE_MAX} times (EDITS_PER_MESSAGE_MAX)`,
        },
        decisionId,
      );
    const changed = takeSequence(chat);
    const edited = withText(message, text, actorId, state.now);
    state.putChat(changed);
    state.editMessage(edited);
    state.appendEvent(cause, { type: 'message.edited', message: edited.message }, changed);
    return accepted(decisionId, changed.lastSequence, message.messageId);
  },
};
