import type { ChatMembers, EventLog } from '../ports/store/log/event-log.js';
import type { Time } from '../runtime/time.js';

/** A reading takes no further publisher's chats when it would have more than this. It bounds the rows of one result. */
export const CHATS_READ_TOGETHER_MAX = 512;

interface Reading {
  chatIds: Set<string>;
  found: Promise<Map<string, ChatMembers>>;
}

/**
 * A log whose recipients are read for all publishers of a worker at once: what several of them ask for in one turn of
 * the event loop is one statement. Partitions share their transactions, so their publishers ask together.
 */
export class SharedRecipients implements EventLog {
  /** What is asked for in this turn, by the other arguments. */
  private readonly next = new Map<string, Reading>();

  constructor(
    private readonly log: EventLog,
    private readonly time: Pick<Time, 'turn'>,
  ) {}

  storeId(): ReturnType<EventLog['storeId']> {
    return this.log.storeId();
  }

  readEvents(...given: Parameters<EventLog['readEvents']>): ReturnType<EventLog['readEvents']> {
    return this.log.readEvents(...given);
  }

  async recipients(chatIds: readonly string[], max: number, withProfiles: boolean): Promise<Map<string, ChatMembers>> {
    const key = `${max} ${withProfiles}`;
    let reading = this.next.get(key);
    if (reading === undefined || reading.chatIds.size + chatIds.length > CHATS_READ_TOGETHER_MAX) {
      const asked = new Set<string>();
      const found = this.time.turn().then(() => {
        if (this.next.get(key)?.chatIds === asked) this.next.delete(key);
        return this.log.recipients([...asked], max, withProfiles);
      });
      reading = { chatIds: asked, found };
      this.next.set(key, reading);
    }
    for (const chatId of chatIds) reading.chatIds.add(chatId);
    const found = await reading.found;
    return new Map(
      chatIds.flatMap((chatId) => {
        const chat = found.get(chatId);
        return chat === undefined ? [] : [[chatId, chat]];
      }),
    );
  }
}
