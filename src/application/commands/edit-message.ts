import { isDeepStrictEqual } from 'node:util';
import { isMuted, takeNumber } from '../../domain/chat.js';
import { editMessage as withText } from '../../domain/message.js';
import { CHAT_ARCHIVED, CHAT_NOT_FOUND, MESSAGE_NOT_FOUND } from '../../domain/refusal.js';
import { findChat } from './find-chat.js';
import { visibleMessage } from './find-message.js';
import { accepted, factsInChat, factsOfMessage, refused, type UseCase } from './outcome.js';
import { storedMetadata } from './stored-metadata.js';

/** Gives a message a new text; the one it had is kept as a revision. The same text again changes nothing. */
export const editMessage: UseCase<'message.edit'> = (command, context) => {
  const { state, policy, cause } = context;
  const found = findChat(state, command);
  if (found === undefined) return refused(CHAT_NOT_FOUND);
  const { chat, actor } = found;
  const { data, actorId } = command;
  const message = visibleMessage(found, state.messageInFull(data.messageId));
  if (message === undefined || message.deletedAt !== null) return refused(MESSAGE_NOT_FOUND);
  const { decisionId, refusal } = policy.enforce({
    ...factsInChat('message.edit', command, context, found),
    message: factsOfMessage(message, actorId),
  });
  if (refusal !== null) return refused(refusal, decisionId);
  if (chat.archivedAt !== null) return refused(CHAT_ARCHIVED, decisionId);
  if (isMuted(actor, state.now))
    return refused({ code: 'muted', detail: `until ${actor.mutedUntil?.toISOString()}` }, decisionId);
  const windowMs = context.editWindowMs(command.tenantId);
  if (windowMs !== null && state.now.getTime() - message.createdAt.getTime() > windowMs)
    return refused({ code: 'not_permitted', detail: 'edit-window: too long ago to be edited' }, decisionId);

  const text = {
    body: data.body,
    mentions: data.mentions ?? message.mentions,
    metadata: data.metadata === undefined ? message.metadata : storedMetadata(data.metadata),
  };
  const { body, mentions, metadata } = message;
  if (isDeepStrictEqual(text, { body, mentions, metadata })) return accepted(decisionId, null, message.messageId);
  const changed = takeNumber(chat, state.now);
  const edited = withText(message, text, actorId, state.now);
  state.putChat(changed);
  state.editMessage(edited);
  state.appendEvent(cause, { type: 'message.edited', message: edited.message }, changed);
  return accepted(decisionId, changed.lastSequence, message.messageId);
};
