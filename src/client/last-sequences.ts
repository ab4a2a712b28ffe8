/**
 * Where a dispatch worker remembers the last sequence of each chat. `chat` is the event's `source` and `partitionkey`: a store that was set
 * back to a backup numbers anew, under another source.
 */
export interface LastSequences {
  /** Undefined: no event of this chat is remembered. */
  get(chat: string): number | undefined | Promise<number | undefined>;
  /** Called after the event was handled and before it is acknowledged. */
  set(chat: string, sequence: number): void | Promise<void>;
}

export const REMEMBERED_CHATS_MAX = 100_000;

/**
 * In memory, for the chats with the latest events, at most `max` of them. A chat that is forgotten, or a process that starts anew, takes the
 * next event of a chat for its first: a repeat of it is handled twice, and a gap before it is not noticed.
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
    this.#last.delete(chat); // it is the latest now
    this.#last.set(chat, sequence);
    if (this.#last.size <= this.max) return;
    const [oldest] = this.#last.keys();
    if (oldest !== undefined) this.#last.delete(oldest);
  }
}
