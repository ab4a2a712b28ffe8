import type { LoggedEvent } from './event-log.js';

/** A part of the log: a chat's events by sequence, or a partition's events by position. */
export type LogPart = { chatId: string } | { partition: number };

/** Reads the log again, for replays. */
export interface LogReader {
  /** The last sequence or position. Null if the chat or partition does not exist, or if the chat is being imported. */
  endOf(part: LogPart): Promise<number | null>;
  /** The position up to which a partition's log may lack events of rejected commands (`PartitionState.logFloor`). */
  floorOf(partition: number): Promise<number>;
  /** The position of a partition's last event at or before `through`. 0 if there is none. */
  lastOf(partition: number, through: number): Promise<number>;
  /** A chat's events after `after`, by sequence, with the current texts. */
  readChat(chatId: string, after: number, limit: number): Promise<LoggedEvent[]>;
}
