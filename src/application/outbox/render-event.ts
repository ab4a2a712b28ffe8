/**
 * Renders a logged event as a CloudEvent. New events and events read back from the log use the same renderer, so that
 * both are equal byte for byte.
 */
import { type CloudEvent, EVENT_CONTENT_TYPE } from '../../contract/messages/events.js';
import { contentSequence } from '../../domain/event.js';
import type { Message } from '../../domain/message.js';
import type { ChatAudience } from '../policy/chat-audience.js';
import type { LoggedEvent } from '../ports/store/log/event-log.js';
import type { OutgoingEvent } from '../ports/transport/transport.js';

export { EVENT_CONTENT_TYPE };

export interface RenderContext {
  storeId: string;
  /**
   * `EVENT_RECIPIENTS_MAX`: maximum number of recipients listed in an event. Above this, `recipients` is null, and
   * dispatch workers page through the members.
   */
  recipientsMax: number;
}

/** `<chat id>/<sequence>`, or `p<partition>/<position>` for an event without a sequence. */
export function eventId({ chatId, sequence, partition, position }: LoggedEvent): string {
  return sequence === null ? `p${partition}/${position}` : `${chatId}/${sequence}`;
}

/** The hash key of the event: the chat id, or the actor id for an event without a chat. */
function partitionKey(logged: LoggedEvent): string {
  const { event } = logged;
  const rejectedChat = event.type === 'command.rejected' ? event.receipt.chatId : null;
  return logged.chatId ?? (typeof rejectedChat === 'string' ? rejectedChat : logged.actorId);
}

function subject({ event, chatId, commandId, actorId }: LoggedEvent): string {
  switch (event.type) {
    case 'message.created':
    case 'message.edited':
      return `chats/${chatId}/messages/${event.message.messageId}`;
    case 'message.deleted':
    case 'message.reacted':
    case 'message.unreacted':
      return `chats/${chatId}/messages/${event.messageId}`;
    case 'chat.created':
    case 'chat.updated':
    case 'chat.archived':
    case 'chat.unarchived':
      return `chats/${chatId}`;
    case 'member.added':
      return `chats/${chatId}/members`;
    case 'member.removed':
    case 'member.updated':
    case 'chat.read':
    case 'chat.delivered':
      return `chats/${chatId}/members/${event.userId}`;
    case 'chat.hidden':
    case 'chat.unhidden':
      return `chats/${chatId}/members/${actorId}`;
    case 'user.upserted':
      return `users/${event.user.userId}`;
    case 'webhook.upserted':
      return `webhooks/${event.webhook.webhookId}`;
    case 'webhook.deleted':
      return `webhooks/${event.webhookId}`;
    case 'command.rejected':
      return `commands/${commandId}`;
  }
}

/**
 * The members other than the actor who may see the event, plus a member who was just removed: only this event tells
 * that client why no more events arrive. `forActor` says if the actor's other devices need the event too. If the
 * recipients are not listed, `recipientCount` is an upper bound.
 */
function recipientsOf(logged: LoggedEvent, audience: ChatAudience | null, max: number) {
  const { event, actorId } = logged;
  const removed = event.type === 'member.removed' ? event.userId : null;
  const { viewers, firstVisible, visibleToAllFrom, memberCount } = audience ?? NO_AUDIENCE;
  if (viewers === null)
    return { recipients: null, forActor: null, recipientCount: memberCount + (removed === null ? 0 : 1) };
  const sequence = contentSequence(event, logged.sequence);
  let forActor = removed === actorId;
  /** Called with viewers who may see the event. Also notes if the actor is one of them. */
  const isListed = (userId: string) => {
    if (userId === actorId) forActor = true;
    return userId !== actorId && userId !== removed;
  };
  const ids =
    sequence >= visibleToAllFrom
      ? viewers.filter(isListed)
      : viewers.filter((userId, index) => (firstVisible[index] ?? Infinity) <= sequence && isListed(userId));
  if (removed !== null) ids.push(removed);
  return ids.length > max
    ? { recipients: null, forActor: null, recipientCount: ids.length }
    : { recipients: ids, forActor, recipientCount: ids.length };
}

/** Mentioned users who may not see the message. */
function outsidersAmong(
  mentions: readonly string[],
  actorId: string,
  recipientFields: ReturnType<typeof recipientsOf>,
) {
  const { recipients, forActor } = recipientFields;
  if (mentions.length === 0 || recipients === null) return {};
  const insiders = new Set(recipients);
  const outsiders = mentions.filter((userId) => (userId === actorId ? !forActor : !insiders.has(userId)));
  return outsiders.length === 0 ? {} : { mentionedOutsiders: outsiders };
}

/** For an event that only the actor's own devices need. */
const NOBODY_ELSE = { recipients: [], forActor: true, recipientCount: 0 };

/** The audience of a chat that no longer exists. */
const NO_AUDIENCE: Omit<ChatAudience, 'policyVersion'> = {
  memberCount: 0,
  viewers: [],
  firstVisible: [],
  visibleToAllFrom: 0,
};

/** The content of a message as in events and REST responses. */
export function messageContent(message: Message) {
  return {
    messageId: message.messageId,
    senderId: message.senderId,
    body: message.body,
    contentType: message.contentType,
    inReplyTo: message.inReplyTo,
    threadRootId: message.threadRootId,
    mentions: message.mentions,
    attachments: message.attachments,
    metadata: message.metadata,
    createdAt: message.createdAt.toISOString(),
  };
}

function erasedIf(isErased: boolean) {
  return isErased ? { erased: true } : {};
}

