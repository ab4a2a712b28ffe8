import { isMuted, takeMessageNumber } from '../../domain/chat.js';
import type { Message } from '../../domain/message.js';
import { CHAT_NOT_FOUND } from '../../domain/refusal.js';
import { findChat } from './find-chat.js';
import { accepted, factsAbout, refused, type UseCase } from './outcome.js';

export const DEFAULT_CONTENT_TYPE = 'text/plain';

/** Sends a message to a chat the actor is in. What it answers, and the thread it belongs to, must be in the same chat. */
export const sendMessage: UseCase<'message.send'> = (command, context) => {
  const { state, policy, cause, newId } = context;
  const found = findChat(state, command);
  if (found === undefined) return refused(CHAT_NOT_FOUND);
  const { chat, actor } = found;
  const { decisionId, refusal } = policy.enforce({
    ...factsAbout('message.send', command, context),
    chat: { kind: chat.kind, archived: chat.archivedAt !== null },
    role: actor.role,
  });
  if (refusal !== null) return refused(refusal, decisionId);
  if (chat.archivedAt !== null) return refused({ code: 'archived', detail: 'the chat is archived' }, decisionId);
  if (isMuted(actor, state.now))
    return refused({ code: 'muted', detail: `until ${actor.mutedUntil?.toISOString()}` }, decisionId);
  const { data } = command;
  for (const reference of [data.inReplyTo, data.threadRootId])
    if (reference !== undefined && state.message(reference)?.chatId !== chat.chatId)
      return refused({ code: 'not_found', detail: 'no such message in this chat' }, decisionId);

  const { chat: changed, sender } = takeMessageNumber(chat, actor, state.now);
  const message: Message = {
    chatId: chat.chatId,
    sequence: changed.lastSequence,
    messageId: newId(),
    tenantId: chat.tenantId,
    ordinal: changed.lastOrdinal,
    senderId: command.actorId,
    revision: 1,
    body: data.body,
    contentType: data.contentType ?? DEFAULT_CONTENT_TYPE,
    inReplyTo: data.inReplyTo ?? null,
    threadRootId: data.threadRootId ?? null,
    mentions: data.mentions ?? [],
    attachments: data.attachments ?? [],
    metadata: data.metadata ?? {},
    createdAt: state.now,
    editedAt: null,
    deletedAt: null,
  };
  state.putChat(changed);
  state.putMember(sender);
  state.putMessage(message);
  state.appendEvent(cause, { type: 'message.created', message }, changed);
  return accepted(decisionId, message.sequence, message.messageId);
};
