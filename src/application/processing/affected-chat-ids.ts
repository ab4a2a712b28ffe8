import type { CommandType } from '../../contract/messages/commands.js';
import type { BatchItem } from '../snapshot/batch-item.js';

const CHANGES_MEMBERS: ReadonlySet<CommandType> = new Set(['chat.create', 'member.add', 'member.remove']);

/** The chats of a batch's commands, but for commands that change who is in them. Without repeats. */
export function affectedChatIds(items: readonly BatchItem[]): string[] {
  const chatIds = new Set<string>();
  for (const { decoded, unproven } of items) {
    if (unproven !== null || decoded.outcome !== 'command') continue;
    const { type, chatId } = decoded.command;
    if (chatId !== null && !CHANGES_MEMBERS.has(type)) chatIds.add(chatId);
  }
  return [...chatIds];
}
