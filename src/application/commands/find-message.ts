import { firstVisibleSequence } from '../../domain/chat.js';
import type { MessageReference } from '../../domain/message.js';
import { CHAT_NOT_FOUND, MESSAGE_NOT_FOUND, type Refusal } from '../../domain/refusal.js';
import type { FoundChat } from './outcome.js';

/**
 * The message, if it is in this chat and the actor may see it. A message from before that looks the same as one that
 * does not exist.
 */
export function visibleMessage<M extends MessageReference>(
  { chat, actor }: FoundChat,
  message: M | undefined,
): M | undefined {
  if (message === undefined || message.chatId !== chat.chatId) return undefined;
  if (actor === null) return message;
  return message.sequence >= firstVisibleSequence(chat, actor) ? message : undefined;
}

/** If the actor is not in the chat and nothing is permitted yet, the refusal says that the chat does not exist. */
export function messageNotFound({ actor }: FoundChat): Refusal {
  return actor === null ? CHAT_NOT_FOUND : MESSAGE_NOT_FOUND;
}
