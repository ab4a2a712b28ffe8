import type { RealtimeReads, UserMembership } from '../../../../application/ports/queries/realtime-reads.js';
import { type UserKey, userKey } from '../../../../application/ports/store/command-store.js';
import type { MemoryTables } from '../memory-tables.js';

export class MemoryRealtimeReads implements RealtimeReads {
  constructor(private readonly tables: MemoryTables) {}

  async cut() {
    const rows = [...this.tables.partitions.values()].sort((a, b) => a.partition - b.partition);
    const positions = rows.map(({ position }) => position);
    return { storeId: this.tables.storeId, cut: { positions, imports: this.tables.imports } };
  }

  async memberships(users: readonly UserKey[], chatId?: string): Promise<UserMembership[]> {
    return users.flatMap(({ tenantId, userId }) => {
      const chatIds = [...(this.tables.chatsOfUser.get(userKey({ tenantId, userId })) ?? [])];
      return chatIds.flatMap((id) => {
        const chat = this.tables.chats.get(id);
        const member = this.tables.members.get(id)?.get(userId);
        if (chat === undefined || member === undefined || (chatId !== undefined && id !== chatId)) return [];
        const { kind, historyVisibility, memberCount, lastSequence } = chat;
        const { joinedSequence } = member;
        return [{ tenantId, userId, chatId: id, kind, historyVisibility, memberCount, lastSequence, joinedSequence }];
      });
    });
  }

  async acquaintances({ tenantId, userId }: UserKey, userIds: readonly string[], membersMax: number) {
    const chats = [...(this.tables.chatsOfUser.get(userKey({ tenantId, userId })) ?? [])].filter(
      (id) => (this.tables.chats.get(id)?.memberCount ?? 0) <= membersMax,
    );
    return userIds
      .filter((other) => this.tables.users.get(userKey({ tenantId, userId: other }))?.presence !== 'hidden')
      .filter((other) => chats.some((id) => this.tables.members.get(id)?.has(other) === true));
  }
}
