import type { BatchWrites } from '../../../application/ports/store/command-store.js';
import type { Message } from '../../../domain/message.js';
import { entry, type MemoryTables } from './memory-tables.js';

/** Writes messages with their revisions, reactions and threads. */
export function writeMessages(world: MemoryTables, writes: BatchWrites): void {
  for (const message of writes.messages) {
    world.messages.set(message.messageId, message);
    entry(world.messagesOfChat, message.chatId, () => []).push(message);
  }
  for (const message of writes.messagesChanged) replace(world, message);
  for (const revision of writes.revisions) entry(world.revisions, revision.messageId, () => []).push(revision);
  for (const messageId of writes.revisionsErased) world.revisions.delete(messageId);
  for (const { messageId, emoji, userId, present } of writes.reactions) {
    const byEmoji = entry(world.reactions, messageId, () => new Map<string, Set<string>>());
    const users = entry(byEmoji, emoji, () => new Set<string>());
    if (present) users.add(userId);
    else users.delete(userId);
    if (users.size === 0) byEmoji.delete(emoji);
  }
  // The root was deleted hard, so there is no count to change.
  for (const { rootId, replies } of writes.threads)
    if (replies > 0 || world.threads.has(rootId)) world.threads.set(rootId, (world.threads.get(rootId) ?? 0) + replies);
  for (const stub of writes.messagesRemoved) {
    const { chatId, messageId } = stub;
    world.messages.delete(messageId);
    world.messagesOfChat.set(
      chatId,
      (world.messagesOfChat.get(chatId) ?? []).filter((message) => message.messageId !== messageId),
    );
    world.revisions.delete(messageId);
    world.reactions.delete(messageId);
    world.threads.delete(messageId);
    world.removedMessages.set(messageId, stub);
  }
}

function replace(world: MemoryTables, message: Message): void {
  world.messages.set(message.messageId, message);
  const ofChat = world.messagesOfChat.get(message.chatId) ?? [];
  const index = ofChat.findIndex(({ messageId }) => messageId === message.messageId);
  if (index !== -1) ofChat[index] = message;
}
