/** REST commands about chats and members: converts requests to commands, and receipts to statuses. */
import type { Handlers } from '../middleware/request-context.js';
import { type CommandRequests, created, dataWith, isObject } from './command-requests.js';
import { newChatId } from './new-chat-id.js';

type Operation =
  | 'createChat'
  | 'updateChat'
  | 'archiveChat'
  | 'unarchiveChat'
  | 'hideChat'
  | 'unhideChat'
  | 'readChat'
  | 'markDelivered'
  | 'addMembers'
  | 'updateMember'
  | 'removeMember';

/** `storeSecret`: used to derive the ids of new chats. */
export function chatCommandHandlers(commands: CommandRequests, storeSecret: string | Uint8Array): Handlers<Operation> {
  return {
    async createChat(call) {
      return commands.send(
        call,
        (origin) => {
          const { body } = call;
          if (!isObject(body)) return { type: 'chat.create', chatId: newChatId(storeSecret, origin, {}), data: body };
          const { chatId = newChatId(storeSecret, origin, body), ...data } = body;
          return { type: 'chat.create', chatId, data };
        },
        created(({ chatId }) => `/v1/chats/${chatId}`),
      );
    },

    async updateChat(call) {
      return commands.send(call, () => ({ type: 'chat.update', chatId: call.path.chatId, data: call.body }));
    },

    async archiveChat(call) {
      return commands.send(call, () => ({ type: 'chat.archive', chatId: call.path.chatId, data: {} }));
    },

    async unarchiveChat(call) {
      return commands.send(call, () => ({ type: 'chat.unarchive', chatId: call.path.chatId, data: {} }));
    },

    async hideChat(call) {
      return commands.send(call, () => ({ type: 'chat.hide', chatId: call.path.chatId, data: {} }));
    },

    async unhideChat(call) {
      return commands.send(call, () => ({ type: 'chat.unhide', chatId: call.path.chatId, data: {} }));
    },

    async readChat(call) {
      return commands.send(call, () => ({ type: 'chat.read', chatId: call.path.chatId, data: call.body }));
    },

    async markDelivered(call) {
      return commands.send(call, () => ({ type: 'chat.delivered', chatId: call.path.chatId, data: call.body }));
    },

    async addMembers(call) {
      const { chatId } = call.path;
      return commands.send(
        call,
        () => ({ type: 'member.add', chatId, data: call.body }),
        created(() => `/v1/chats/${chatId}/members`),
      );
    },

    async updateMember(call) {
      const { chatId, userId } = call.path;
      const data = dataWith(call.body, { userId });
      if ('refused' in data) return data.refused;
      return commands.send(call, () => ({ type: 'member.update', chatId, ...data }));
    },

    async removeMember(call) {
      const { chatId, userId } = call.path;
      return commands.send(call, () => ({ type: 'member.remove', chatId, data: { userId } }));
    },
  };
}
