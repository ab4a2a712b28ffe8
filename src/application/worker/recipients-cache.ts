import { LRUCache } from 'lru-cache';
import type { DomainEventType } from '../../domain/event.js';
import type { EventLog, LoggedEvent, Recipients } from '../ports/event-log.js';

/** Member ids kept per partition, over all chats: bounds the memory, not the reach. */
export const CACHED_MEMBER_IDS_MAX = 50_000;

const CHANGES_MEMBERS: ReadonlySet<DomainEventType> = new Set(['chat.created', 'member.added', 'member.removed']);

/** A reading of some chats' members that is under way. */
type Reading = Promise<Map<string, Recipients>>;

/**
 * Who gets a chat's events. The owner of a partition sees every membership change of its chats, so what it has read stays true until it
 * commits one itself; under another epoch a new cache begins.
 */
export class RecipientsCache {
  private readonly cache = new LRUCache<string, Recipients>({
    maxSize: CACHED_MEMBER_IDS_MAX,
    sizeCalculation: ({ memberIds }) => 1 + (memberIds?.length ?? 0),
  });
  /** By the chats that are read. A chat whose members change meanwhile is taken out: what that reading brings is of before, and not kept. */
  private readonly underWay = new Map<string, Reading>();

  constructor(
    private readonly log: Pick<EventLog, 'recipients'>,
    private readonly max: number,
  ) {}

  /** To be called with every committed event before it is looked up. */
  noteCommitted(events: readonly LoggedEvent[]): void {
    for (const { event, chatId } of events) {
      if (chatId === null || !CHANGES_MEMBERS.has(event.type)) continue;
      this.cache.delete(chatId);
      this.underWay.delete(chatId);
    }
  }

  /**
   * Reads what is not known yet and will be looked up soon. Where that fails, looking it up reads it again.
   * @returns when it is read; rejects with why it is not
   */
  async readAhead(chatIds: readonly string[]): Promise<void> {
    const missing = chatIds.filter((chatId) => !this.cache.has(chatId) && !this.underWay.has(chatId));
    if (missing.length > 0) await this.read([...new Set(missing)]);
  }

  async lookUp(events: readonly LoggedEvent[]): Promise<Map<string, Recipients>> {
    const found = new Map<string, Recipients>();
    const missing = new Set<string>();
    const awaited = new Map<string, Reading>();
    for (const { chatId } of events) {
      if (chatId === null || found.has(chatId) || missing.has(chatId)) continue;
      const known = this.cache.get(chatId);
      const reading = this.underWay.get(chatId);
      if (known !== undefined) found.set(chatId, known);
      else if (reading !== undefined) awaited.set(chatId, reading);
      else missing.add(chatId);
    }
    if (missing.size > 0)
      for (const [chatId, recipients] of await this.read([...missing])) found.set(chatId, recipients);
    for (const [chatId, reading] of awaited) {
      const recipients = (await reading).get(chatId);
      if (recipients !== undefined) found.set(chatId, recipients);
    }
    return found;
  }

  private async read(chatIds: readonly string[]): Reading {
    // One more than may be listed: the actor is left out afterwards.
    const reading = this.log.recipients(chatIds, this.max + 1);
    for (const chatId of chatIds) this.underWay.set(chatId, reading);
    const isOfNow = (chatId: string) => this.underWay.get(chatId) === reading;
    try {
      const read = await reading;
      for (const [chatId, recipients] of read) if (isOfNow(chatId)) this.cache.set(chatId, recipients);
      return read;
    } finally {
      for (const chatId of chatIds) if (isOfNow(chatId)) this.underWay.delete(chatId);
    }
  }
}
