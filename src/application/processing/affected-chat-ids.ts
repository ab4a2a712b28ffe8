import type { CommandType } from '../../contract/messages/commands.js';
import type { BatchItem } from '../snapshot/batch-item.js';

const CHANGES_MEMBERS: ReadonlySet<CommandType> = new Set(['chat.create', 'member.add', 'member.remove']);

/** The distinct chats of a batch's commands, without the commands that change the members of their chat. */
export function affectedChatIds(items: readonly BatchItem[]): string[] {
  const chatIds = new Set<string>();
  for (const { decoded, unauthenticated } of items) {
    if (unauthenticated !== null || decoded.outcome !== 'command') continue;
    const { type, chatId } = decoded.command;
    if (chatId !== null && !CHANGES_MEMBERS.has(type)) chatIds.add(chatId);
  }
  return [...chatIds];
}
