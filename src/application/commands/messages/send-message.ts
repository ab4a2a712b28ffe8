import { commandData } from '../../../contract/messages/commands.js';
import { mutedUntil, takeMessageSequence } from '../../../domain/chat.js';
import { DEFAULT_CONTENT_TYPE, type Message } from '../../../domain/message.js';
import { CHAT_ARCHIVED, CHAT_NOT_FOUND, MESSAGE_NOT_FOUND, stillMuted } from '../../../domain/refusal.js';
import type { CommandHandler } from '../command-handler.js';
import { findChat } from '../find-chat.js';
import { visibleMessage } from '../find-message.js';
import { accepted, attributesInChat, attributesOfText, refused } from '../outcome.js';

/** Sends a message to a chat. The message that it replies to, and its thread, must be in the same chat. */
export const sendMessage: CommandHandler<'message.send'> = {
  type: 'message.send',
  schema: commandData['message.send'],
  snapshotKeys({ data }, keys) {
    if (data.inReplyTo !== undefined) keys.messages.add(data.inReplyTo);
    if (data.threadRootId !== undefined) keys.messages.add(data.threadRootId);
  },
  handle(command, context) {
    const { state, policy, cause, newId } = context;
    const found = findChat(command, context);
    if (found === undefined) return refused(CHAT_NOT_FOUND);
    const { chat, actor } = found;
    const { data } = command;
    const { decisionId, refusal } = policy.enforce({
      ...attributesInChat('message.send', command, context, found),
      text: attributesOfText(data.body, data.mentions, data.attachments),
    });
    if (refusal !== null) return refused(refusal, decisionId);
    if (chat.archivedAt !== null) return refused(CHAT_ARCHIVED, decisionId);
    const muted = mutedUntil(actor, state.now);
    if (muted !== null) return refused(stillMuted(muted), decisionId);
    for (const reference of [data.inReplyTo, data.threadRootId])
      if (reference !== undefined && visibleMessage(found, state.message(reference)) === undefined)
        return refused(MESSAGE_NOT_FOUND, decisionId);
    const threadOfRoot =
      data.threadRootId === undefined ? null : (state.message(data.threadRootId)?.threadRootId ?? null);
    if (threadOfRoot !== null)
      return refused(
        {
          code: 'invalid',
          violations: [{ path: 'data.threadRootId', message: `is in a thread itself: name its root, ${threadOfRoot}` }],
        },
        decisionId,
      );

    const { chat: changed, sender } = takeMessageSequence(chat, actor, state.now);
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
      editedBy: null,
      deletedAt: null,
    };
    state.putChat(changed);
    if (sender !== null) state.putMember(sender);
    state.addMessage(message);
    state.appendEvent(cause, { type: 'message.created', message }, changed);
    return accepted(decisionId, message.sequence, message.messageId);
  },
};
