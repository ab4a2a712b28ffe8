/** Commands by REST: from a request to the command it asks for, and from its receipt to a status. */
import type { ChatQueries } from '../../application/ports/chat-queries.js';
import type { RestOperationName } from '../../contract/rest-operations.js';
import { type Answer, problemAnswer } from './answer.js';
import type { Call, Handlers } from './call.js';
import {
  type CommandOrigin,
  type CommandRequest,
  type CommandRequests,
  commandIdOf,
  type OnAccepted,
} from './command-requests.js';
import { newChatId } from './new-chat-id.js';

type CommandOperation = 'createChat' | 'addMembers' | 'removeMember' | 'sendMessage' | 'putMe';

/** 201 where something came to be: accepted for the first time, and with a number, that is with an effect. */
function createdAt(location: (receipt: { chatId: string | null; messageId: string | null }) => string): OnAccepted {
  return (receipt) =>
    receipt.replayed || receipt.sequence === null ? { status: 200 } : { status: 201, location: location(receipt) };
}

export function commandHandlers(
  commands: CommandRequests,
  queries: Pick<ChatQueries, 'findUser'>,
): Handlers<CommandOperation> {
  function send(
    call: Call<RestOperationName>,
    build: (origin: CommandOrigin) => CommandRequest,
    onAccepted: OnAccepted,
  ): Promise<Answer> | Answer {
    const id = commandIdOf(call.idempotencyKey);
    if ('refused' in id) return id.refused;
    call.onCommand(id.commandId);
    const { caller, authorization, trace } = call;
    const origin = { caller, authorization, trace, ...id };
    return commands.send(origin, build(origin), onAccepted);
  }

  return {
    async createChat(call) {
      return send(
        call,
        (origin) => {
          if (!isObject(call.body)) return { type: 'chat.create', chatId: newChatId(origin, {}), data: call.body };
          const { chatId = newChatId(origin, call.body), ...data } = call.body;
          return { type: 'chat.create', chatId, data };
        },
        createdAt(({ chatId }) => `/v1/chats/${chatId}`),
      );
    },

    async addMembers(call) {
      const { chatId } = call.path;
      return send(
        call,
        () => ({ type: 'member.add', chatId, data: call.body }),
        createdAt(() => `/v1/chats/${chatId}/members`),
      );
    },

    async removeMember(call) {
      const { chatId, userId } = call.path;
      return send(
        call,
        () => ({ type: 'member.remove', chatId, data: { userId } }),
        () => ({ status: 200 }),
      );
    },

    async sendMessage(call) {
      const { chatId } = call.path;
      return send(
        call,
        () => ({ type: 'message.send', chatId, data: call.body }),
        createdAt(({ messageId }) => `/v1/chats/${chatId}/messages/${messageId}`),
      );
    },

    async putMe(call) {
      if (isObject(call.body) && 'kind' in call.body)
        return problemAnswer('invalid', { violations: [{ path: 'data.kind', message: 'is not for the user to say' }] });
      const { tenantId, userId } = call.caller;
      const known = await queries.findUser({ tenantId, userId });
      return send(
        call,
        () => ({ type: 'user.upsert', chatId: null, data: call.body }),
        ({ replayed }) =>
          known !== null || replayed
            ? { status: 200 }
            : { status: 201, location: `/v1/users/${encodeURIComponent(userId)}` },
      );
    },
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
