import type {
  Caller,
  ChatListFilter,
  ChatListItem,
  ChatListPosition,
  ChatQueries,
  ChatView,
  UnreadCount,
} from '../../application/ports/chat-queries.js';
import { type ReceiptKey, receiptKey, type UserKey, userKey } from '../../application/ports/command-store.js';
import type { Receipt } from '../../contract/receipts.js';
import type { Member } from '../../domain/chat.js';
import type { User } from '../../domain/user.js';
import { copy } from './copy.js';
import { lastVisibleMessage } from './memory-message-views.js';
import { byCodeUnit, entry, type MemoryWorld } from './memory-world.js';

export class MemoryChatQueries implements ChatQueries {
  constructor(private readonly world: MemoryWorld) {}

  async listChats(
    caller: Caller,
    { kind, archived }: ChatListFilter,
    from: ChatListPosition | null,
    limit: number,
  ): Promise<ChatListItem[]> {
    return this.views(caller)
      .filter(({ chat }) => kind === undefined || chat.kind === kind)
      .filter(({ chat }) => archived === undefined || (chat.archivedAt !== null) === archived)
      .filter(({ chat }) => from === null || newestFirst(from, chat) < 0)
      .sort((a, b) => newestFirst(a.chat, b.chat))
      .slice(0, limit)
      .map((view) => copy({ ...view, lastMessage: lastVisibleMessage(this.world, view) }));
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

  async countUnread(caller: Caller): Promise<UnreadCount[]> {
    const counts = new Map<string, UnreadCount>();
    for (const { chat, membership } of this.views(caller)) {
      const unread = chat.lastOrdinal - membership.readOrdinal;
      if (unread <= 0) continue;
      const { kind } = chat;
      const { role } = membership;
      const archived = chat.archivedAt !== null;
      const count = entry(counts, `${kind} ${archived} ${role}`, () => ({
        ...{ kind, archived, role },
        ...{ unreadCount: 0, chatCount: 0 },
      }));
      count.unreadCount += unread;
      count.chatCount += 1;
    }
    return [...counts.values()];
  }

  async findReceipt(key: ReceiptKey): Promise<Receipt | null> {
    return copy(this.world.receipts.get(receiptKey(key))?.receipt ?? null);
  }

  async findUser(key: UserKey): Promise<User | null> {
    return copy(this.world.users.get(userKey(key)) ?? null);
  }

  private views(caller: Caller): ChatView[] {
    return [...(this.world.chatsOfUser.get(userKey(caller)) ?? [])].flatMap((chatId) => {
      const view = this.view(caller, chatId);
      return view === null ? [] : [view];
    });
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
