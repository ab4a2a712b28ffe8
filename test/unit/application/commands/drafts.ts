/** Short forms of commands: actor, chat, data. Each has a new command id unless `over` has one. */
import { randomUUID } from 'node:crypto';
import { directChatId } from '../../../../src/contract/messages/direct-chat-id.js';
import type { User } from '../../../../src/domain/user.js';
import type { Draft } from './decider-harness.js';

export const GROUP = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
export const CHANNEL = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d11';
export const OTHER_GROUP = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d12';
export const NOWHERE = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9dff';

/** A profile as a directory writes it. */
export const SERVICE: User = {
  ...{ tenantId: 'default', userId: 'console', displayName: 'Console', avatarUrl: null, kind: 'service', metadata: {} },
  ...{ presence: 'shared', claims: {}, revision: 1, createdAt: new Date(0), updatedAt: new Date(0) },
};

type Over = Partial<Omit<Draft, 'type' | 'body'>> & { tenantId?: string };

function draft(type: string, actorId: string, chatId: string | null, data: unknown, over: Over): Draft {
  const { tenantId, ...rest } = over;
  const body = {
    ...(tenantId === undefined ? {} : { tenantId }),
    actorId,
    ...(chatId === null ? {} : { chatId }),
    data,
  };
  return { type, body, commandId: randomUUID(), ...rest };
}

export function upsert(actorId: string, data: object, over: Over = {}): Draft {
  return draft('user.upsert', actorId, null, data, over);
}

/** By a service: see `SERVICE`. */
export function upsertWebhook(webhookId: string, data: object = {}, over: Over = {}): Draft {
  const all = { webhookId, url: 'https://bot.example/hooks', ...data };
  return draft('webhook.upsert', SERVICE.userId, null, all, over);
}

export function deleteWebhook(webhookId: string, over: Over = {}): Draft {
  return draft('webhook.delete', SERVICE.userId, null, { webhookId }, over);
}

/** A group, unless `data` has another kind. */
export function create(
  actorId: string,
  chatId: string,
  memberIds: string[],
  data: object = {},
  over: Over = {},
): Draft {
  return draft('chat.create', actorId, chatId, { kind: 'group', memberIds, ...data }, over);
}

export function createDirect(actorId: string, otherId: string, over: Over = {}): Draft {
  const chatId = directChatId(over.tenantId ?? 'default', actorId, otherId);
  return create(actorId, chatId, [otherId], { kind: 'direct' }, over);
}

export function add(actorId: string, chatId: string, userIds: string[], role?: string, over: Over = {}): Draft {
  return draft('member.add', actorId, chatId, { userIds, ...(role === undefined ? {} : { role }) }, over);
}

export function remove(actorId: string, chatId: string, userId: string, over: Over = {}): Draft {
  return draft('member.remove', actorId, chatId, { userId }, over);
}

export function send(actorId: string, chatId: string, body = 'hello', data: object = {}, over: Over = {}): Draft {
  return draft('message.send', actorId, chatId, { body, ...data }, over);
}

export function update(actorId: string, chatId: string, data: object, over: Over = {}): Draft {
  return draft('chat.update', actorId, chatId, data, over);
}

export function archive(actorId: string, chatId: string, over: Over = {}): Draft {
  return draft('chat.archive', actorId, chatId, {}, over);
}

export function unarchive(actorId: string, chatId: string, over: Over = {}): Draft {
  return draft('chat.unarchive', actorId, chatId, {}, over);
}

export function hide(actorId: string, chatId: string, over: Over = {}): Draft {
  return draft('chat.hide', actorId, chatId, {}, over);
}

export function unhide(actorId: string, chatId: string, over: Over = {}): Draft {
  return draft('chat.unhide', actorId, chatId, {}, over);
}

export function read(actorId: string, chatId: string, upTo: number, over: Over = {}): Draft {
  return draft('chat.read', actorId, chatId, { upTo }, over);
}

export function deliver(actorId: string, chatId: string, upTo: number, over: Over = {}): Draft {
  return draft('chat.delivered', actorId, chatId, { upTo }, over);
}

export function updateMember(actorId: string, chatId: string, userId: string, data: object, over: Over = {}): Draft {
  return draft('member.update', actorId, chatId, { userId, ...data }, over);
}

export function edit(actorId: string, chatId: string, messageId: string, data: object, over: Over = {}): Draft {
  return draft('message.edit', actorId, chatId, { messageId, body: 'hello again', ...data }, over);
}

export function erase(actorId: string, chatId: string, messageId: string, mode = 'soft', over: Over = {}): Draft {
  return draft('message.delete', actorId, chatId, { messageId, mode }, over);
}

export function react(actorId: string, chatId: string, messageId: string, emoji = '👍', over: Over = {}): Draft {
  return draft('message.react', actorId, chatId, { messageId, emoji }, over);
}

export function unreact(actorId: string, chatId: string, messageId: string, emoji = '👍', over: Over = {}): Draft {
  return draft('message.unreact', actorId, chatId, { messageId, emoji }, over);
}

/** A message id for the `n`-th message of a test. */
export function messageId(n: number): string {
  return `0199c1df-0d52-7c0e-8a11-${String(n).padStart(12, '0')}`;
}
