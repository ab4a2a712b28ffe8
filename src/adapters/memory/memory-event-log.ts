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
    const events = this.world.log.get(partition) ?? [];
    const start = indexBeyond(events, after);
    return events.slice(start, start + limit).map((event) => withPresentText(this.world, event));
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

/** Where the first event beyond a position stands, by halves: below the floor positions may be missing. */
function indexBeyond(events: readonly LoggedEvent[], position: number): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((events[middle] as LoggedEvent).position > position) high = middle;
    else low = middle + 1;
  }
  return low;
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
