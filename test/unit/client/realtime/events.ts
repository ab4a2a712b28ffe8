/** Events and chats as a gateway sends them. */
import type { FeedEvent } from '../../../../src/client/realtime/feed.js';
import type { EventType } from '../../../../src/contract/messages/events.js';
import type { RestChat } from '../../../../src/contract/rest/responses.js';

export const CHAT = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
export const OTHER_CHAT = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d11';
const AT = '2026-11-20T20:15:00.123Z';

export function messageIdOf(chatId: string, sequence: number): string {
  return `${chatId.slice(0, -12)}${String(sequence).padStart(12, '0')}`;
}

export function chatEvent(
  type: EventType,
  chatId: string,
  sequence: number | null,
  data: object,
  actorId = 'bob',
  time = AT,
): FeedEvent {
  return {
    ...{ specversion: '1.0', id: `${chatId}/${sequence}`, source: '/parley/store/default', type },
    ...{ subject: `chats/${chatId}`, time, datacontenttype: 'application/json', partitionkey: chatId },
    ...(sequence === null ? {} : { sequence: String(sequence) }),
    data: { tenantId: 'default', chatId, actorId, commandId: `c-${sequence}`, sequence, ...data },
  } as unknown as FeedEvent;
}

export function message(chatId: string, sequence: number, body = `text ${sequence}`, senderId = 'bob'): FeedEvent {
  return chatEvent(
    'message.created',
    chatId,
    sequence,
    {
      ...{ messageId: messageIdOf(chatId, sequence), senderId, body, contentType: 'text/plain', inReplyTo: null },
      ...{ threadRootId: null, mentions: [], attachments: [], metadata: {}, createdAt: AT },
    },
    senderId,
  );
}

export function chatState(chatId: string, lastSequence: number, more: Partial<RestChat> = {}): RestChat {
  return {
    ...{ chatId, kind: 'group', title: 'Garden', historyVisibility: 'full', metadata: {}, archived: false },
    ...{ hidden: false, createdAt: AT, memberCount: 2, role: 'member', lastSequence, lastActivityAt: AT },
    ...{ unreadCount: 0, tenantId: 'default', createdBy: 'bob' },
    membership: {
      ...{ userId: 'alice', role: 'member', mutedUntil: null, joinedAt: AT },
      ...{ joinedSequence: 1, readSequence: 0 },
    },
    ...more,
  } as RestChat;
}

/** An item of a page of sync. */
export function syncItem(chatId: string, events: FeedEvent[], { reset = false, chat = {} as Partial<RestChat> } = {}) {
  const last = Number(events.at(-1)?.sequence ?? 0);
  return { chatId, reset, chat: chatState(chatId, last, chat), events: events as never };
}
