import type { LoggedEvent } from '../../../../src/application/ports/store/log/event-log.js';
import { isOfChat } from '../../../../src/contract/messages/chatless-events.js';
import type { DomainEvent } from '../../../../src/domain/event.js';
import type { Message } from '../../../../src/domain/message.js';
import { GROUP } from '../commands/drafts.js';

export const AT = new Date('2026-11-20T20:15:00.123Z');
export const MESSAGE_ID = '0199c1df-0d52-7c0e-8a11-5b0c4b7c2f31';
export const WEBHOOK_ID = '0199c1e0-1a2b-7c3d-8e4f-5a6b7c8d9e0f';
export const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

export const message: Message = {
  chatId: GROUP,
  sequence: 42,
  messageId: MESSAGE_ID,
  tenantId: 'default',
  ordinal: 40,
  senderId: 'alice',
  revision: 1,
  body: 'hello',
  contentType: 'text/plain',
  inReplyTo: null,
  threadRootId: null,
  mentions: [],
  attachments: [],
  metadata: {},
  createdAt: AT,
  editedAt: null,
  editedBy: null,
  deletedAt: null,
};

/** Number 42 of the group, caused by alice; without a chat for events that have none. */
export function logged(event: DomainEvent, over: Partial<LoggedEvent> = {}): LoggedEvent {
  const ofChat = isOfChat(event);
  return {
    partition: 3,
    position: 1007,
    tenantId: 'default',
    chatId: ofChat ? GROUP : null,
    sequence: ofChat ? 42 : null,
    actorId: 'alice',
    commandId: 'c-1',
    at: AT,
    event,
    traceparent: TRACEPARENT,
    tracestate: null,
    ...over,
  };
}

const members = [
  { userId: 'alice', role: 'owner' as const },
  { userId: 'bob', role: 'member' as const },
];

/** One event of every type. */
export const oneOfEach: LoggedEvent[] = [
  logged({
    type: 'message.created',
    message: {
      ...message,
      body: 'a "quoted" 😀\u2028\\',
      inReplyTo: MESSAGE_ID,
      threadRootId: MESSAGE_ID,
      mentions: ['bob'],
      attachments: [{ url: 'https://files.example/a', mediaType: 'image/png', size: 7, name: 'a' }],
      metadata: { b: [1, -0, 1e-21, { z: null }], a: 'é', 10: true, 9: false },
    },
  }),
  logged({
    type: 'chat.created',
    kind: 'group',
    title: 'Tea',
    historyVisibility: 'since-joined',
    metadata: { b: -0, a: 1 },
    members,
  }),
  logged({ type: 'chat.created', kind: 'direct', title: null, historyVisibility: 'full', metadata: {}, members }),
  logged({ type: 'member.added', members }),
  logged({ type: 'member.removed', userId: 'bob', left: false }),
  logged({
    type: 'message.edited',
    message: {
      ...message,
      body: 'hello again',
      mentions: ['bob'],
      metadata: { a: 1 },
      revision: 2,
      editedAt: AT,
      editedBy: 'alice',
    },
  }),
  logged({ type: 'message.deleted', messageId: MESSAGE_ID, messageSequence: 41, mode: 'hard' }),
  logged({ type: 'message.reacted', messageId: MESSAGE_ID, messageSequence: 41, emoji: '👍', userId: 'alice' }),
  logged({ type: 'message.unreacted', messageId: MESSAGE_ID, messageSequence: 41, emoji: ':tea:', userId: 'alice' }),
  logged({ type: 'chat.updated', kind: 'group', title: null, historyVisibility: 'full', metadata: {} }),
  logged({ type: 'chat.archived' }),
  logged({ type: 'chat.unarchived' }),
  logged({ type: 'chat.hidden' }, { sequence: null }),
  logged({ type: 'chat.unhidden' }, { sequence: null }),
  logged({ type: 'chat.read', userId: 'alice', upTo: 41 }, { sequence: null }),
  logged({ type: 'chat.delivered', userId: 'alice', upTo: 42 }, { sequence: null }),
  logged({ type: 'member.updated', userId: 'bob', role: 'reader', mutedUntil: AT.toISOString() }),
  logged({
    type: 'user.upserted',
    user: {
      tenantId: 'default',
      userId: 'alice',
      displayName: 'Alice',
      avatarUrl: null,
      kind: 'bot',
      metadata: { b: 1, a: [2] },
      presence: 'hidden',
      revision: 5,
      createdAt: new Date(0),
      updatedAt: AT,
    },
  }),
  logged({
    type: 'webhook.upserted',
    webhook: {
      webhookId: WEBHOOK_ID,
      url: 'https://bot.example/hooks',
      eventTypes: ['message.created'],
      chatIds: null,
      chatKinds: ['group'],
      offlineOnly: true,
      isEnabled: true,
      revision: 2,
    },
  }),
  logged({ type: 'webhook.deleted', webhookId: WEBHOOK_ID }),
  logged({
    type: 'command.rejected',
    receipt: {
      commandId: 'c-1',
      type: 'message.send',
      status: 'rejected',
      tenantId: 'default',
      chatId: GROUP,
      messageId: null,
      sequence: null,
      at: AT.toISOString(),
      decisionId: null,
      replayed: false,
      reason: { code: 'invalid', title: 'No', violations: [{ path: 'data.body', message: 'must not be empty' }] },
    },
  }),
];
