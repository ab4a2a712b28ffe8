import type { CommandType } from '../../contract/messages/commands.js';
import type { CommandContext, FoundChat } from './outcome.js';

/**
 * Undefined: no such chat, another tenant's chat and a chat that the actor is not in cannot be told apart. Where the policy may let actors
 * act in chats they are not in, it is asked next, and its no looks the same.
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
