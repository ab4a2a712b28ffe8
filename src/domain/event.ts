import type { ChatKind, HistoryVisibility, Metadata, Role } from './chat.js';
import { type DeleteMode, eraseMessage, type Message } from './message.js';
import type { Profile } from './user.js';
import type { PublishedWebhook } from './webhook.js';

interface ChatState {
  kind: ChatKind;
  title: string | null;
  historyVisibility: HistoryVisibility;
  metadata: Metadata;
}

/** The message that an event is about. It may be deleted. */
interface OfMessage {
  messageId: string;
  /** The message's own sequence: a user who may see the message may see the event. */
  messageSequence: number;
}

/** What happened. The log keeps everything except a message's text, which is stored with the message. */
export type DomainEvent =
  | { type: 'message.created'; message: Message }
  /** The message at the revision that this edit created. */
  | { type: 'message.edited'; message: Message }
  | ({ type: 'message.deleted'; mode: DeleteMode; isHidden?: true } & OfMessage)
  /** `emoji` is null for a member who may not see the message. */
  | ({ type: 'message.reacted' | 'message.unreacted'; emoji: string | null; userId: string } & OfMessage)
  | ({ type: 'chat.created'; members: { userId: string; role: Role }[] } & ChatState)
  | ({ type: 'chat.updated' } & ChatState)
  | { type: 'chat.archived' | 'chat.unarchived' }
  /** Concerns only the actor's own view of the chat. Other users do not get it. */
  | { type: 'chat.hidden' | 'chat.unhidden' }
  | { type: 'chat.read' | 'chat.delivered'; userId: string; upTo: number }
  /** `mutedUntil` as RFC 3339 UTC, only of members who left while muted and whose mute has not ended. */
  | { type: 'member.added'; members: { userId: string; role: Role; mutedUntil?: string }[] }
  | { type: 'member.removed'; userId: string; left: boolean }
  /** `mutedUntil` as RFC 3339 UTC. */
  | { type: 'member.updated'; userId: string; role: Role; mutedUntil: string | null }
  /** Claims are not published: only services set them, and only the policy reads them. */
  | { type: 'user.upserted'; user: Profile }
  | { type: 'webhook.upserted'; webhook: PublishedWebhook }
  | { type: 'webhook.deleted'; webhookId: string }
  | { type: 'command.rejected'; receipt: { [key: string]: unknown } };

export type DomainEventType = DomainEvent['type'];

/** Events that change which members may see a chat, or which parts of it. */
export const CHANGES_AUDIENCE: ReadonlySet<DomainEventType> = new Set([
  ...(['chat.created', 'chat.updated', 'chat.archived', 'chat.unarchived'] as const),
  ...(['member.added', 'member.removed', 'member.updated'] as const),
]);

/** The event without its text if its message is among the erased ones; otherwise the event unchanged. */
export function withoutErasedText(event: DomainEvent, erased: ReadonlyMap<string, Message>): DomainEvent {
  if (event.type !== 'message.created' && event.type !== 'message.edited') return event;
  const message = erased.get(event.message.messageId);
  if (message === undefined) return event;
  const { revision, editedAt, editedBy } = event.message;
  return { type: event.type, message: { ...message, revision, editedAt, editedBy } };
}

/**
 * The sequence that decides who may see the content of the event. For an event about a message it is the message's
 * sequence. For a read or delivery mark it is the mark itself, because marks are shown at messages. Otherwise it is the
 * event's own sequence.
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
    case 'chat.delivered':
      return event.upTo;
    default:
      return sequence ?? 0;
  }
}

/**
 * The event as a member sees it who may see the chat from that sequence on. If the event is about an earlier message,
 * its content is removed. The event itself stays, because otherwise there would be a gap.
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
