import type { ChatViewing } from '../../../../application/policy/view-chat.js';
import type { FoundMessage, MessageSearch, SearchQuery } from '../../../../application/ports/queries/message-search.js';
import type { RestFoundMessage } from '../../../../contract/rest/responses.js';
import type { Handlers } from '../middleware/request-context.js';
import type { Cursors } from '../paging/cursor.js';
import { cursorPage } from '../paging/cursor-page.js';
import { representMessage } from '../representations.js';
import { problemAnswer, refusalAnswer } from '../response.js';

export function searchHandlers(
  search: MessageSearch | null,
  viewing: ChatViewing,
  cursors: Cursors,
): Handlers<'searchMessages'> {
  return {
    async searchMessages(call) {
      if (search === null) return problemAnswer('not_implemented', { detail: 'this server has no message search' });
      const { operation, caller } = call;
      const { q, chatId, senderId, from, to } = call.query;
      if (chatId !== undefined) {
        const viewed = await viewing.viewChat(caller, chatId);
        if (viewed.outcome === 'refused') return refusalAnswer(viewed.refusal, viewed.decisionId);
      }
      const query: SearchQuery = {
        text: q,
        ...(chatId === undefined ? {} : { chatId }),
        ...(senderId === undefined ? {} : { senderId }),
        ...(from === undefined ? {} : { from: new Date(from) }),
        ...(to === undefined ? {} : { to: new Date(to) }),
      };
      let indexedThrough: Date | null = null;
      return cursorPage(cursors, call, {
        selection: [operation, q, chatId ?? null, senderId ?? null, from ?? null, to ?? null],
        async read(position, limit) {
          const [at, messageId] = position ?? [];
          const place = at === undefined || messageId === undefined ? null : { createdAt: new Date(at), messageId };
          const page = await search.search(caller, await viewing.visibleTo(caller), query, place, limit);
          indexedThrough = page.indexedThrough;
          return page.found;
        },
        positionOf: ({ message }) => [message.createdAt.toISOString(), message.messageId],
        represent: representFound,
        about: () => ({ indexedThrough: indexedThrough?.toISOString() ?? null }),
      });
    },
  };
}

function representFound({ message, highlights }: FoundMessage): RestFoundMessage {
  return { message: representMessage(message), highlights };
}
