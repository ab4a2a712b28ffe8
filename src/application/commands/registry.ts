import type { Command, CommandOf, CommandType } from '../../contract/messages/commands.js';
import type { SnapshotKeySet } from '../snapshot/snapshot-key-set.js';
import { archiveChat } from './chats/archive-chat.js';
import { createChat } from './chats/create-chat.js';
import { hideChat, unhideChat } from './chats/hide-chat.js';
import { markDelivered } from './chats/mark-delivered.js';
import { readChat } from './chats/read-chat.js';
import { unarchiveChat } from './chats/unarchive-chat.js';
import { updateChat } from './chats/update-chat.js';
import type { CommandHandler } from './command-handler.js';
import { addMember } from './members/add-member.js';
import { removeMember } from './members/remove-member.js';
import { updateMember } from './members/update-member.js';
import { deleteMessage } from './messages/delete-message.js';
import { editMessage } from './messages/edit-message.js';
import { reactToMessage, unreactToMessage } from './messages/react-to-message.js';
import { sendMessage } from './messages/send-message.js';
import type { CommandContext, CommandOutcome } from './outcome.js';
import { upsertUser } from './users/upsert-user.js';
import { deleteWebhook } from './webhooks/delete-webhook.js';
import { upsertWebhook } from './webhooks/upsert-webhook.js';

/** The handler of every command in the contract. */
export const COMMANDS: { readonly [T in CommandType]: CommandHandler<T> } = {
  'user.upsert': upsertUser,
  'chat.create': createChat,
  'chat.update': updateChat,
  'chat.archive': archiveChat,
  'chat.unarchive': unarchiveChat,
  'chat.hide': hideChat,
  'chat.unhide': unhideChat,
  'chat.read': readChat,
  'chat.delivered': markDelivered,
  'member.add': addMember,
  'member.remove': removeMember,
  'member.update': updateMember,
  'message.send': sendMessage,
  'message.edit': editMessage,
  'message.delete': deleteMessage,
  'message.react': reactToMessage,
  'message.unreact': unreactToMessage,
  'webhook.upsert': upsertWebhook,
  'webhook.delete': deleteWebhook,
};

/** The registry pairs each type with its own handler. The compiler cannot follow that through a union. */
function handlerOf<T extends CommandType>(command: CommandOf<T>): CommandHandler<T> {
  return COMMANDS[command.type as T];
}

export function executeCommand(command: Command, context: CommandContext): CommandOutcome {
  return handlerOf(command).handle(command as never, context);
}

export function addSnapshotKeys(command: Command, keys: SnapshotKeySet): void {
  handlerOf(command).snapshotKeys?.(command as never, keys);
}
