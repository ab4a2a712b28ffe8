/** Profiles, and the caller's own receipts and unread counts. */
import type { ChatViewing } from '../../../../application/policy/view-chat.js';
import type { UserViewing } from '../../../../application/policy/view-user.js';
import type { Caller, ChatQueries } from '../../../../application/ports/queries/chat-queries.js';
import { SearchForUsers } from '../../../../application/queries/search-users.js';
import type { RestUnread } from '../../../../contract/rest/responses.js';
import type { User } from '../../../../domain/user.js';
import type { Handlers } from '../middleware/request-context.js';
import type { Cursors } from '../paging/cursor.js';
import { badCursor, cursorPage } from '../paging/cursor-page.js';
import { representUser } from '../representations.js';
import { notFound, ok, problemAnswer } from '../response.js';
import { type CommandRequests, isObject } from './command-requests.js';

type Operation = 'getUser' | 'findUsers' | 'putMe' | 'getReceipt' | 'getUnread';

const NOT_FOR_THE_USER = ['kind', 'userId', 'claims'];

export function userHandlers(
  queries: ChatQueries,
  chats: ChatViewing,
  users: UserViewing,
  commands: CommandRequests,
  cursors: Cursors,
): Handlers<Operation> {
  const search = new SearchForUsers(queries, users);

  /** In the order of the ids. */
  async function profilesOf(caller: Caller, ids: readonly string[]): Promise<User[]> {
    const found = await queries.findUsers(caller.tenantId, ids);
    const known = ids.flatMap((userId) => found.get(userId) ?? []);
    return users.visibleAmong(caller, known);
  }

  return {
    async getUser({ caller, path }) {
      const user = await queries.findUser({ tenantId: caller.tenantId, userId: path.userId });
      const [visible] = user === null ? [] : await users.visibleAmong(caller, [user]);
      return visible === undefined ? notFound() : ok(representUser(visible));
    },

    async findUsers(call) {
      const { operation, caller } = call;
      const { ids, q = '', cursor, limit } = call.query;
      if (ids !== undefined)
        return cursorPage(
          cursors,
          { caller, query: { cursor, limit: ids.length } },
          {
            selection: [operation, 'ids', ids],
            read: (position) => profilesOf(caller, ids.slice(ids.indexOf(position?.[0] ?? '') + 1)),
            positionOf: ({ userId }) => [userId],
            represent: representUser,
          },
        );
      const selection = [operation, 'q', q];
      const position = cursor === undefined ? null : cursors.open(caller, selection, cursor);
      if (cursor !== undefined && position === null) return badCursor();
      const [key, userId] = position ?? [];
      const after = key === undefined || userId === undefined ? null : { key, userId };
      const { users: items, next } = await search.page(caller, q, after, limit);
      const nextCursor = next === null ? null : cursors.sign(caller, selection, [next.key, next.userId]);
      return ok({ items: items.map(representUser), nextCursor });
    },

    async putMe(call) {
      const { body } = call;
      const violations = NOT_FOR_THE_USER.filter((field) => isObject(body) && field in body).map((field) => ({
        path: `data.${field}`,
        message: 'cannot be set by the user',
      }));
      if (violations.length > 0) return problemAnswer('invalid', { violations });
      const { tenantId, userId } = call.caller;
      const known = await queries.findUser({ tenantId, userId });
      return commands.send(
        call,
        () => ({ type: 'user.upsert', chatId: null, data: call.body }),
        ({ replayed }) =>
          known !== null || replayed
            ? { status: 200 }
            : { status: 201, location: `/v1/users/${encodeURIComponent(userId)}` },
      );
    },

    async getReceipt({ caller, path }) {
      const receipt = await commands.find(caller, path.commandId);
      return receipt === null ? notFound() : ok(receipt);
    },

    async getUnread({ caller }) {
      const total: RestUnread = await queries.countUnread(caller, await chats.visibleTo(caller));
      return ok(total);
    },
  };
}
