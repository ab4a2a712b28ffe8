/** The event log as log consumers read it. */
import type { LoggedEvent } from './event-log.js';

/** A part of a partition's log and its limits, as of one moment. */
export interface LogStretch {
  /** In position order, with the current texts. */
  events: LoggedEvent[];
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

/**
 * Whether a change of a chat came after an event of the same chat. Events have sequences, except for read marks: these
 * are compared by position, or by time if the chat has moved to another partition in between.
 */
export function isAfter(change: LoggedEvent, event: LoggedEvent): boolean {
  if (event.sequence !== null) return (change.sequence ?? 0) > event.sequence;
  if (change.partition === event.partition) return change.position > event.position;
  return change.at.getTime() > event.at.getTime();
}
