/** What syncing asks of the store: which of a caller's chats have moved between two moments of the log, and the events in between. */
import type { Caller, ChatView, VisibleChats } from './chat-queries.js';
import type { LoggedEvent } from './event-log.js';

/**
 * One moment of the log. Whoever writes to a partition holds its row until the commit, so every event at or below the partition's position
 * is committed and can be read from now on, and every other one will stand above it.
 */
export interface Cut {
  /** By partition: the last position in use. */
  positions: readonly number[];
  /** How many imports were complete. */
  imports: number;
}

/** From what a client has to what it is brought to. */
export interface SyncWindow {
  /** Null: it has nothing. */
  from: Cut | null;
  to: Cut;
}

/** Some of a caller's chats, those that were left included, by their ids: from one id on, or beyond it, through another. */
export interface ChatStretch {
  start: { chatId: string; inclusive: boolean };
  /** Null: to the end. */
  through: string | null;
}

/** A chat that the caller is in, as it is now. */
export interface SyncedChat extends ChatView {
  /** Which import brought it; null: it was made here. */
  importNumber: number | null;
  /** The number of the event that last brought it to light: until then it was hidden from the caller. 0: none has. */
  shownSequence: number;
}

/** A chat that the caller could see, and can no longer. */
export interface LostChat {
  chatId: string;
  /** The caller is in it, and it is hidden; else they are not. */
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
  /** False: they are more than an answer can hold (`PAGE_MAX_BYTES`), and the last ones, in the order of the ranges, are left out. At least one is there. */
  isComplete: boolean;
}

export interface SyncLog {
  /** The present moment, in one snapshot. */
  cut(): Promise<Cut>;
  /** The id of the `most`-th of the caller's chats from `start`, visible or not; null: there are fewer. Bounds what a page looks at. */
  horizon(caller: Caller, start: ChatStretch['start'], most: number): Promise<string | null>;
  /**
   * Visible chats of the caller's that may have moved since `window.from`: an event, a read mark of the caller's own, an import. In the
   * order of their ids, at most `limit`. What moved after `window.to` may be among them.
   */
  changedChats(
    caller: Caller,
    visible: VisibleChats,
    window: SyncWindow,
    stretch: ChatStretch,
    limit: number,
  ): Promise<SyncedChat[]>;
  /**
   * Chats that the caller left, or was removed from, or that were hidden from them, and that they do not see now: those that they last saw until
   * an event within the window. One that they have not seen since `from` is not among them. In the order of their ids, at most `limit`.
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
   * By chat id: the first sequence whose event lies beyond the cut, `lastSequence + 1` where none does. An event of a partition that the cut
   * does not know counts as within it. A search, not a scan.
   */
  firstBeyond(cut: Cut, chats: readonly { chatId: string; lastSequence: number }[]): Promise<Map<string, number>>;
  /** The events in these ranges, with the texts as they are now. A chat has one range at most. */
  eventsIn(ranges: readonly EventRange[]): Promise<EventsInRanges>;
}
