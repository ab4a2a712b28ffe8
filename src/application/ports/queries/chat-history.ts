/**
 * Queries about a chat's past. Every query takes what the caller may see of the chat. What lies before that looks the
 * same as what does not exist.
 */
import { type Chat, firstVisibleSequence, type Member } from '../../../domain/chat.js';
import type { Message, MessageRevision } from '../../../domain/message.js';
import type { LoggedEvent } from '../store/log/event-log.js';

/** What one member may see of one chat's past: everything from that sequence on. */
export interface VisiblePast {
  chatId: string;
  userId: string;
  fromSequence: number;
}

/** The only way to create one is from the member's own view of the chat. */
export function visiblePast({ chat, membership }: { chat: Chat; membership: Member }): VisiblePast {
  const { chatId, userId } = membership;
  return { chatId, userId, fromSequence: firstVisibleSequence(chat, membership) };
}

export interface ReactionCount {
  emoji: string;
  /** At least 1. */
  count: number;
  /** Whether the caller has this reaction. */
  mine: boolean;
}

/**
 * A message as queries return it. It includes the id of the command that created it, from the log, and its reactions:
 * the most frequent first, then by emoji in code-unit order, at most `REACTIONS_SHOWN_MAX`.
 */
export type MessageView = Message & {
  commandId: string;
  reactions: ReactionCount[];
  /** The number of different emoji on the message. */
  reactionKinds: number;
};

/**
 * A page by sequence: the messages after `after`, or the last ones before `before`, or, without either, the latest.
 * Results are always in ascending sequence.
 */
export interface SequenceRange {
  after?: number;
  before?: number;
  limit: number;
}

export interface SequencePage<T> {
  /** Fewer than requested if they would exceed the size of a response (`PAGE_MAX_BYTES`). */
  items: T[];
  hasMore: boolean;
}

export interface ThreadView {
  root: MessageView;
  /** Counts the whole thread; the last reply is also of the whole thread. */
  replyCount: number;
  lastReply: MessageView | null;
  replies: SequencePage<MessageView>;
}

/** How far a member has read, and what has reached their devices. See `deliveredThrough`. */
export type MemberMarks = Pick<Member, 'userId' | 'readSequence' | 'deliveredSequence'>;

/** Which of a member's marks covers a message. */
export type CoveringMark = 'read' | 'delivered';

export interface ChatHistory {
  listMessages(past: VisiblePast, range: SequenceRange): Promise<SequencePage<MessageView>>;
  /** Finds tombstones (soft deletes), but not messages that were deleted hard. */
  findMessage(past: VisiblePast, messageId: string): Promise<MessageView | null>;
  /** The earlier texts of a message after `afterRevision` (0: from the first), in ascending revision. */
  listRevisions(past: VisiblePast, messageId: string, afterRevision: number, limit: number): Promise<MessageRevision[]>;
  /** The message with the replies in its thread. Null if the caller cannot see it. */
  findThread(past: VisiblePast, rootId: string, range: SequenceRange): Promise<ThreadView | null>;
  /**
   * Members whose mark covers the message, without its sender and members who joined later. Sorted by user id in
   * code-unit order, after `afterUserId`. The query reads every member, so use it only for small chats.
   */
  listReaders(
    past: VisiblePast,
    messageId: string,
    mark: CoveringMark,
    afterUserId: string | null,
    limit: number,
  ): Promise<MemberMarks[]>;
  listEvents(past: VisiblePast, after: number, limit: number): Promise<SequencePage<LoggedEvent>>;
}
