/** REST commands about messages: converts requests to commands, and receipts to statuses. */
import type { Handlers } from '../middleware/request-context.js';
import { type CommandRequests, created, dataWith } from './command-requests.js';

type Operation = 'sendMessage' | 'editMessage' | 'deleteMessage' | 'react' | 'unreact';

export function messageCommandHandlers(commands: CommandRequests): Handlers<Operation> {
  return {
    async sendMessage(call) {
      const { chatId } = call.path;
      return commands.send(
        call,
        () => ({ type: 'message.send', chatId, data: call.body }),
        created(({ messageId }) => `/v1/chats/${chatId}/messages/${messageId}`),
      );
    },

    async editMessage(call) {
      const { chatId, messageId } = call.path;
      const data = dataWith(call.body, { messageId });
      if ('refused' in data) return data.refused;
      return commands.send(call, () => ({ type: 'message.edit', chatId, ...data }));
    },

    async deleteMessage(call) {
      const { chatId, messageId } = call.path;
      const { mode } = call.query;
      return commands.send(call, () => ({ type: 'message.delete', chatId, data: { messageId, mode } }));
    },

    async react(call) {
      const { chatId, messageId, emoji } = call.path;
      return commands.send(call, () => ({ type: 'message.react', chatId, data: { messageId, emoji } }), created());
    },

    async unreact(call) {
      const { chatId, messageId, emoji } = call.path;
      return commands.send(call, () => ({ type: 'message.unreact', chatId, data: { messageId, emoji } }));
    },
  };
}
