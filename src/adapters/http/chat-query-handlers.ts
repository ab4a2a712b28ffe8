/** What clients ask about chats and who is in them; nothing of a chat that `ChatViewing` has not let the caller see. */
import type { ChatViewing } from '../../application/policy/view-chat.js';
import type { ChatListFilter, ChatQueries } from '../../application/ports/chat-queries.js';
import { ok } from './answer.js';
import type { Handlers } from './call.js';
import type { Cursors } from './cursor.js';
import { cursorPage } from './cursor-page.js';
import { inChat } from './in-chat.js';
import { representChat, representChatListItem, representMember } from './representations.js';

type Operation = 'listChats' | 'getChat' | 'listMembers';

export function chatQueryHandlers(queries: ChatQueries, viewing: ChatViewing, cursors: Cursors): Handlers<Operation> {
  return {
    async listChats(call) {
      const { operation, caller } = call;
      const { kind, archived, hidden } = call.query;
      const filter: ChatListFilter = {
        hidden,
        ...(kind === undefined ? {} : { kind }),
        ...(archived === undefined ? {} : { archived }),
      };
      return cursorPage(cursors, call, {
        selection: [operation, kind ?? null, archived ?? null, hidden],
        async read(position, limit) {
          const [at, chatId] = position ?? [];
          const from = at === undefined || chatId === undefined ? null : { lastActivityAt: new Date(at), chatId };
          return queries.listChats(caller, await viewing.visibleTo(caller), filter, from, limit);
        },
        positionOf: ({ chat }) => [chat.lastActivityAt.toISOString(), chat.chatId],
        represent: representChatListItem,
      });
    },

    getChat: (call) => inChat(viewing, call, (_past, view) => ok(representChat(view))),

    listMembers: (call) =>
      inChat(viewing, call, ({ chatId }, { chat }) =>
        cursorPage(cursors, call, {
          selection: [call.operation, chatId],
          read: async (position, limit) =>
            viewing.whatMembersSee(chat, await queries.listMembers(chatId, position?.[0] ?? null, limit)),
          positionOf: ({ userId }) => [userId],
          represent: representMember,
        }),
      ),
  };
}
