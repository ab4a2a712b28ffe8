import type { DomainEvent } from '../../domain/event.js';

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

/** Whom an event is for: all members' ids in code-unit order, or null while they are more than asked for. */
export interface Recipients {
  memberIds: string[] | null;
  memberCount: number;
}

export interface EventLog {
  /** Drawn at the first migration; part of every event's `source`. */
  storeId(): Promise<string>;
  /** Committed events of a partition beyond `after`, in position order, with the texts as they are now. */
  readEvents(partition: number, after: number, limit: number): Promise<LoggedEvent[]>;
  /** The members of each chat, where they are at most `max`. Chats that do not exist are left out. */
  recipients(chatIds: readonly string[], max: number): Promise<Map<string, Recipients>>;
}
