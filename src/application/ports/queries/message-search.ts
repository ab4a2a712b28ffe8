import type { MessageView } from './chat-history.js';
import type { Caller, ChatView, VisibleChats } from './chat-queries.js';

/** Maximum size in UTF-8 bytes of a text that is indexed unchanged. */
export const INDEXED_WHOLE_MAX_BYTES = 256;
/**
 * In a longer text, a run of characters without space, tab or line break is indexed in pieces of this many characters.
 * A longer word, address or link is found only by its pieces. The cost of indexing grows with the square of such a run,
 * so this keeps the cost linear in the length of the text.
 */
export const INDEXED_RUN_MAX_CHARACTERS = 64;

export interface SearchQuery {
  /** Words that must all occur. The store defines any further syntax (quotes, `or`, `-`). */
  text: string;
  chatId?: string;
  senderId?: string;
  /** Messages created at or after this time. */
  from?: Date;
  /** Messages created before this time. */
  to?: Date;
}

/** A fragment of a found text, split at the boundaries of the matches. */
export type Highlight = { text: string; match: boolean }[];

export interface FoundMessage {
  message: MessageView;
  /** The chat as the caller sees it. */
  view: ChatView;
  highlights: Highlight[];
}

/** Keyset position: newest first, then by id, highest first. */
export interface SearchPosition {
  createdAt: Date;
  messageId: string;
}

export interface MessageSearch {
  /**
   * Matching messages that the caller may read in visible chats, newest first, after `from`, at most `limit`. Only
   * current texts are searched: a deleted text is gone at once, and an edited message is found by its new text.
   */
  search(
    caller: Caller,
    visible: VisibleChats,
    query: SearchQuery,
    from: SearchPosition | null,
    limit: number,
  ): Promise<FoundMessage[]>;
}
