import type { LoggedEvent } from './event-log.js';

/** Which part of the log: a chat's events by their sequence, or a partition's by their position. */
export type LogPart = { chatId: string } | { partition: number };

/** The log for whoever reads it again. */
export interface LogReader {
  /** The last sequence or position; null: there is no such chat or partition, or the chat is still being imported. */
  endOf(part: LogPart): Promise<number | null>;
  /** How far a partition's log may lack events of rejected commands (`PartitionState.logFloor`). */
  floorOf(partition: number): Promise<number>;
  /** The position of a partition's last event up to `through`; 0: there is none. */
  lastOf(partition: number, through: number): Promise<number>;
  /** A chat's events beyond `after`, in the order of their sequence, with the texts as they are now. */
  readChat(chatId: string, after: number, limit: number): Promise<LoggedEvent[]>;
}
