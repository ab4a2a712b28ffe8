import type { ChatKind, HistoryVisibility, Member } from '../../domain/chat.js';
import type { DomainEvent } from '../../domain/event.js';
import type { User } from '../../domain/user.js';

/** One row of the log, which is the outbox: keyed by partition and position, numbered within its chat where it has one. */
export interface LoggedEvent {
  partition: number;
  position: number;
  tenantId: string;
  chatId: string | null;
  sequence: number | null;
  actorId: string;
  commandId: string;
  at: Date;
  event: DomainEvent;
  /** W3C trace context of the command, carried through. */
  traceparent: string | null;
  tracestate: string | null;
}

/** A member, with what decides what they may see of the chat. */
export interface ChatMember extends Pick<Member, 'userId' | 'role' | 'joinedSequence'> {
  /** Where profiles were asked for; null: the user has none. */
  profile?: Pick<User, 'kind' | 'claims'> | null;
}

/** A chat as of one moment, with what decides who may see what of it. */
export interface ChatMembers {
  tenantId: string;
  kind: ChatKind;
  archived: boolean;
  historyVisibility: HistoryVisibility;
  memberCount: number;
  /** By user id in code-unit order; null while they are more than asked for. */
  members: ChatMember[] | null;
}

export interface EventLog {
  /** Drawn at the first migration; part of every event's `source`. */
  storeId(): Promise<string>;
  /** Committed events of a partition beyond `after`, in position order, with the texts as they are now. */
  readEvents(partition: number, after: number, limit: number): Promise<LoggedEvent[]>;
  /**
   * Each chat with its members, where they are at most `max`, in one snapshot; `withProfiles`: and what their profiles say of them.
   * Chats that do not exist are left out.
   */
  recipients(chatIds: readonly string[], max: number, withProfiles: boolean): Promise<Map<string, ChatMembers>>;
}
