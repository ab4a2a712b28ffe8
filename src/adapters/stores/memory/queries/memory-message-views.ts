import { type MessageView, type VisiblePast, visiblePast } from '../../../../application/ports/queries/chat-history.js';
import type { ChatView } from '../../../../application/ports/queries/chat-queries.js';
import { REACTIONS_SHOWN_MAX } from '../../../../contract/rest/responses.js';
import type { Message } from '../../../../domain/message.js';
import { byCodeUnit, type MemoryTables } from '../memory-tables.js';

/** The visible messages of a chat in ascending sequence. */
export function visibleMessages(tables: MemoryTables, { chatId, fromSequence }: VisiblePast): Message[] {
  return (tables.messagesOfChat.get(chatId) ?? []).filter(({ sequence }) => sequence >= fromSequence);
}

export function lastVisibleMessage(tables: MemoryTables, view: ChatView): MessageView | null {
  const past = visiblePast(view);
  const message = visibleMessages(tables, past).at(-1);
  return message === undefined ? null : viewOf(tables, past, message);
}

/** The message as queries return it to one user. */
export function viewOf(tables: MemoryTables, { userId }: VisiblePast, message: Message): MessageView {
  const { chatId, messageId, sequence } = message;
  const event = tables.eventsOfChat.get(chatId)?.find((logged) => logged.sequence === sequence);
  if (event === undefined) throw new Error(`message ${messageId} has no event`);
  const all = [...(tables.reactions.get(messageId) ?? [])].map(([emoji, users]) => ({
    ...{ emoji, count: users.size, mine: users.has(userId) },
  }));
  const reactions = all.sort((a, b) => b.count - a.count || byCodeUnit(a.emoji, b.emoji)).slice(0, REACTIONS_SHOWN_MAX);
  return { ...message, commandId: event.commandId, reactions, reactionKinds: all.length };
}
