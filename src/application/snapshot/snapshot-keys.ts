import type { Command } from '../../contract/messages/commands.js';
import {
  memberKey,
  reactionKey,
  reactorKey,
  readMarkKey,
  receiptKey,
  type SnapshotKeys,
  userKey,
} from '../ports/command-store.js';
import { type BatchItem, identityOf } from './batch-item.js';

class DistinctKeys<K> {
  private readonly byName = new Map<string, K>();

  constructor(private readonly nameOf: (key: K) => string) {}

  add(key: K): void {
    this.byName.set(this.nameOf(key), key);
  }

  list(): K[] {
    return [...this.byName.values()];
  }
}

/** The users whose membership in the command's chat matters besides the actor's. Never a chat's whole member list. */
function targetsOf(command: Command): readonly string[] {
  switch (command.type) {
    case 'member.add':
      return command.data.userIds;
    case 'member.remove':
    case 'member.update':
      return [command.data.userId];
    default:
      return [];
  }
}

/** Names everything that deciding a batch will ask for, so that it is read set-wise. */
export function snapshotKeysOf(items: readonly BatchItem[]): SnapshotKeys {
  const receipts = new DistinctKeys(receiptKey);
  const members = new DistinctKeys(memberKey);
  const users = new DistinctKeys(userKey);
  const chats = new Set<string>();
  const messages = new Set<string>();
  const messagesInFull = new Set<string>();
  const reactions = new DistinctKeys(reactionKey);
  const reactors = new DistinctKeys(reactorKey);
  const readMarks = new DistinctKeys(readMarkKey);
  const userChats = new DistinctKeys(userKey);
  for (const item of items) {
    if (item.unproven !== null) continue;
    const { tenantId, actorId, commandId } = identityOf(item);
    receipts.add({ tenantId, actorId, commandId });
    if (item.decoded.outcome !== 'command') continue;
    const { command } = item.decoded;
    users.add({ tenantId, userId: actorId });
    if (command.type === 'user.upsert' && command.data.userId !== undefined)
      users.add({ tenantId, userId: command.data.userId });
    if (command.chatId === null) continue;
    chats.add(command.chatId);
    for (const userId of [actorId, ...targetsOf(command)]) members.add({ chatId: command.chatId, userId });
    switch (command.type) {
      case 'message.send':
        if (command.data.inReplyTo !== undefined) messages.add(command.data.inReplyTo);
        if (command.data.threadRootId !== undefined) messages.add(command.data.threadRootId);
        break;
      case 'message.edit':
      case 'message.delete':
        messagesInFull.add(command.data.messageId);
        break;
      case 'message.react':
      case 'message.unreact': {
        const { messageId, emoji } = command.data;
        messages.add(messageId);
        reactions.add({ messageId, emoji, userId: actorId });
        if (command.type === 'message.react') reactors.add({ messageId, userId: actorId });
        break;
      }
      case 'chat.create':
        for (const userId of [actorId, ...command.data.memberIds]) userChats.add({ tenantId, userId });
        break;
      case 'member.add':
        for (const userId of command.data.userIds) userChats.add({ tenantId, userId });
        break;
      case 'chat.read':
        readMarks.add({ chatId: command.chatId, upTo: command.data.upTo });
        break;
      default:
    }
  }
  return {
    receipts: receipts.list(),
    chats: [...chats],
    members: members.list(),
    users: users.list(),
    messages: [...messages],
    messagesInFull: [...messagesInFull],
    reactions: reactions.list(),
    reactors: reactors.list(),
    readMarks: readMarks.list(),
    userChats: userChats.list(),
  };
}
