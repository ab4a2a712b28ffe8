import type { ChatViewing } from '../../../../application/policy/view-chat.js';
import { type VisiblePast, visiblePast } from '../../../../application/ports/queries/chat-history.js';
import type { Caller, ChatView } from '../../../../application/ports/queries/chat-queries.js';
import { type Answer, refusalAnswer } from '../response.js';

/**
 * Calls the handler with the visible part of the chat, if the caller may see it. The only access of handlers to chats.
 */
export async function inChat(
  viewing: ChatViewing,
  { caller, path: { chatId } }: { caller: Caller; path: { chatId: string } },
  answer: (past: VisiblePast, view: ChatView) => Promise<Answer> | Answer,
): Promise<Answer> {
  const viewed = await viewing.viewChat(caller, chatId);
  if (viewed.outcome === 'refused') return refusalAnswer(viewed.refusal, viewed.decisionId);
  return answer(visiblePast(viewed.view), viewed.view);
}
