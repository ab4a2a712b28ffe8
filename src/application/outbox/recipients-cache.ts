import { LRUCache } from 'lru-cache';
import { CHANGES_AUDIENCE } from '../../domain/event.js';
import type { AudienceReader, ChatAudience } from '../policy/chat-audience.js';
import type { LoggedEvent } from '../ports/store/log/event-log.js';

/**
 * Maximum number of cached member ids per partition, over all chats. It bounds the memory, not the number of
 * recipients.
 */
export const CACHED_MEMBER_IDS_MAX = 50_000;

/** A read of the audiences of some chats that is in flight. */
type Reading = Promise<Map<string, ChatAudience>>;

/**
 * Caches which members may see a chat's events. The owner of a partition sees every change of its chats and their
 * members. So an entry stays valid until this worker commits such a change, or until the policy changes. A new lease
 * starts with an empty cache. If the policy reads members' profiles, which other partitions change, nothing is cached.
 */
export class RecipientsCache {
  private readonly cache = new LRUCache<string, ChatAudience>({
    maxSize: CACHED_MEMBER_IDS_MAX,
    sizeCalculation: ({ viewers }) => 1 + (viewers?.length ?? 0),
  });
  /**
   * Reads in flight by chat id. A chat that changes meanwhile is removed: the read's result is outdated and must not be
   * cached.
   */
  private readonly inFlight = new Map<string, Reading>();

  constructor(private readonly audiences: Pick<AudienceReader, 'read' | 'policyVersion' | 'isSettledByEvents'>) {}

  /** Must be called with every committed event before the event is looked up. */
  noteCommitted(events: readonly LoggedEvent[]): void {
    for (const { event, chatId } of events) {
      if (chatId === null || !CHANGES_AUDIENCE.has(event.type)) continue;
      this.cache.delete(chatId);
      this.inFlight.delete(chatId);
    }
  }

  /**
   * Reads audiences that are not cached and will be needed soon. After a failure, `lookUp` reads them again.
   * @returns resolves when they are read, rejects if the read fails
   */
  async prefetch(chatIds: readonly string[]): Promise<void> {
    if (!this.audiences.isSettledByEvents) return;
    const missing = chatIds.filter((chatId) => this.known(chatId) === undefined && !this.inFlight.has(chatId));
    if (missing.length > 0) await this.read([...new Set(missing)]);
  }

  async lookUp(events: readonly LoggedEvent[]): Promise<Map<string, ChatAudience>> {
    const found = new Map<string, ChatAudience>();
    const missing = new Set<string>();
    const awaited = new Map<string, Reading>();
    for (const { chatId } of events) {
      if (chatId === null || found.has(chatId) || missing.has(chatId)) continue;
      const known = this.known(chatId);
      const reading = this.inFlight.get(chatId);
      if (known !== undefined) found.set(chatId, known);
      else if (reading !== undefined) awaited.set(chatId, reading);
      else missing.add(chatId);
    }
    if (missing.size > 0) for (const [chatId, audience] of await this.read([...missing])) found.set(chatId, audience);
    for (const [chatId, reading] of awaited) {
      const audience = (await reading).get(chatId);
      if (audience !== undefined) found.set(chatId, audience);
    }
    return found;
  }

  /** Ignores what another policy version has decided. */
  private known(chatId: string): ChatAudience | undefined {
    const audience = this.cache.get(chatId);
    return audience?.policyVersion === this.audiences.policyVersion ? audience : undefined;
  }

  private async read(chatIds: readonly string[]): Reading {
    const reading = this.audiences.read(chatIds);
    if (!this.audiences.isSettledByEvents) return reading;
    for (const chatId of chatIds) this.inFlight.set(chatId, reading);
    const isCurrent = (chatId: string) => this.inFlight.get(chatId) === reading;
    try {
      const read = await reading;
      for (const [chatId, audience] of read) if (isCurrent(chatId)) this.cache.set(chatId, audience);
      return read;
    } finally {
      for (const chatId of chatIds) if (isCurrent(chatId)) this.inFlight.delete(chatId);
    }
  }
}
