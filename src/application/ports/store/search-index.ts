/** The words of messages, as the search finds them. The indexer fills it behind the event log. */
import type { IndexedWords } from '../../../domain/search/indexed-words.js';
import type { OwnedCursor } from './log/event-cursors.js';

export interface IndexedMessage {
  messageId: string;
  /** The revision that has these words. */
  revision: number;
  senderId: string;
  words: IndexedWords;
}

/** Every method rejects with a `StoreError`. */
export interface SearchIndex {
  /**
   * Moves the cursor to `position` and puts the words of messages, in one transaction. A message is left out if its
   * text has been deleted or replaced. Each message occurs once.
   * @param position null: the cursor stays, but its epoch is checked
   * @returns false if another relay has the cursor; then nothing was written
   */
  put(cursor: OwnedCursor, position: number | null, messages: readonly IndexedMessage[]): Promise<boolean>;

  /**
   * Deletes marks of deleted texts that no running statement of an indexer can need, at most `limit`. Returns the
   * number of deleted marks.
   */
  prune(limit: number): Promise<number>;
}
