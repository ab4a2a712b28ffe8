import { firstVisibleSequence } from '../../domain/chat.js';
import type { MessageReference } from '../../domain/message.js';
import { CHAT_NOT_FOUND, MESSAGE_NOT_FOUND, type Refusal } from '../../domain/refusal.js';
import type { FoundChat } from './outcome.js';

/** The message, if it is in this chat and the actor may see it; what came before cannot be told from what is not there. */
export function visibleMessage<M extends MessageReference>(
  { chat, actor }: FoundChat,
  message: M | undefined,
): M | undefined {
  if (message === undefined || message.chatId !== chat.chatId) return undefined;
  if (actor === null) return message;
  return message.sequence >= firstVisibleSequence(chat, actor) ? message : undefined;
}

/** To one who is not in the chat and has not been permitted anything yet, the chat is not there either. */
export function messageNotFound({ actor }: FoundChat): Refusal {
  return actor === null ? CHAT_NOT_FOUND : MESSAGE_NOT_FOUND;
}
