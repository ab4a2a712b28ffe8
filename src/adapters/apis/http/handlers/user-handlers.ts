/** Profiles, and the caller's own receipts and unread counts. */
import type { ChatViewing } from '../../../../application/policy/view-chat.js';
import type { ChatQueries } from '../../../../application/ports/queries/chat-queries.js';
import type { RestUnread } from '../../../../contract/rest/responses.js';
import type { Handlers } from '../middleware/request-context.js';
import { representUser } from '../representations.js';
import { notFound, ok, problemAnswer } from '../response.js';
import { type CommandRequests, isObject } from './command-requests.js';

type Operation = 'getUser' | 'putMe' | 'getReceipt' | 'getUnread';

const NOT_FOR_THE_USER = ['kind', 'userId', 'claims'];

export function userHandlers(
  queries: ChatQueries,
  viewing: ChatViewing,
  commands: CommandRequests,
): Handlers<Operation> {
  return {
    async getUser({ caller, path }) {
      const user = await queries.findUser({ tenantId: caller.tenantId, userId: path.userId });
      return user === null ? notFound() : ok(representUser(user));
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
      const total: RestUnread = await queries.countUnread(caller, await viewing.visibleTo(caller));
      return ok(total);
    },
  };
}
