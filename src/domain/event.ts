import type { ChatKind, HistoryVisibility, Metadata, Role } from './chat.js';
import { type DeleteMode, eraseMessage, type Message } from './message.js';
import type { User } from './user.js';

interface ChatState {
  kind: ChatKind;
  title: string | null;
  historyVisibility: HistoryVisibility;
  metadata: Metadata;
}

/** What happened, in the words of the domain. The log keeps everything but a message's text, which stays with the message. */
export type DomainEvent =
  | { type: 'message.created'; message: Message }
  /** The message as of the revision that this edit made. */
  | { type: 'message.edited'; message: Message }
  | { type: 'message.deleted'; messageId: string; mode: DeleteMode }
  | { type: 'message.reacted' | 'message.unreacted'; messageId: string; emoji: string; userId: string }
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
 * The event as one is told it who may see the chat from that number on: a new text of a message that lies before is not told. The event
 * itself is, or there would be a gap.
 */
export function asSeenFrom(event: DomainEvent, fromSequence: number): DomainEvent {
  if (event.type !== 'message.edited' || event.message.sequence >= fromSequence) return event;
  return { type: event.type, message: eraseMessage(event.message, event.message.createdAt) };
}
