import type { BatchWrites } from '../../../application/ports/store/command-store.js';
import type { Message } from '../../../domain/message.js';
import { entry, type MemoryTables } from './memory-tables.js';

/** Writes messages with their revisions, reactions and threads. */
export function writeMessages(tables: MemoryTables, writes: BatchWrites): void {
  for (const message of writes.messages) {
    tables.messages.set(message.messageId, message);
    entry(tables.messagesOfChat, message.chatId, () => []).push(message);
  }
  for (const message of writes.messagesChanged) replace(tables, message);
  for (const revision of writes.revisions) entry(tables.revisions, revision.messageId, () => []).push(revision);
  for (const messageId of writes.revisionsErased) tables.revisions.delete(messageId);
  for (const { messageId, emoji, userId, present } of writes.reactions) {
    const byEmoji = entry(tables.reactions, messageId, () => new Map<string, Set<string>>());
    const users = entry(byEmoji, emoji, () => new Set<string>());
    if (present) users.add(userId);
    else users.delete(userId);
    if (users.size === 0) byEmoji.delete(emoji);
  }
  // The root was deleted hard, so there is no count to change.
  for (const { rootId, replies } of writes.threads)
    if (replies > 0 || tables.threads.has(rootId))
      tables.threads.set(rootId, (tables.threads.get(rootId) ?? 0) + replies);
  for (const stub of writes.messagesRemoved) {
    const { chatId, messageId } = stub;
    tables.messages.delete(messageId);
    tables.messagesOfChat.set(
      chatId,
      (tables.messagesOfChat.get(chatId) ?? []).filter((message) => message.messageId !== messageId),
    );
    tables.revisions.delete(messageId);
    tables.reactions.delete(messageId);
    tables.threads.delete(messageId);
    tables.removedMessages.set(messageId, stub);
  }
}

function replace(tables: MemoryTables, message: Message): void {
  tables.messages.set(message.messageId, message);
  const ofChat = tables.messagesOfChat.get(message.chatId) ?? [];
  const index = ofChat.findIndex(({ messageId }) => messageId === message.messageId);
  if (index !== -1) ofChat[index] = message;
}
