import type { ChatKind, HistoryVisibility, Metadata, Role } from './chat.js';
import { type DeleteMode, eraseMessage, type Message } from './message.js';
import type { User } from './user.js';

interface ChatState {
  kind: ChatKind;
  title: string | null;
  historyVisibility: HistoryVisibility;
  metadata: Metadata;
}

/** The message that an event is about, also where the message is gone. */
interface OfMessage {
  messageId: string;
  /** The message's own number: who may see the message may see the event. */
  messageSequence: number;
}

/** What happened, in the words of the domain. The log keeps everything but a message's text, which stays with the message. */
export type DomainEvent =
  | { type: 'message.created'; message: Message }
  /** The message as of the revision that this edit made. */
  | { type: 'message.edited'; message: Message }
  | ({ type: 'message.deleted'; mode: DeleteMode; isHidden?: true } & OfMessage)
  /** `emoji` is null where the event is told to a member who may not see the message. */
  | ({ type: 'message.reacted' | 'message.unreacted'; emoji: string | null; userId: string } & OfMessage)
  | ({ type: 'chat.created'; members: { userId: string; role: Role }[] } & ChatState)
  | ({ type: 'chat.updated' } & ChatState)
  | { type: 'chat.archived' | 'chat.unarchived' }
  /** The actor's own view of the chat; nobody else is told. */
  | { type: 'chat.hidden' | 'chat.unhidden' }
  | { type: 'chat.read'; userId: string; upTo: number }
  | { type: 'member.added'; members: { userId: string; role: Role }[] }
  | { type: 'member.removed'; userId: string; left: boolean }
  /** `mutedUntil` as RFC 3339 UTC. */
  | { type: 'member.updated'; userId: string; role: Role; mutedUntil: string | null }
  /** Claims are between services and the policy. */
  | { type: 'user.upserted'; user: Omit<User, 'claims'> }
  | { type: 'command.rejected'; receipt: { [key: string]: unknown } };

export type DomainEventType = DomainEvent['type'];

/** The event with its text gone, if it is about a message that has been erased; else as it is. */
export function withoutErasedText(event: DomainEvent, erased: ReadonlyMap<string, Message>): DomainEvent {
  if (event.type !== 'message.created' && event.type !== 'message.edited') return event;
  const message = erased.get(event.message.messageId);
  if (message === undefined) return event;
  const { revision, editedAt, editedBy } = event.message;
  return { type: event.type, message: { ...message, revision, editedAt, editedBy } };
}

/**
 * The number of the chat by which it is decided who may see what the event says: that of its message, where it is about one; a read mark's
 * is how far it reaches, since marks show on messages; else the event's own.
 */
export function contentSequence(event: DomainEvent, sequence: number | null): number {
  switch (event.type) {
    case 'message.edited':
      return event.message.sequence;
    case 'message.deleted':
    case 'message.reacted':
    case 'message.unreacted':
      return event.messageSequence;
    case 'chat.read':
      return event.upTo;
    default:
      return sequence ?? 0;
  }
}

/**
 * A numbered event as it is told to a member who may see the chat from that number on: without its content, where that is about a message that
 * lies before. The event itself is told, or there would be a gap.
 */
export function asSeenFrom(event: DomainEvent, fromSequence: number): DomainEvent {
  switch (event.type) {
    case 'message.edited':
      if (event.message.sequence >= fromSequence) return event;
      return { type: event.type, message: eraseMessage(event.message, event.message.createdAt) };
    case 'message.deleted':
      return event.messageSequence >= fromSequence ? event : { ...event, isHidden: true };
    case 'message.reacted':
    case 'message.unreacted':
      return event.messageSequence >= fromSequence ? event : { ...event, emoji: null };
    default:
      return event;
  }
}
