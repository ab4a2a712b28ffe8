import type {
  Caller,
  ChatListFilter,
  ChatListItem,
  ChatListPosition,
  ChatQueries,
  ChatView,
  UnreadTotal,
  UserMatch,
  UserPosition,
  UserSearch,
  VisibleChats,
} from '../../../../application/ports/queries/chat-queries.js';
import {
  type ReceiptKey,
  receiptKey,
  type StoredReceipt,
  type UserKey,
  userKey,
} from '../../../../application/ports/store/command-store.js';
import { isHidden, type Member } from '../../../../domain/chat.js';
import { nameKey, type User } from '../../../../domain/user.js';
import { copy } from '../copy.js';
import { byCodePoint, byCodeUnit, type MemoryTables } from '../memory-tables.js';
import { lastVisibleMessage } from './memory-message-views.js';
import { isVisible } from './memory-visible-chats.js';

export class MemoryChatQueries implements ChatQueries {
  constructor(private readonly tables: MemoryTables) {}

  async listChats(
    caller: Caller,
    visible: VisibleChats,
    filter: ChatListFilter,
    from: ChatListPosition | null,
    limit: number,
  ): Promise<ChatListItem[]> {
    return this.listed(caller, visible, filter)
      .filter(({ chat }) => from === null || newestFirst(from, chat) < 0)
      .sort((a, b) => newestFirst(a.chat, b.chat))
      .slice(0, limit)
      .map((view) => this.item(view));
  }

  async listChatsAbove(
    caller: Caller,
    visible: VisibleChats,
    filter: ChatListFilter,
    above: ChatListPosition,
    limit: number,
  ): Promise<ChatListItem[]> {
    return this.listed(caller, visible, filter)
      .filter(({ chat }) => newestFirst(chat, above) < 0)
      .sort((a, b) => newestFirst(b.chat, a.chat))
      .slice(0, limit)
      .map((view) => this.item(view));
  }

  private listed(
    caller: Caller,
    visible: VisibleChats,
    { kind, archived, hidden = false }: ChatListFilter,
  ): ChatView[] {
    return this.views(caller, visible)
      .filter(({ chat, membership }) => isHidden(chat, membership) === hidden)
      .filter(({ chat }) => kind === undefined || chat.kind === kind)
      .filter(({ chat }) => archived === undefined || (chat.archivedAt !== null) === archived);
  }

  private item(view: ChatView): ChatListItem {
    return copy({ ...view, lastMessage: lastVisibleMessage(this.tables, view) });
  }

  async findChat(caller: Caller, chatId: string): Promise<ChatView | null> {
    return copy(this.view(caller, chatId));
  }

  async listMembers(chatId: string, afterUserId: string | null, limit: number): Promise<Member[]> {
    const members = [...(this.tables.members.get(chatId)?.values() ?? [])];
    return copy(
      members
        .filter(({ userId }) => afterUserId === null || userId > afterUserId)
        .sort((a, b) => byCodeUnit(a.userId, b.userId))
        .slice(0, limit),
    );
  }

  async countUnread(caller: Caller, visible: VisibleChats): Promise<UnreadTotal> {
    const unread = this.views(caller, visible)
      .filter(({ chat, membership }) => !isHidden(chat, membership))
      .map(({ chat, membership }) => chat.lastOrdinal - membership.readOrdinal)
      .filter((count) => count > 0);
    return { unreadCount: unread.reduce((total, count) => total + count, 0), chatCount: unread.length };
  }

  async findReceipt(key: ReceiptKey): Promise<StoredReceipt | null> {
    const stored = this.tables.receipts.get(receiptKey(key));
    return stored === undefined ? null : copy({ contentHash: stored.contentHash, receipt: stored.receipt });
  }

  async findUser(key: UserKey): Promise<User | null> {
    return copy(this.tables.users.get(userKey(key)) ?? null);
  }

  async findUsers(tenantId: string, userIds: readonly string[]): Promise<Map<string, User>> {
    const found = new Map<string, User>();
    for (const userId of userIds) {
      const user = this.tables.users.get(userKey({ tenantId, userId }));
      if (user !== undefined) found.set(userId, copy(user));
    }
    return found;
  }

  async searchUsers(
    { tenantId, kinds, prefix }: UserSearch,
    after: UserPosition | null,
    limit: number,
  ): Promise<UserMatch[]> {
    return [...this.tables.users.values()]
      .filter((user) => user.tenantId === tenantId && kinds.includes(user.kind))
      .flatMap(({ claims: _, ...profile }): UserMatch[] => {
        const { userId } = profile;
        const keys = [...new Set([nameKey(profile.displayName), userId.toLowerCase()])];
        const [first, second] = keys.filter((key) => key.startsWith(prefix)).sort(byCodePoint);
        return [
          ...(first === undefined ? [] : [{ key: first, userId, profile: copy(profile) }]),
          ...(second === undefined ? [] : [{ key: second, userId, profile: null }]),
        ];
      })
      .filter((match) => after === null || byPosition(match, after) > 0)
      .sort(byPosition)
      .slice(0, limit);
  }

  private views(caller: Caller, visible: VisibleChats): ChatView[] {
    return [...(this.tables.chatsOfUser.get(userKey(caller)) ?? [])].flatMap((chatId) => {
      const view = this.view(caller, chatId);
      return view !== null && isVisible(visible, view) ? [view] : [];
    });
  }

  private view({ tenantId, userId }: Caller, chatId: string): ChatView | null {
    const chat = this.tables.chats.get(chatId);
    const membership = this.tables.members.get(chatId)?.get(userId);
    return chat === undefined || membership === undefined || chat.tenantId !== tenantId ? null : { chat, membership };
  }
}

function byPosition(a: UserPosition, b: UserPosition): number {
  return byCodePoint(a.key, b.key) || byCodeUnit(a.userId, b.userId);
}

function newestFirst(a: ChatListPosition, b: ChatListPosition): number {
  return b.lastActivityAt.getTime() - a.lastActivityAt.getTime() || byCodeUnit(a.chatId, b.chatId);
}
