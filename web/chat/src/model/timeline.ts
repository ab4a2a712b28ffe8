/**
 * The messages of a chat for a list of any length. Each sequence of the chat is one slot; a slot without a message has
 * no height. Only the pages around the screen are in memory.
 */
import type { ChatStore, MessageRecord, StoreChange } from '@parley-chat/client/realtime';
import { signal } from '@preact/signals';
import { Heights } from './heights.js';

const PAGE = 100;
/** Further pages are dropped, those that were not used for the longest time first. */
const PAGES_MAX = 60;
const ESTIMATED_HEIGHT = 56;
const ESTIMATED_CHARACTERS_PER_LINE = 55;
const ESTIMATED_LINE_HEIGHT = 21;
/** How far back the message before is looked for, past sequences that are not messages. */
const LOOK_BACK_MAX = 64;

export class Timeline {
  /** Counts the changes, for those who show them. */
  readonly version = signal(0);
  readonly heights: Heights;
  readonly #records = new Map<number, MessageRecord>();
  /** Pages in memory, in the order of their last use. `null`: being read. */
  readonly #pages = new Map<number, 'here' | null>();
  /** Pages without any message. They are not read again. */
  readonly #emptyPages = new Set<number>();
  readonly #quotes = new Map<string, MessageRecord | null>();

  constructor(
    private readonly store: ChatStore,
    readonly chatId: string,
    /** The first and the last sequence. */
    readonly first: number,
    last: number,
  ) {
    this.heights = new Heights(Math.max(0, last - first + 1), ESTIMATED_HEIGHT);
  }

  get last(): number {
    return this.first + this.heights.size - 1;
  }

  record(index: number): MessageRecord | undefined {
    return this.#records.get(index);
  }

  isKnown(index: number): boolean {
    const page = pageOf(index);
    return this.#emptyPages.has(page) || this.#pages.get(page) === 'here';
  }

  /** The message before this one. Undefined: there is none, or it is not in memory. */
  previous(index: number): MessageRecord | undefined {
    for (let at = index - 1; at >= Math.max(0, index - LOOK_BACK_MAX); at -= 1) {
      const record = this.#records.get(at);
      if (record !== undefined || !this.isKnown(at)) return record;
    }
    return undefined;
  }

  /** The next message in a direction. Undefined: there is none in memory. */
  neighbour(index: number, step: 1 | -1): number | undefined {
    for (let at = index + step; at >= 0 && at < this.heights.size && this.isKnown(at); at += step)
      if (this.#records.has(at)) return at;
    return undefined;
  }

  /** The latest message in memory that fits. */
  latest(fits: (record: MessageRecord) => boolean): MessageRecord | undefined {
    for (let at = this.heights.size - 1; at >= 0 && this.isKnown(at); at -= 1) {
      const record = this.#records.get(at);
      if (record !== undefined && fits(record)) return record;
    }
    return undefined;
  }

  /** A message by its id, for quotes. Undefined: not yet. Null: it is not here. */
  quote(messageId: string): MessageRecord | null | undefined {
    const known = this.#quotes.get(messageId);
    if (known !== undefined) return known;
    if (this.#quotes.has(messageId)) return undefined;
    void this.store.messageById(this.chatId, messageId).then((found) => {
      this.#quotes.set(messageId, found ?? null);
      this.version.value += 1;
    });
    return undefined;
  }

  /** Reads what is missing between these rows. */
  ensure(from: number, to: number): void {
    for (let page = pageOf(from); page <= pageOf(to); page += 1) {
      if (this.#emptyPages.has(page)) continue;
      const state = this.#pages.get(page);
      if (state === undefined) void this.#read(page);
      else if (state === 'here') {
        this.#pages.delete(page);
        this.#pages.set(page, 'here');
      }
    }
  }

  apply({ messages }: StoreChange, last: number): void {
    const records = messages.get(this.chatId) ?? [];
    const before = this.heights.size;
    const size = last - this.first + 1;
    if (size > before) {
      this.heights.grow(size, 0);
      for (let page = pageOf(before); page <= pageOf(size - 1); page += 1)
        // Everything on a new page is in this change.
        if (page * PAGE >= before) this.#pages.set(page, 'here');
      for (let index = before; index < size; index += 1)
        if (!this.isKnown(index)) this.heights.set(index, ESTIMATED_HEIGHT);
      for (const page of [...this.#emptyPages]) if (page >= pageOf(before)) this.#emptyPages.delete(page);
    }
    for (const record of records) {
      this.#quotes.set(record.messageId, record);
      const index = record.sequence - this.first;
      // A page that is being read may be from before this change.
      if (index >= 0 && (this.isKnown(index) || this.#pages.has(pageOf(index)))) this.#put(index, record);
    }
    this.#dropUnused();
    this.version.value += 1;
  }

  async #read(page: number): Promise<void> {
    this.#pages.set(page, null);
    const start = page * PAGE;
    const range = { after: this.first + start - 1, before: this.first + start + PAGE };
    const records = await this.store.messages(this.chatId, { ...range, limit: PAGE });
    for (const record of records) {
      const index = record.sequence - this.first;
      // What is there already came meanwhile, and is newer.
      if (!this.#records.has(index)) this.#put(index, record);
    }
    // The chat may have grown meanwhile.
    const end = Math.min(this.heights.size, start + PAGE);
    let isEmpty = end === start + PAGE;
    for (let index = start; index < end; index += 1)
      if (this.#records.has(index)) isEmpty = false;
      else this.heights.set(index, 0);
    this.#pages.set(page, 'here');
    if (isEmpty) this.#emptyPages.add(page);
    this.#dropUnused();
    this.version.value += 1;
  }

  #put(index: number, record: MessageRecord): void {
    this.#records.set(index, record);
    const height = this.heights.at(index);
    if (height !== 0 && height !== ESTIMATED_HEIGHT) return; // It was measured.
    const lines = Math.ceil((record.body?.length ?? 0) / ESTIMATED_CHARACTERS_PER_LINE);
    this.heights.set(index, ESTIMATED_HEIGHT + ESTIMATED_LINE_HEIGHT * Math.max(0, lines - 1));
  }

  #dropUnused(): void {
    for (const [page, state] of this.#pages) {
      if (this.#pages.size <= PAGES_MAX) return;
      if (state === null) continue;
      this.#pages.delete(page);
      for (let index = page * PAGE; index < (page + 1) * PAGE; index += 1) this.#records.delete(index);
    }
  }
}

function pageOf(index: number): number {
  return Math.floor(index / PAGE);
}
