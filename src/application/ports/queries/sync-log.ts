/**
 * Store queries for syncing: which of a caller's chats have changed between two moments of the log, and the events in
 * between.
 */

import type { LoggedEvent } from '../store/log/event-log.js';
import type { Caller, ChatView, VisibleChats } from './chat-queries.js';

/**
 * One moment of the log. A writer locks the partition's row until its commit. So every event at or below the
 * partition's position is committed and readable, and every later event gets a higher position.
 */
export interface Cut {
  /** By partition: the last used position. */
  positions: readonly number[];
  /** The number of completed imports. */
  imports: number;
}

/** The range from the client's state to its next state. */
export interface SyncWindow {
  /** Null: the client has no state. */
  from: Cut | null;
  to: Cut;
}

/**
 * A range of the caller's chats by id, including chats that the caller has left. `start` is inclusive or exclusive,
 * `through` is inclusive.
 */
export interface ChatStretch {
  start: { chatId: string; inclusive: boolean };
  /** Null: to the end. */
  through: string | null;
}

/** A chat that the caller is in, with its current state. */
export interface SyncedChat extends ChatView {
  /** The import that brought the chat. Null if the chat was created here. */
  importNumber: number | null;
  /** The sequence of the event that last made the chat visible to the caller. 0 if there is none. */
  shownSequence: number;
}

/** A chat that the caller could see before and cannot see now. */
export interface LostChat {
  chatId: string;
  /** True: the caller is a member, and the chat is hidden. False: the caller is not a member. */
  isMember: boolean;
}

/** Events of one chat by sequence, both ends included. */
export interface EventRange {
  chatId: string;
  first: number;
  last: number;
}

export interface EventsInRanges {
  /** By chat id, in ascending sequence. */
  events: Map<string, LoggedEvent[]>;
  /**
   * False if the events exceed the size of a response (`PAGE_MAX_BYTES`). Then the last ones, in the order of the
   * ranges, are left out. At least one event is included.
   */
  isComplete: boolean;
}

export interface SyncLog {
  /** The current moment, in one snapshot. */
  cut(): Promise<Cut>;
  /**
   * The id of the `most`-th of the caller's chats from `start`, visible or not. Null if there are fewer. It bounds the
   * rows that a page reads.
   */
  horizon(caller: Caller, start: ChatStretch['start'], most: number): Promise<string | null>;
  /**
   * The caller's visible chats that may have changed since `window.from`: by an event, the caller's own read mark, or
   * an import. In the order of their ids, at most `limit`. Chats that changed after `window.to` may be included.
   */
  changedChats(
    caller: Caller,
    visible: VisibleChats,
    window: SyncWindow,
    stretch: ChatStretch,
    limit: number,
  ): Promise<SyncedChat[]>;
  /**
   * Chats that the caller no longer sees: left, removed from, or hidden from the caller, by an event within the window.
   * A chat that the caller has not seen since `from` is not included. In the order of their ids, at most `limit`.
   */
  lostChats(
    caller: Caller,
    visible: VisibleChats,
    from: Cut,
    to: Cut,
    stretch: ChatStretch,
    limit: number,
  ): Promise<LostChat[]>;
  /**
   * By chat id: the first sequence whose event is after the cut, or `lastSequence + 1` if there is none. Events of a
   * partition that the cut does not contain count as before it. Uses a search, not a scan.
   */
  firstBeyond(cut: Cut, chats: readonly { chatId: string; lastSequence: number }[]): Promise<Map<string, number>>;
  /** The events in these ranges, with the current texts. A chat has at most one range. */
  eventsIn(ranges: readonly EventRange[]): Promise<EventsInRanges>;
}
