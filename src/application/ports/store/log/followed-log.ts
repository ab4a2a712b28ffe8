/** The event log as log consumers read it. */
import type { LoggedEvent } from './event-log.js';

/** The present text of a message. */
export interface MessageText {
  messageId: string;
  /** The revision of this text. */
  revision: number;
  senderId: string;
  body: string;
}

/** An event, of which only the text is of interest. */
export interface LoggedText {
  position: number;
  sequence: number | null;
  /** The text that the message has now. Null if the event is not about a text, or the text is gone. */
  text: MessageText | null;
}

/** A part of a partition's log and its limits, as of one moment. */
export interface LogStretch<Event = LoggedEvent> {
  /** In position order, with the current texts. */
  events: Event[];
  /** Every event up to this position is among them, or comes before. The end, unless there are more. */
  through: number;
  /** The last position of the log. */
  end: number;
  /** At or below this position events of rejected commands can be missing; above it no position is missing. */
  floor: number;
}

/** Every method rejects with a `StoreError`. */
export interface FollowedLog {
  /**
   * Events of a partition after `after`, with end and floor of the log in the same snapshot. At most `limit`, and fewer
   * if their texts exceed 1 MiB together; at least one if there is one.
   */
  read(partition: number, after: number, limit: number): Promise<LogStretch>;
  /** As `read`, for a fraction of its cost: see `LoggedText`. */
  readTexts(partition: number, after: number, limit: number): Promise<LogStretch<LoggedText>>;
  /** The events of a partition at these positions, in order, with the current texts. Pruned ones are missing. */
  readAt(partition: number, positions: readonly number[]): Promise<LoggedEvent[]>;
  /** The number of the first completed import after the given one. Null if there is none. */
  nextImport(after: number): Promise<number | null>;
  /** Imported events of that chat after `after`, by sequence, at most `limit`. */
  readImport(importNumber: number, after: number, limit: number): Promise<LoggedEvent[]>;
  /** By chat id: the last event that changed who can see the chat (`CHANGES_AUDIENCE`). */
  lastAudienceChanges(chatIds: readonly string[]): Promise<Map<string, LoggedEvent>>;
  /**
   * The events of a chat that changed who can see it, after sequence `after` and not after `until`, by sequence, at
   * most `limit`. See `isAfter` for an event without a sequence.
   */
  audienceChanges(chatId: string, after: number, until: LoggedEvent, limit: number): Promise<LoggedEvent[]>;
}

/** The text of an event that was read with the current texts. */
export function toLoggedText({ position, sequence, event }: LoggedEvent): LoggedText {
  if (event.type !== 'message.created' && event.type !== 'message.edited') return { position, sequence, text: null };
  const { messageId, revision, senderId, body } = event.message;
  return { position, sequence, text: body === null ? null : { messageId, revision, senderId, body } };
}

/**
 * Whether a change of a chat came after an event of the same chat. Events have sequences, except for read marks: these
 * are compared by position, or by time if the chat has moved to another partition in between.
 */
export function isAfter(change: LoggedEvent, event: LoggedEvent): boolean {
  if (event.sequence !== null) return (change.sequence ?? 0) > event.sequence;
  if (change.partition === event.partition) return change.position > event.position;
  return change.at.getTime() > event.at.getTime();
}
