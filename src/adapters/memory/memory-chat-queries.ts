import type {
  Caller,
  ChatListFilter,
  ChatListItem,
  ChatListPosition,
  ChatQueries,
  ChatView,
  MessageView,
  SequencePage,
  SequenceRange,
} from '../../application/ports/chat-queries.js';
import { type ReceiptKey, receiptKey, type UserKey, userKey } from '../../application/ports/command-store.js';
import type { LoggedEvent } from '../../application/ports/event-log.js';
import type { Receipt } from '../../contract/receipts.js';
import type { Member } from '../../domain/chat.js';
import type { Message } from '../../domain/message.js';
import type { User } from '../../domain/user.js';
import { copy } from './copy.js';
import { withPresentText } from './memory-event-log.js';
import { byCodeUnit, type MemoryWorld } from './memory-world.js';

export class MemoryChatQueries implements ChatQueries {
  constructor(private readonly world: MemoryWorld) {}

  async listChats(
    caller: Caller,
    { kind, archived }: ChatListFilter,
    from: ChatListPosition | null,
    limit: number,
  ): Promise<ChatListItem[]> {
    const views = [...(this.world.chatsOfUser.get(userKey(caller)) ?? [])].flatMap((chatId) => {
      const view = this.view(caller, chatId);
      return view === null ? [] : [view];
    });
    return views
      .filter(({ chat }) => kind === undefined || chat.kind === kind)
      .filter(({ chat }) => archived === undefined || (chat.archivedAt !== null) === archived)
      .filter(({ chat }) => from === null || newestFirst(from, chat) < 0)
      .sort((a, b) => newestFirst(a.chat, b.chat))
      .slice(0, limit)
      .map((view) => copy({ ...view, lastMessage: this.lastMessage(view.chat.chatId) }));
  }

  async findChat(caller: Caller, chatId: string): Promise<ChatView | null> {
    return copy(this.view(caller, chatId));
  }

  async listMembers(chatId: string, afterUserId: string | null, limit: number): Promise<Member[]> {
    const members = [...(this.world.members.get(chatId)?.values() ?? [])];
    return copy(
      members
        .filter(({ userId }) => afterUserId === null || userId > afterUserId)
        .sort((a, b) => byCodeUnit(a.userId, b.userId))
        .slice(0, limit),
    );
  }

  async listMessages(chatId: string, { after, before, limit }: SequenceRange): Promise<SequencePage<MessageView>> {
    const messages = (this.world.messagesOfChat.get(chatId) ?? []).filter(
      ({ sequence }) => sequence > (after ?? 0) && sequence < (before ?? Number.MAX_SAFE_INTEGER),
    );
    const items = after === undefined ? messages.slice(Math.max(0, messages.length - limit)) : messages.slice(0, limit);
    return copy({
      items: items.map((message) => this.withCommandId(message)),
      hasMore: messages.length > items.length,
    });
  }

  async findMessage(chatId: string, messageId: string): Promise<MessageView | null> {
    const message = this.world.messages.get(messageId);
    return message?.chatId === chatId ? copy(this.withCommandId(message)) : null;
  }

  async listEvents(chatId: string, after: number, limit: number): Promise<SequencePage<LoggedEvent>> {
    const events = (this.world.eventsOfChat.get(chatId) ?? []).filter(({ sequence }) => (sequence ?? 0) > after);
    const items = events.slice(0, limit).map((event) => withPresentText(this.world, event));
    return { items, hasMore: events.length > limit };
  }

  async findReceipt(key: ReceiptKey): Promise<Receipt | null> {
    return copy(this.world.receipts.get(receiptKey(key))?.receipt ?? null);
  }

  async findUser(key: UserKey): Promise<User | null> {
    return copy(this.world.users.get(userKey(key)) ?? null);
  }

  private lastMessage(chatId: string): MessageView | null {
    const message = this.world.messagesOfChat.get(chatId)?.at(-1);
    return message === undefined ? null : this.withCommandId(message);
  }

  private withCommandId(message: Message): MessageView {
    const event = this.world.eventsOfChat.get(message.chatId)?.find(({ sequence }) => sequence === message.sequence);
    if (event === undefined) throw new Error(`message ${message.messageId} has no event`);
    return { ...message, commandId: event.commandId };
  }

  private view({ tenantId, userId }: Caller, chatId: string): ChatView | null {
    const chat = this.world.chats.get(chatId);
    const membership = this.world.members.get(chatId)?.get(userId);
    return chat === undefined || membership === undefined || chat.tenantId !== tenantId ? null : { chat, membership };
  }
}

function newestFirst(a: ChatListPosition, b: ChatListPosition): number {
  return b.lastActivityAt.getTime() - a.lastActivityAt.getTime() || byCodeUnit(a.chatId, b.chatId);
}
