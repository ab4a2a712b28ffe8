import type { Chat, Member } from '../../domain/chat.js';
import type { BatchState } from '../batch/batch-state.js';

/**
 * The chat and the actor's membership, or undefined: no such chat, another tenant's chat and a chat that the actor is not in
 * cannot be told apart.
 */
export function findChat(
  state: BatchState,
  command: { tenantId: string; chatId: string; actorId: string },
): { chat: Chat; actor: Member } | undefined {
  const chat = state.chat(command.chatId);
  const actor = state.member(command.chatId, command.actorId);
  return chat === undefined || actor === undefined || chat.tenantId !== command.tenantId ? undefined : { chat, actor };
}
