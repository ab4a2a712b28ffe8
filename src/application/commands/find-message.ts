import { type Chat, firstVisibleSequence, type Member } from '../../domain/chat.js';
import type { MessageReference } from '../../domain/message.js';

/** The message, if it is in this chat and the actor may see it; what came before cannot be told from what is not there. */
export function visibleMessage<M extends MessageReference>(
  { chat, actor }: { chat: Chat; actor: Member },
  message: M | undefined,
): M | undefined {
  if (message === undefined || message.chatId !== chat.chatId) return undefined;
  return message.sequence >= firstVisibleSequence(chat, actor) ? message : undefined;
}
