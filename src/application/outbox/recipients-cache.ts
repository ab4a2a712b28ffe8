import { LRUCache } from 'lru-cache';
import type { DomainEventType } from '../../domain/event.js';
import type { AudienceReader, ChatAudience } from '../policy/chat-audience.js';
import type { LoggedEvent } from '../ports/event-log.js';

/** Member ids kept per partition, over all chats: bounds the memory, not the reach. */
export const CACHED_MEMBER_IDS_MAX = 50_000;

/** Events after which other members may see the chat, or other parts of it. */
const CHANGES_AUDIENCE: ReadonlySet<DomainEventType> = new Set([
  ...(['chat.created', 'chat.updated', 'chat.archived', 'chat.unarchived'] as const),
  ...(['member.added', 'member.removed', 'member.updated'] as const),
]);

/** A reading of some chats' audiences that is under way. */
type Reading = Promise<Map<string, ChatAudience>>;

/**
 * Who may see a chat's events. The owner of a partition sees every change of its chats and of their members, so what it has read stays true until
 * it commits one itself, or has another policy; under another epoch a new cache begins. Where the policy looks at members' profiles, which change
 * in other partitions, nothing is kept.
 */
export class RecipientsCache {
  private readonly cache = new LRUCache<string, ChatAudience>({
    maxSize: CACHED_MEMBER_IDS_MAX,
    sizeCalculation: ({ viewers }) => 1 + (viewers?.length ?? 0),
  });
  /** By the chats that are read. A chat that changes meanwhile is taken out: what that reading brings is of before, and not kept. */
  private readonly underWay = new Map<string, Reading>();

  constructor(private readonly audiences: Pick<AudienceReader, 'read' | 'policyVersion' | 'isSettledByEvents'>) {}

  /** To be called with every committed event before it is looked up. */
  noteCommitted(events: readonly LoggedEvent[]): void {
    for (const { event, chatId } of events) {
      if (chatId === null || !CHANGES_AUDIENCE.has(event.type)) continue;
      this.cache.delete(chatId);
      this.underWay.delete(chatId);
    }
  }

  /**
   * Reads what is not known yet and will be looked up soon. Where that fails, looking it up reads it again.
   * @returns when it is read; rejects with why it is not
   */
  async readAhead(chatIds: readonly string[]): Promise<void> {
    if (!this.audiences.isSettledByEvents) return;
    const missing = chatIds.filter((chatId) => this.known(chatId) === undefined && !this.underWay.has(chatId));
    if (missing.length > 0) await this.read([...new Set(missing)]);
  }

  async lookUp(events: readonly LoggedEvent[]): Promise<Map<string, ChatAudience>> {
    const found = new Map<string, ChatAudience>();
    const missing = new Set<string>();
    const awaited = new Map<string, Reading>();
    for (const { chatId } of events) {
      if (chatId === null || found.has(chatId) || missing.has(chatId)) continue;
      const known = this.known(chatId);
      const reading = this.underWay.get(chatId);
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

  /** What another policy has decided is of no use. */
  private known(chatId: string): ChatAudience | undefined {
    const audience = this.cache.get(chatId);
    return audience?.policyVersion === this.audiences.policyVersion ? audience : undefined;
  }

  private async read(chatIds: readonly string[]): Reading {
    const reading = this.audiences.read(chatIds);
    if (!this.audiences.isSettledByEvents) return reading;
    for (const chatId of chatIds) this.underWay.set(chatId, reading);
    const isOfNow = (chatId: string) => this.underWay.get(chatId) === reading;
    try {
      const read = await reading;
      for (const [chatId, audience] of read) if (isOfNow(chatId)) this.cache.set(chatId, audience);
      return read;
    } finally {
      for (const chatId of chatIds) if (isOfNow(chatId)) this.underWay.delete(chatId);
    }
  }
}
