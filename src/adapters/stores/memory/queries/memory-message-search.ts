import { visiblePast } from '../../../../application/ports/queries/chat-history.js';
import type { Caller, ChatView, VisibleChats } from '../../../../application/ports/queries/chat-queries.js';
import {
  type FoundMessage,
  type Highlight,
  INDEXED_RUN_MAX_CHARACTERS,
  INDEXED_WHOLE_MAX_BYTES,
  type MessageSearch,
  type SearchPosition,
  type SearchQuery,
} from '../../../../application/ports/queries/message-search.js';
import { userKey } from '../../../../application/ports/store/command-store.js';
import type { Message } from '../../../../domain/message.js';
import { copy } from '../copy.js';
import { byCodeUnit, type MemoryTables } from '../memory-tables.js';
import { viewOf, visibleMessages } from './memory-message-views.js';
import { isVisible } from './memory-visible-chats.js';

/** A combining mark belongs to the letter before it. A mark after a symbol, such as U+FE0F, belongs to no word. */
const WORD = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu;
const LONG_RUN = new RegExp(`[^ \\n\\r\\t]{${INDEXED_RUN_MAX_CHARACTERS}}`, 'gu');

/** Searches whole words, ignoring case. All words must occur. */
export class MemoryMessageSearch implements MessageSearch {
  constructor(private readonly tables: MemoryTables) {}

  async search(
    caller: Caller,
    visible: VisibleChats,
    { text, chatId, senderId, from: notBefore, to }: SearchQuery,
    from: SearchPosition | null,
    limit: number,
  ): Promise<FoundMessage[]> {
    const words = new Set(wordsOf(text));
    const found = this.views(caller)
      .filter((view) => isVisible(visible, view))
      .filter((view) => chatId === undefined || view.chat.chatId === chatId)
      .flatMap((view) => visibleMessages(this.tables, visiblePast(view)).map((message) => ({ message, view })))
      .filter(({ message }) => matches(message, words))
      .filter(({ message }) => senderId === undefined || message.senderId === senderId)
      .filter(({ message }) => notBefore === undefined || message.createdAt >= notBefore)
      .filter(({ message }) => to === undefined || message.createdAt < to)
      .filter(({ message }) => from === null || newestFirst(from, message) < 0)
      .sort((a, b) => newestFirst(a.message, b.message))
      .slice(0, limit);
    return found.map(({ message, view }) =>
      copy({
        message: viewOf(this.tables, visiblePast(view), message),
        view,
        highlights: [highlight(message.body ?? '', words)],
      }),
    );
  }

  private views(caller: Caller): ChatView[] {
    return [...(this.tables.chatsOfUser.get(userKey(caller)) ?? [])].flatMap((chatId) => {
      const chat = this.tables.chats.get(chatId);
      const membership = this.tables.members.get(chatId)?.get(caller.userId);
      return chat === undefined || membership === undefined ? [] : [{ chat, membership }];
    });
  }
}

function wordsOf(text: string): string[] {
  return [...text.matchAll(WORD)].map(([word]) => word.toLowerCase());
}

/** The same text as in PostgreSQL's index. */
function indexedText(body: string): string {
  return Buffer.byteLength(body) <= INDEXED_WHOLE_MAX_BYTES ? body : body.replace(LONG_RUN, '$& ');
}

function matches({ body }: Message, words: ReadonlySet<string>): boolean {
  if (body === null || words.size === 0) return false;
  const there = new Set(wordsOf(indexedText(body)));
  return [...words].every((word) => there.has(word));
}

function highlight(body: string, words: ReadonlySet<string>): Highlight {
  const pieces: Highlight = [];
  let end = 0;
  for (const { 0: word, index } of body.matchAll(WORD)) {
    if (!words.has(word.toLowerCase())) continue;
    pieces.push({ text: body.slice(end, index), match: false }, { text: word, match: true });
    end = index + word.length;
  }
  pieces.push({ text: body.slice(end), match: false });
  return pieces.filter(({ text }) => text !== '');
}

function newestFirst(a: SearchPosition, b: SearchPosition): number {
  return b.createdAt.getTime() - a.createdAt.getTime() || byCodeUnit(b.messageId, a.messageId);
}
