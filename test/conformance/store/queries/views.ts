/** Messages as queries give them back, and who asks. */
import type {
  MessageView,
  ReactionCount,
  VisiblePast,
} from '../../../../src/application/ports/queries/chat-history.js';
import type { Message } from '../../../../src/domain/message.js';

/** With the command of its event, as `aChatWithMessages` names it. */
export function viewed(message: Message | undefined, reactions: ReactionCount[] = []): MessageView | undefined {
  const commandId = `command-${message?.sequence}`;
  return message && { ...message, commandId, reactions, reactionKinds: reactions.length };
}

/** What a member sees of a chat: all of it, or from a sequence on. */
export function past(chatId: string, over: Partial<VisiblePast> = {}): VisiblePast {
  return { chatId, userId: 'alice', fromSequence: 1, ...over };
}