function data(logged: LoggedEvent, audience: ChatAudience | null, { recipientsMax }: RenderContext) {
  const { event, tenantId, actorId, commandId } = logged;
  if (event.type === 'command.rejected') return { ...event.receipt, actorId };
  if (event.type === 'user.upserted') {
    const { userId, displayName, avatarUrl, kind, metadata, presence, revision, updatedAt } = event.user;
    return {
      ...{ tenantId, actorId, commandId, userId, displayName, avatarUrl, kind, metadata, presence, revision },
      updatedAt: updatedAt.toISOString(),
    };
  }
  if (event.type === 'webhook.upserted')
    return { tenantId, actorId, commandId, ...event.webhook, updatedAt: logged.at.toISOString() };
  if (event.type === 'webhook.deleted')
    return { tenantId, actorId, commandId, webhookId: event.webhookId, deletedAt: logged.at.toISOString() };
  const common = { tenantId, chatId: logged.chatId, actorId, commandId, sequence: logged.sequence };
  const recipientFields = recipientsOf(logged, audience, recipientsMax);
  switch (event.type) {
    case 'message.created': {
      const { message } = event;
      if (message.body === null) return { ...common, ...messageContent(message), erased: true, ...recipientFields };
      // Written out field by field: this code is hot, and object spread costs more than all of the fields.
      const data = {
        tenantId,
        chatId: logged.chatId,
        actorId,
        commandId,
        sequence: logged.sequence,
        messageId: message.messageId,
        senderId: message.senderId,
        body: message.body,
        contentType: message.contentType,
        inReplyTo: message.inReplyTo,
        threadRootId: message.threadRootId,
        mentions: message.mentions,
        attachments: message.attachments,
        metadata: message.metadata,
        createdAt: message.createdAt.toISOString(),
        recipients: recipientFields.recipients,
        forActor: recipientFields.forActor,
        recipientCount: recipientFields.recipientCount,
      };
      return message.mentions.length === 0
        ? data
        : { ...data, ...outsidersAmong(message.mentions, actorId, recipientFields) };
    }
    case 'message.edited': {
      const { messageId, sequence: messageSequence, revision, body, mentions, metadata } = event.message;
      const text = { revision, body, mentions, metadata, editedAt: logged.at.toISOString() };
      const outsiders = outsidersAmong(mentions, actorId, recipientFields);
      return {
        ...common,
        messageId,
        messageSequence,
        ...text,
        ...erasedIf(body === null),
        ...recipientFields,
        ...outsiders,
      };
    }
    case 'message.deleted':
      return {
        ...common,
        messageId: event.messageId,
        messageSequence: event.messageSequence,
        mode: event.mode,
        deletedAt: logged.at.toISOString(),
        ...erasedIf(event.isHidden === true),
        ...recipientFields,
      };
    case 'message.reacted':
    case 'message.unreacted':
      return {
        ...common,
        messageId: event.messageId,
        messageSequence: event.messageSequence,
        emoji: event.emoji,
        userId: event.userId,
        ...erasedIf(event.emoji === null),
        ...recipientFields,
      };
    case 'chat.created': {
      const { kind, title, historyVisibility, metadata, members } = event;
      return { ...common, kind, title, historyVisibility, metadata, members, ...recipientFields };
    }
    case 'chat.updated': {
      const { kind, title, historyVisibility, metadata } = event;
      return { ...common, kind, title, historyVisibility, metadata, ...recipientFields };
    }
    case 'chat.archived':
    case 'chat.unarchived':
      return { ...common, ...recipientFields };
    case 'chat.hidden':
    case 'chat.unhidden':
      return { ...common, ...NOBODY_ELSE };
    case 'chat.read':
    case 'chat.delivered':
      return { ...common, userId: event.userId, upTo: event.upTo, ...recipientFields };
    case 'member.added':
      return { ...common, members: event.members, ...recipientFields };
    case 'member.removed':
      return { ...common, userId: event.userId, left: event.left, ...recipientFields };
    case 'member.updated':
      return { ...common, userId: event.userId, role: event.role, mutedUntil: event.mutedUntil, ...recipientFields };
  }
}

/** `audience` is the current audience of the event's chat. Null for events without a chat. */
export function renderEvent(logged: LoggedEvent, audience: ChatAudience | null, context: RenderContext): CloudEvent {
  const { sequence, tenantId } = logged;
  return {
    specversion: '1.0',
    id: eventId(logged),
    source: `/parley/${context.storeId}/${tenantId}`,
    type: logged.event.type,
    subject: subject(logged),
    time: logged.at.toISOString(),
    datacontenttype: 'application/json',
    partitionkey: partitionKey(logged),
    ...(sequence === null ? {} : { sequence: String(sequence) }),
    // Only `data` builds the payload of each event type. Tests check it against the contract's schemas.
    data: data(logged, audience, context),
  } as CloudEvent;
}

/** The exact bytes and properties to publish. */
export function encodeEvent(logged: LoggedEvent, audience: ChatAudience | null, context: RenderContext): OutgoingEvent {
  const key = partitionKey(logged);
  const { type } = logged.event;
  return {
    id: eventId(logged),
    type,
    routingKey: `${type}.${logged.tenantId}.${key}`,
    partitionKey: key,
    traceparent: logged.traceparent,
    tracestate: logged.tracestate,
    timestamp: Math.floor(logged.at.getTime() / 1000),
    body: Buffer.from(JSON.stringify(renderEvent(logged, audience, context))),
  };
}
