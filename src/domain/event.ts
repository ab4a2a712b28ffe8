import type { ChatKind, Metadata, Role } from './chat.js';
import type { Message } from './message.js';
import type { User } from './user.js';

/** What happened, in the words of the domain. The log keeps everything but a message's text, which stays with the message. */
export type DomainEvent =
  | { type: 'message.created'; message: Message }
  | {
      type: 'chat.created';
      kind: ChatKind;
      title: string | null;
      metadata: Metadata;
      members: { userId: string; role: Role }[];
    }
  | { type: 'member.added'; members: { userId: string; role: Role }[] }
  | { type: 'member.removed'; userId: string; left: boolean }
  | { type: 'user.upserted'; user: User }
  | { type: 'command.rejected'; receipt: { [key: string]: unknown } };

export type DomainEventType = DomainEvent['type'];
