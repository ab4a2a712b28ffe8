/**
 * Where a dispatch worker stores the last sequence of each chat. `chat` consists of the event's `source` and
 * `partitionkey`, because a store that was restored from a backup numbers its events again under another source.
 */
export interface LastSequences {
  /** Undefined if no event of this chat is stored. */
  get(chat: string): number | undefined | Promise<number | undefined>;
  /** Called after the event was handled and before it is acknowledged. */
  set(chat: string, sequence: number): void | Promise<void>;
}

export const REMEMBERED_CHATS_MAX = 100_000;

/**
 * In memory, for the chats with the latest events, at most `max` of them. For a removed chat, or after a restart, the
 * next event counts as the first one: a repeat of it is handled twice, and a gap before it is not detected.
 */
export class RememberedSequences implements LastSequences {
  readonly #last = new Map<string, number>();

  constructor(private readonly max = REMEMBERED_CHATS_MAX) {}

  get size(): number {
    return this.#last.size;
  }

  get(chat: string): number | undefined {
    return this.#last.get(chat);
  }

  set(chat: string, sequence: number): void {
    this.#last.delete(chat); // It is the latest now.
    this.#last.set(chat, sequence);
    if (this.#last.size <= this.max) return;
    const [oldest] = this.#last.keys();
    if (oldest !== undefined) this.#last.delete(oldest);
  }
}
