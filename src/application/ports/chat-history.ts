/**
 * What clients ask about a chat's past. Every query takes what the asker may see of it; what lies before that cannot be told from what is
 * not there.
 */
import { type Chat, firstVisibleSequence, type Member } from '../../domain/chat.js';
import type { Message, MessageRevision } from '../../domain/message.js';
import type { LoggedEvent } from './event-log.js';

/** What one member may see of one chat's past: everything from that sequence on. */
export interface VisiblePast {
  chatId: string;
  userId: string;
  fromSequence: number;
}

/** The one way to it is by the member's own view of the chat. */
export function visiblePast({ chat, membership }: { chat: Chat; membership: Member }): VisiblePast {
  const { chatId, userId } = membership;
  return { chatId, userId, fromSequence: firstVisibleSequence(chat, membership) };
}

export interface ReactionCount {
  emoji: string;
  /** At least 1. */
  count: number;
  /** Whether the asker is one of those who have reacted so. */
  mine: boolean;
}

/**
 * A message as queries give it: with the command that created it, which the log knows, and its reactions, the most
 * frequent first, then by emoji in code-unit order; at most `REACTIONS_SHOWN_MAX` of them.
 */
export type MessageView = Message & {
  commandId: string;
  reactions: ReactionCount[];
  /** With how many different emoji users have reacted. */
  reactionKinds: number;
};

/** By sequence: those after `after`, or the last ones before `before`; without either, the latest. Always answered in ascending sequence. */
export interface SequenceRange {
  after?: number;
  before?: number;
  limit: number;
}

export interface SequencePage<T> {
  /** Fewer than were asked for where these are more than an answer can hold (`PAGE_MAX_BYTES`). */
  items: T[];
  hasMore: boolean;
}

export interface ThreadView {
  root: MessageView;
  /** Of the whole thread, as is the last reply. */
  replyCount: number;
  lastReply: MessageView | null;
  replies: SequencePage<MessageView>;
}

/** Up to where a member has read. */
export type ReadMark = Pick<Member, 'userId' | 'readSequence'>;

export interface ChatHistory {
  listMessages(past: VisiblePast, range: SequenceRange): Promise<SequencePage<MessageView>>;
  /** Tombstones are found; what was deleted hard is not. */
  findMessage(past: VisiblePast, messageId: string): Promise<MessageView | null>;
  /** The earlier texts of a message, beyond `afterRevision` (0: from the first one), in ascending revision. */
  listRevisions(past: VisiblePast, messageId: string, afterRevision: number, limit: number): Promise<MessageRevision[]>;
  /** The message with the replies in its thread, if it is there to be seen. */
  findThread(past: VisiblePast, rootId: string, range: SequenceRange): Promise<ThreadView | null>;
  /**
   * Members whose read mark covers the message, without its sender and those who joined after it; by user id in code-unit order, beyond
   * `afterUserId`. Looks at every member: ask only where they are not too many.
   */
  listReaders(past: VisiblePast, messageId: string, afterUserId: string | null, limit: number): Promise<ReadMark[]>;
  listEvents(past: VisiblePast, after: number, limit: number): Promise<SequencePage<LoggedEvent>>;
}
