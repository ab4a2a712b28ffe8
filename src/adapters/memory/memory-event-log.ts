import type { EventLog, LoggedEvent, Recipients } from '../../application/ports/event-log.js';
import { eraseMessage, type Message, messageOfStub } from '../../domain/message.js';
import { copy } from './copy.js';
import { byCodeUnit, type MemoryWorld } from './memory-world.js';

export class MemoryEventLog implements EventLog {
  constructor(private readonly world: MemoryWorld) {}

  async storeId(): Promise<string> {
    return this.world.storeId;
  }

  async readEvents(partition: number, after: number, limit: number): Promise<LoggedEvent[]> {
    // Positions are contiguous from 1: the one after `after` stands at that index.
    const events = this.world.log.get(partition) ?? [];
    return events.slice(after, after + limit).map((event) => withPresentText(this.world, event));
  }

  async recipients(chatIds: readonly string[], max: number): Promise<Map<string, Recipients>> {
    const recipients = new Map<string, Recipients>();
    for (const chatId of chatIds) {
      const chat = this.world.chats.get(chatId);
      if (chat === undefined) continue;
      const { memberCount } = chat;
      const memberIds =
        memberCount <= max ? [...(this.world.members.get(chatId)?.keys() ?? [])].sort(byCodeUnit) : null;
      recipients.set(chatId, { memberIds, memberCount });
    }
    return recipients;
  }
}

/** An event as the log gives it back: a message's text is read where it stands now. */
export function withPresentText(world: MemoryWorld, logged: LoggedEvent): LoggedEvent {
  const { event } = logged;
  if (event.type !== 'message.created' && event.type !== 'message.edited') return copy(logged);
  return copy({ ...logged, event: { type: event.type, message: asOf(world, event.message) } });
}

/** The message with the text it had at that revision, or without any if it has been deleted. */
function asOf(world: MemoryWorld, then: Message): Message {
  const { messageId, revision, editedAt, editedBy } = then;
  const stub = world.removedMessages.get(messageId);
  if (stub !== undefined) return { ...messageOfStub(stub), revision, editedAt, editedBy };
  const now = world.messages.get(messageId) ?? eraseMessage(then, then.createdAt);
  if (now.deletedAt !== null) return { ...now, revision, editedAt, editedBy };
  return then;
}
