import { visiblePast } from '../../../../application/ports/queries/chat-history.js';
import type { Caller, ChatView, VisibleChats } from '../../../../application/ports/queries/chat-queries.js';
import type {
  MessageSearch,
  SearchPage,
  SearchPosition,
  SearchQuery,
} from '../../../../application/ports/queries/message-search.js';
import { userKey } from '../../../../application/ports/store/command-store.js';
import type { Message } from '../../../../domain/message.js';
import { highlight } from '../../../../domain/search/highlights.js';
import { indexedWords } from '../../../../domain/search/indexed-words.js';
import { matchesTerms, type SearchTerm, searchTerms } from '../../../../domain/search/search-terms.js';
import { copy } from '../copy.js';
import { byCodeUnit, type MemoryTables } from '../memory-tables.js';
import { viewOf, visibleMessages } from './memory-message-views.js';
import { isVisible } from './memory-visible-chats.js';

/** Searches the texts themselves, so every message is found at once. */
export class MemoryMessageSearch implements MessageSearch {
  constructor(private readonly tables: MemoryTables) {}

  async search(
    caller: Caller,
    visible: VisibleChats,
    { text, chatId, senderId, from: notBefore, to }: SearchQuery,
    from: SearchPosition | null,
    limit: number,
  ): Promise<SearchPage> {
    const indexedThrough = new Date();
    const terms = searchTerms(text);
    const found = this.views(caller)
      .filter((view) => isVisible(visible, view))
      .filter((view) => chatId === undefined || view.chat.chatId === chatId)
      .flatMap((view) => visibleMessages(this.tables, visiblePast(view)).map((message) => ({ message, view })))
      .filter(({ message }) => matches(message, terms))
      .filter(({ message }) => senderId === undefined || message.senderId === senderId)
      .filter(({ message }) => notBefore === undefined || message.createdAt >= notBefore)
      .filter(({ message }) => to === undefined || message.createdAt < to)
      .filter(({ message }) => from === null || newestFirst(from, message) < 0)
      .sort((a, b) => newestFirst(a.message, b.message))
      .slice(0, limit);
    return {
      found: found.map(({ message, view }) =>
        copy({
          message: viewOf(this.tables, visiblePast(view), message),
          view,
          highlights: highlight(message.body ?? '', terms),
        }),
      ),
      indexedThrough,
    };
  }

  private views(caller: Caller): ChatView[] {
    return [...(this.tables.chatsOfUser.get(userKey(caller)) ?? [])].flatMap((chatId) => {
      const chat = this.tables.chats.get(chatId);
      const membership = this.tables.members.get(chatId)?.get(caller.userId);
      return chat === undefined || membership === undefined ? [] : [{ chat, membership }];
    });
  }
}

function matches({ body }: Message, terms: readonly SearchTerm[]): boolean {
  return body !== null && terms.length > 0 && matchesTerms(indexedWords(body), terms);
}

function newestFirst(a: SearchPosition, b: SearchPosition): number {
  return b.createdAt.getTime() - a.createdAt.getTime() || byCodeUnit(b.messageId, a.messageId);
}
