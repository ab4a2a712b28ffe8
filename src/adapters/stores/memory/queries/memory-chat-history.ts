import type {
  ChatHistory,
  CoveringMark,
  MemberMarks,
  MessageView,
  SequencePage,
  SequenceRange,
  ThreadView,
  VisiblePast,
} from '../../../../application/ports/queries/chat-history.js';
import type { LoggedEvent } from '../../../../application/ports/store/log/event-log.js';
import { deliveredThrough } from '../../../../domain/chat.js';
import { asSeenFrom } from '../../../../domain/event.js';
import type { Message, MessageRevision } from '../../../../domain/message.js';
import { copy } from '../copy.js';
import { withPresentText } from '../memory-event-log.js';
import { byCodeUnit, type MemoryTables } from '../memory-tables.js';
import { viewOf, visibleMessages } from './memory-message-views.js';

export class MemoryChatHistory implements ChatHistory {
  constructor(private readonly tables: MemoryTables) {}

  async listMessages(past: VisiblePast, range: SequenceRange): Promise<SequencePage<MessageView>> {
    return this.page(past, visibleMessages(this.tables, past), range);
  }

  async findMessage(past: VisiblePast, messageId: string): Promise<MessageView | null> {
    const message = this.visible(past, messageId);
    return message === undefined ? null : copy(viewOf(this.tables, past, message));
  }

  async listRevisions(
    past: VisiblePast,
    messageId: string,
    afterRevision: number,
    limit: number,
  ): Promise<MessageRevision[]> {
    if (this.visible(past, messageId) === undefined) return [];
    const revisions = this.tables.revisions.get(messageId) ?? [];
    return copy(
      revisions
        .filter(({ revision }) => revision > afterRevision)
        .sort((a, b) => a.revision - b.revision)
        .slice(0, limit),
    );
  }

  async findThread(past: VisiblePast, rootId: string, range: SequenceRange): Promise<ThreadView | null> {
    const root = this.visible(past, rootId);
    if (root === undefined) return null;
    const replies = visibleMessages(this.tables, past).filter(({ threadRootId }) => threadRootId === rootId);
    const last = replies.at(-1);
    return {
      root: copy(viewOf(this.tables, past, root)),
      replyCount: this.tables.threads.get(rootId) ?? 0,
      lastReply: last === undefined ? null : copy(viewOf(this.tables, past, last)),
      replies: this.page(past, replies, range),
    };
  }

  async listReaders(
    past: VisiblePast,
    messageId: string,
    mark: CoveringMark,
    afterUserId: string | null,
    limit: number,
  ): Promise<MemberMarks[]> {
    const message = this.visible(past, messageId);
    if (message === undefined) return [];
    const { sequence, senderId } = message;
    return [...(this.tables.members.get(past.chatId)?.values() ?? [])]
      .filter(({ userId }) => userId !== senderId && (afterUserId === null || userId > afterUserId))
      .filter((member) => (mark === 'read' ? member.readSequence : deliveredThrough(member)) >= sequence)
      .filter(({ joinedSequence }) => joinedSequence <= sequence)
      .sort((a, b) => byCodeUnit(a.userId, b.userId))
      .slice(0, limit)
      .map(({ userId, readSequence, deliveredSequence }) => ({ userId, readSequence, deliveredSequence }));
  }

  async listEvents(
    { chatId, fromSequence }: VisiblePast,
    after: number,
    limit: number,
  ): Promise<SequencePage<LoggedEvent>> {
    const events = (this.tables.eventsOfChat.get(chatId) ?? []).filter(
      ({ sequence }) => (sequence ?? 0) > after && (sequence ?? 0) >= fromSequence,
    );
    const items = events.slice(0, limit).map((logged) => withPresentText(this.tables, logged));
    return {
      items: items.map((logged) => ({ ...logged, event: asSeenFrom(logged.event, fromSequence) })),
      hasMore: events.length > limit,
    };
  }

  private visible({ chatId, fromSequence }: VisiblePast, messageId: string): Message | undefined {
    const message = this.tables.messages.get(messageId);
    return message?.chatId === chatId && message.sequence >= fromSequence ? message : undefined;
  }

  private page(
    past: VisiblePast,
    among: Message[],
    { after, before, limit }: SequenceRange,
  ): SequencePage<MessageView> {
    const messages = among.filter(
      ({ sequence }) => sequence > (after ?? 0) && sequence < (before ?? Number.MAX_SAFE_INTEGER),
    );
    const items = after === undefined ? messages.slice(Math.max(0, messages.length - limit)) : messages.slice(0, limit);
    return copy({
      items: items.map((message) => viewOf(this.tables, past, message)),
      hasMore: messages.length > items.length,
    });
  }
}
