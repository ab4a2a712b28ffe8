import { userKey } from '../../../application/ports/store/command-store.js';
import type { ChatMember, ChatMembers, EventLog, LoggedEvent } from '../../../application/ports/store/log/event-log.js';
import type { Member } from '../../../domain/chat.js';
import { eraseMessage, type Message, messageOfStub } from '../../../domain/message.js';
import { copy } from './copy.js';
import { byCodeUnit, type MemoryTables } from './memory-tables.js';

export class MemoryEventLog implements EventLog {
  constructor(private readonly tables: MemoryTables) {}

  async storeId(): Promise<string> {
    return this.tables.storeId;
  }

  async readEvents(partition: number, after: number, limit: number): Promise<LoggedEvent[]> {
    const events = this.tables.log.get(partition) ?? [];
    const start = indexBeyond(events, after);
    return events.slice(start, start + limit).map((event) => withPresentText(this.tables, event));
  }

  async recipients(chatIds: readonly string[], max: number, withProfiles: boolean): Promise<Map<string, ChatMembers>> {
    const found = new Map<string, ChatMembers>();
    for (const chatId of chatIds) {
      const chat = this.tables.chats.get(chatId);
      if (chat === undefined) continue;
      const { tenantId, kind, archivedAt, historyVisibility, memberCount } = chat;
      const all = [...(this.tables.members.get(chatId)?.values() ?? [])].sort((a, b) => byCodeUnit(a.userId, b.userId));
      const members = memberCount <= max ? all.map((member) => this.chatMember(member, withProfiles)) : null;
      found.set(chatId, { tenantId, kind, archived: archivedAt !== null, historyVisibility, memberCount, members });
    }
    return found;
  }

  private chatMember({ tenantId, userId, role, joinedSequence }: Member, withProfile: boolean): ChatMember {
    const member = { userId, role, joinedSequence };
    if (!withProfile) return member;
    const user = this.tables.users.get(userKey({ tenantId, userId }));
    return { ...member, profile: user === undefined ? null : copy({ kind: user.kind, claims: user.claims }) };
  }
}

/** The index of the first event after a position, by binary search: below the floor positions may be missing. */
function indexBeyond(events: readonly LoggedEvent[], position: number): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((events[middle] as LoggedEvent).position > position) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** An event as the log returns it, with the current text of its message. */
export function withPresentText(tables: MemoryTables, logged: LoggedEvent): LoggedEvent {
  const { event } = logged;
  if (event.type !== 'message.created' && event.type !== 'message.edited') return copy(logged);
  return copy({ ...logged, event: { type: event.type, message: asOf(tables, event.message) } });
}

/** The message with its text at that revision, or without a text if it was deleted. */
function asOf(tables: MemoryTables, then: Message): Message {
  const { messageId, revision, editedAt, editedBy } = then;
  const stub = tables.removedMessages.get(messageId);
  if (stub !== undefined) return { ...messageOfStub(stub), revision, editedAt, editedBy };
  const now = tables.messages.get(messageId) ?? eraseMessage(then, then.createdAt);
  if (now.deletedAt !== null) return { ...now, revision, editedAt, editedBy };
  return then;
}
