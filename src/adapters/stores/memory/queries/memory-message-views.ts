import { type MessageView, type VisiblePast, visiblePast } from '../../../../application/ports/queries/chat-history.js';
import type { ChatView } from '../../../../application/ports/queries/chat-queries.js';
import { REACTIONS_SHOWN_MAX } from '../../../../contract/rest/responses.js';
import type { Message } from '../../../../domain/message.js';
import { byCodeUnit, type MemoryTables } from '../memory-tables.js';

/** The visible messages of a chat in ascending sequence. */
export function visibleMessages(world: MemoryTables, { chatId, fromSequence }: VisiblePast): Message[] {
  return (world.messagesOfChat.get(chatId) ?? []).filter(({ sequence }) => sequence >= fromSequence);
}

export function lastVisibleMessage(world: MemoryTables, view: ChatView): MessageView | null {
  const past = visiblePast(view);
  const message = visibleMessages(world, past).at(-1);
  return message === undefined ? null : viewOf(world, past, message);
}

/** The message as queries return it to one user. */
export function viewOf(world: MemoryTables, { userId }: VisiblePast, message: Message): MessageView {
  const { chatId, messageId, sequence } = message;
  const event = world.eventsOfChat.get(chatId)?.find((logged) => logged.sequence === sequence);
  if (event === undefined) throw new Error(`message ${messageId} has no event`);
  const all = [...(world.reactions.get(messageId) ?? [])].map(([emoji, users]) => ({
    ...{ emoji, count: users.size, mine: users.has(userId) },
  }));
  const reactions = all.sort((a, b) => b.count - a.count || byCodeUnit(a.emoji, b.emoji)).slice(0, REACTIONS_SHOWN_MAX);
  return { ...message, commandId: event.commandId, reactions, reactionKinds: all.length };
}
