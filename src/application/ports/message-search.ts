import type { MessageView } from './chat-history.js';
import type { Caller, ChatView, VisibleChats } from './chat-queries.js';

/** A text of at most so many bytes (UTF-8) is indexed as it is. */
export const INDEXED_WHOLE_MAX_BYTES = 256;
/**
 * In a longer text a run of characters without a space, a tab or a line break is indexed in pieces of so many characters: a word, an address or a
 * link that is longer is found by its pieces alone. What an index costs grows with the square of such a run, so this is what makes the cost of a
 * text grow with its length.
 */
export const INDEXED_RUN_MAX_CHARACTERS = 64;

export interface SearchQuery {
  /** Words that must all be there; what else it may hold (quotes, `or`, `-`) is the store's own syntax. */
  text: string;
  chatId?: string;
  senderId?: string;
  /** Messages created at or after this time. */
  from?: Date;
  /** Messages created before this time. */
  to?: Date;
}

/** A piece of a found text, cut where what was searched for begins and ends. */
export type Highlight = { text: string; match: boolean }[];

export interface FoundMessage {
  message: MessageView;
  /** The chat as the caller sees it. */
  view: ChatView;
  highlights: Highlight[];
}

/** Keyset: newest first, then by id, the greatest first. */
export interface SearchPosition {
  createdAt: Date;
  messageId: string;
}

export interface MessageSearch {
  /**
   * What the caller may read in visible chats and matches, newest first, beyond `from`; at most `limit`. Only present texts are searched: a
   * deleted one is gone at once, an edited one is found by its new text.
   */
  search(
    caller: Caller,
    visible: VisibleChats,
    query: SearchQuery,
    from: SearchPosition | null,
    limit: number,
  ): Promise<FoundMessage[]>;
}
