import type { Highlight } from '../../../domain/search/highlights.js';
import type { MessageView } from './chat-history.js';
import type { Caller, ChatView, VisibleChats } from './chat-queries.js';

export interface SearchQuery {
  /** See `searchTerms`. Without a word it matches nothing. */
  text: string;
  chatId?: string;
  senderId?: string;
  /** Messages created at or after this time. */
  from?: Date;
  /** Messages created before this time. */
  to?: Date;
}

export interface FoundMessage {
  message: MessageView;
  /** The chat as the caller sees it. */
  view: ChatView;
  highlights: Highlight[];
}

export interface SearchPage {
  found: FoundMessage[];
  /**
   * Messages that were sent, edited or deleted until this moment are found as they are; later ones possibly not yet.
   * Null: nothing is indexed yet. Imported chats are indexed apart from this.
   */
  indexedThrough: Date | null;
}

/** Keyset position: newest first, then by id, highest first. */
export interface SearchPosition {
  createdAt: Date;
  messageId: string;
}

export interface MessageSearch {
  /**
   * Matching messages that the caller may read in visible chats, newest first, after `from`, at most `limit`. Only
   * current texts are searched: a deleted or replaced text is gone at once, and a new text is found when it is indexed.
   */
  search(
    caller: Caller,
    visible: VisibleChats,
    query: SearchQuery,
    from: SearchPosition | null,
    limit: number,
  ): Promise<SearchPage>;
}
