/** Queries about chats and members. `ChatViewing` checks the caller's access to each chat first. */
import type { ChatViewing } from '../../../../application/policy/view-chat.js';
import type {
  ChatListFilter,
  ChatListItem,
  ChatListPosition,
  ChatQueries,
} from '../../../../application/ports/queries/chat-queries.js';
import type { Handlers } from '../middleware/request-context.js';
import type { Cursors } from '../paging/cursor.js';
import { cursorPage } from '../paging/cursor-page.js';
import { representChat, representChatListItem, representMember } from '../representations.js';
import { ok } from '../response.js';
import { inChat } from './with-chat-access.js';

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
      return cursorPage<PlacedChat>(cursors, call, {
        selection: [operation, kind ?? null, archived ?? null, hidden],
        async read(position, limit) {
          const visible = await viewing.visibleTo(caller);
          const { from, start } = positionsIn(position);
          if (from !== null && start === null)
            return placed(await queries.listChatsAbove(caller, visible, filter, from, limit), null);
          const down = await queries.listChats(caller, visible, filter, from, limit);
          const first = start ?? down[0]?.chat;
          const items = placed(down, first ?? null);
          const room = limit - down.length;
          if (start === null || room === 0) return items;
          return [...items, ...placed(await queries.listChatsAbove(caller, visible, filter, start, room), null)];
        },
        positionOf: ({ item, start }) => [positionOf(item.chat), ...(start === null ? [] : [positionOf(start)])].flat(),
        represent: ({ item }) => representChatListItem(item),
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

/**
 * An item of a walk through the list. The walk goes down from the latest activity. If it took more than one page, it
 * then goes up from its `start`, because chats that moved up meanwhile would be missed. `start` is null on the way up.
 */
interface PlacedChat {
  item: ChatListItem;
  start: ChatListPosition | null;
}

function placed(items: readonly ChatListItem[], start: ChatListPosition | null): PlacedChat[] {
  return items.map((item) => ({ item, start }));
}

function positionOf({ lastActivityAt, chatId }: ChatListPosition): [string, string] {
  return [lastActivityAt.toISOString(), chatId];
}

function positionsIn(position: readonly string[] | null): Record<'from' | 'start', ChatListPosition | null> {
  const [from, start] = [position?.slice(0, 2), position?.slice(2)].map((pair): ChatListPosition | null => {
    const [at, chatId] = pair ?? [];
    return at === undefined || chatId === undefined ? null : { lastActivityAt: new Date(at), chatId };
  });
  return { from: from ?? null, start: start ?? null };
}
