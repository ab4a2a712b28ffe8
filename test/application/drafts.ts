/** Commands as tests state them: who, where, what; each under a new command id unless `over` says otherwise. */
import { randomUUID } from 'node:crypto';
import { directChatId } from '../../src/contract/direct-id.js';
import type { Draft } from './stage.js';

export const GROUP = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
export const CHANNEL = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d11';
export const OTHER_GROUP = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d12';
export const NOWHERE = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9dff';

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

/** A group, unless `data` says otherwise. */
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
