import { LRUCache } from 'lru-cache';
import type { DomainEventType } from '../../domain/event.js';
import type { EventLog, LoggedEvent, Recipients } from '../ports/event-log.js';

/** Member ids kept per partition, over all chats: bounds the memory, not the reach. */
export const CACHED_MEMBER_IDS_MAX = 50_000;

const CHANGES_MEMBERS: ReadonlySet<DomainEventType> = new Set(['chat.created', 'member.added', 'member.removed']);

/**
 * Who gets a chat's events. The owner of a partition sees every membership change of its chats, so what it has read stays true until it
 * commits one itself; under another epoch a new cache begins.
 */
export class RecipientsCache {
  private readonly cache = new LRUCache<string, Recipients>({
    maxSize: CACHED_MEMBER_IDS_MAX,
    sizeCalculation: ({ memberIds }) => 1 + (memberIds?.length ?? 0),
  });
  /** Chats whose members changed while a read was under way: that read may not be kept. */
  private changedDuringRead = new Set<string>();

  constructor(
    private readonly log: EventLog,
    private readonly max: number,
  ) {}

  /** To be called with every committed event before it is looked up. */
  noteCommitted(events: readonly LoggedEvent[]): void {
    for (const { event, chatId } of events) {
      if (chatId === null || !CHANGES_MEMBERS.has(event.type)) continue;
      this.cache.delete(chatId);
      this.changedDuringRead.add(chatId);
    }
  }

  async lookUp(events: readonly LoggedEvent[]): Promise<Map<string, Recipients>> {
    const found = new Map<string, Recipients>();
    const missing = new Set<string>();
    for (const { chatId } of events) {
      if (chatId === null || found.has(chatId)) continue;
      const known = this.cache.get(chatId);
      if (known === undefined) missing.add(chatId);
      else found.set(chatId, known);
    }
    if (missing.size === 0) return found;
    this.changedDuringRead = new Set();
    // One more than may be listed: the actor is left out afterwards.
    for (const [chatId, recipients] of await this.log.recipients([...missing], this.max + 1)) {
      found.set(chatId, recipients);
      if (!this.changedDuringRead.has(chatId)) this.cache.set(chatId, recipients);
    }
    return found;
  }
}
