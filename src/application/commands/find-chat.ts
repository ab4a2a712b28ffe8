import type { CommandType } from '../../contract/messages/commands.js';
import type { CommandContext, FoundChat } from './outcome.js';

/**
 * Undefined for a chat that does not exist, for a chat of another tenant, and for a chat that the actor is not in: the
 * three look the same. If the policy may permit actors outside the chat, the caller asks the policy next, and a denial
 * looks the same too.
 */
export function findChat(
  command: { type: CommandType; tenantId: string; chatId: string; actorId: string },
  { state, policy }: Pick<CommandContext, 'state' | 'policy'>,
): FoundChat | undefined {
  const chat = state.chat(command.chatId);
  if (chat === undefined || chat.tenantId !== command.tenantId) return undefined;
  const actor = state.member(command.chatId, command.actorId) ?? null;
  return actor === null && !policy.permitsOutsiders(command.type) ? undefined : { chat, actor };
}
