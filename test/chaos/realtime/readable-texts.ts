/**
 * Which user can read which text over REST, and when: a plain model of chats, told of each act before and after it. It
 * is generous by the duration of the act, never more.
 */
import { firstVisibleSequence, type HistoryVisibility } from '../../../src/domain/chat.js';

/** Each text of a story contains one of these, so that it is found in any frame. */
export const TEXT_PATTERN = /text-\d+-[a-z0-9]+/g;

export interface ModelMessage {
  messageId: string;
  sequence: number;
  senderId: string;
  /** All revisions, the last one is the present text. */
  texts: string[];
  isDeleted: boolean;
}

export interface ModelChat {
  chatId: string;
  owner: string;
  /** By user: the sequence of the joining. */
  members: Map<string, number>;
  historyVisibility: HistoryVisibility;
  isArchived: boolean;
  messages: ModelMessage[];
}

interface Interval {
  from: number;
  to: number;
}

export class ReadableTexts {
  readonly chats = new Map<string, ModelChat>();
  /** By text, then by user. */
  private readonly intervals = new Map<string, Map<string, Interval[]>>();

  /** After an act on the chat: `from` is the time before it was sent, `to` the time of its receipt. */
  settle(chat: ModelChat, from: number, to: number): void {
    for (const message of chat.messages)
      for (const text of message.texts) {
        const byUser = this.intervals.get(text) ?? new Map<string, Interval[]>();
        this.intervals.set(text, byUser);
        for (const userId of new Set([...byUser.keys(), ...chat.members.keys()])) {
          const joinedSequence = chat.members.get(userId);
          const isReadable =
            joinedSequence !== undefined &&
            !message.isDeleted &&
            message.sequence >= firstVisibleSequence(chat, { joinedSequence });
          const known = byUser.get(userId) ?? [];
          byUser.set(userId, known);
          const last = known.at(-1);
          const isOpen = last !== undefined && last.to === Number.POSITIVE_INFINITY;
          if (isReadable && !isOpen) known.push({ from, to: Number.POSITIVE_INFINITY });
          else if (!isReadable && isOpen) last.to = to;
        }
      }
  }

  /**
   * When the text was readable for the last time before `at`: `at` itself, an earlier time, or null if never. A text
   * that no act has settled (an act whose receipt was lost) is unknown: undefined.
   */
  lastReadable(userId: string, text: string, at: number): number | null | undefined {
    const byUser = this.intervals.get(text);
    if (byUser === undefined) return undefined;
    const begun = (byUser.get(userId) ?? []).filter(({ from }) => from <= at);
    return begun.length === 0 ? null : Math.min(at, Math.max(...begun.map(({ to }) => to)));
  }
}
