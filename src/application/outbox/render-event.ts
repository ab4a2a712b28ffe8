/**
 * From the log to the wire: one renderer for fresh events and for those read back, so that both come out equal to the byte.
 */
import { type CloudEvent, EVENT_CONTENT_TYPE } from '../../contract/messages/events.js';
import { contentSequence } from '../../domain/event.js';
import type { Message } from '../../domain/message.js';
import type { ChatAudience } from '../policy/chat-audience.js';
import type { LoggedEvent } from '../ports/event-log.js';
import type { OutgoingEvent } from '../ports/transport.js';

export { EVENT_CONTENT_TYPE };

export interface RenderContext {
  storeId: string;
  /** `EVENT_RECIPIENTS_MAX`: above this, `recipients` is null, and dispatch pages the members. */
  recipientsMax: number;
}

/** `<chat id>/<sequence>`, or `p<partition>/<position>` without a sequence. */
export function eventId({ chatId, sequence, partition, position }: LoggedEvent): string {
  return sequence === null ? `p${partition}/${position}` : `${chatId}/${sequence}`;
}

/** What events are hashed by: the chat, or the actor where there is no chat. */
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
      return `chats/${chatId}/members/${event.userId}`;
    case 'chat.hidden':
    case 'chat.unhidden':
      return `chats/${chatId}/members/${actorId}`;
    case 'user.upserted':
      return `users/${event.user.userId}`;
    case 'command.rejected':
      return `commands/${commandId}`;
  }
}

/**
 * The members other than the actor who may see what the event says, and a member just removed: that event alone tells them why they get no
 * more. Whether it is for the actor as well, whose other devices have not got it yet. Where they are not listed, as many as there are members at most.
 */
function recipientsOf(logged: LoggedEvent, audience: ChatAudience | null, max: number) {
  const { event, actorId } = logged;
  const removed = event.type === 'member.removed' ? event.userId : null;
  const { viewers, firstVisible, visibleToAllFrom, memberCount } = audience ?? NOBODY;
  if (viewers === null)
    return { recipients: null, forActor: null, recipientCount: memberCount + (removed === null ? 0 : 1) };
  const sequence = contentSequence(event, logged.sequence);
  let forActor = removed === actorId;
  /** Of a viewer who may see the event. */
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

/** Those who are mentioned and may not see what mentions them. */
function outsidersAmong(mentions: readonly string[], actorId: string, whom: ReturnType<typeof recipientsOf>) {
  const { recipients, forActor } = whom;
  if (mentions.length === 0 || recipients === null) return {};
  const insiders = new Set(recipients);
  const outsiders = mentions.filter((userId) => (userId === actorId ? !forActor : !insiders.has(userId)));
  return outsiders.length === 0 ? {} : { mentionedOutsiders: outsiders };
}

/** Of an event that is for the actor's own devices. */
const NOBODY_ELSE = { recipients: [], forActor: true, recipientCount: 0 };

/** Of a chat that is gone. */
const NOBODY: Omit<ChatAudience, 'policyVersion'> = {
  memberCount: 0,
  viewers: [],
  firstVisible: [],
  visibleToAllFrom: 0,
};

/** A message's content as events and REST tell it. */
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
    const { userId, displayName, avatarUrl, kind, metadata, revision, updatedAt } = event.user;
    return {
      ...{ tenantId, actorId, commandId, userId, displayName, avatarUrl, kind, metadata, revision },
      updatedAt: updatedAt.toISOString(),
    };
  }
  const common = { tenantId, chatId: logged.chatId, actorId, commandId, sequence: logged.sequence };
  const whom = recipientsOf(logged, audience, recipientsMax);
  switch (event.type) {
    case 'message.created': {
      const { message } = event;
      if (message.body === null) return { ...common, ...messageContent(message), erased: true, ...whom };
      // Spelled out: this is the hot one, and each object spread into another costs more than all of its fields.
      const told = {
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
        recipients: whom.recipients,
        forActor: whom.forActor,
        recipientCount: whom.recipientCount,
      };
      return message.mentions.length === 0 ? told : { ...told, ...outsidersAmong(message.mentions, actorId, whom) };
    }
    case 'message.edited': {
      const { messageId, sequence: messageSequence, revision, body, mentions, metadata } = event.message;
      const text = { revision, body, mentions, metadata, editedAt: logged.at.toISOString() };
      const outsiders = outsidersAmong(mentions, actorId, whom);
      return { ...common, messageId, messageSequence, ...text, ...erasedIf(body === null), ...whom, ...outsiders };
    }
    case 'message.deleted':
      return {
        ...common,
        messageId: event.messageId,
        messageSequence: event.messageSequence,
        mode: event.mode,
        deletedAt: logged.at.toISOString(),
        ...erasedIf(event.isHidden === true),
        ...whom,
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
        ...whom,
      };
    case 'chat.created': {
      const { kind, title, historyVisibility, metadata, members } = event;
      return { ...common, kind, title, historyVisibility, metadata, members, ...whom };
    }
    case 'chat.updated': {
      const { kind, title, historyVisibility, metadata } = event;
      return { ...common, kind, title, historyVisibility, metadata, ...whom };
    }
    case 'chat.archived':
    case 'chat.unarchived':
      return { ...common, ...whom };
    case 'chat.hidden':
    case 'chat.unhidden':
      return { ...common, ...NOBODY_ELSE };
    case 'chat.read':
      return { ...common, userId: event.userId, upTo: event.upTo, ...whom };
    case 'member.added':
      return { ...common, members: event.members, ...whom };
    case 'member.removed':
      return { ...common, userId: event.userId, left: event.left, ...whom };
    case 'member.updated':
      return { ...common, userId: event.userId, role: event.role, mutedUntil: event.mutedUntil, ...whom };
  }
}

/** `audience`: of the event's chat as it is now; null for events without a chat. */
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
    // The one place where the shape of each event's data is put together; tests hold it against the contract's schemas.
    data: data(logged, audience, context),
  } as CloudEvent;
}

/** The very bytes and properties to publish. */
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
