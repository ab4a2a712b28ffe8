/** What a gateway reads of the store, besides the pages of sync and the log. */
import type { Chat, Member } from '../../../domain/chat.js';
import type { UserKey } from '../store/command-store.js';
import type { Cut } from './sync-log.js';

/** One membership of a user with what a gateway must know of the chat, as of one moment. */
export interface UserMembership {
  tenantId: string;
  userId: string;
  chatId: string;
  kind: Chat['kind'];
  historyVisibility: Chat['historyVisibility'];
  memberCount: number;
  /** The chat's sequence at that moment: later events of the chat are not in this row. */
  lastSequence: number;
  joinedSequence: Member['joinedSequence'];
}

export interface RealtimeReads {
  /** The current moment of the log and the store's id, in one snapshot. */
  cut(): Promise<{ storeId: string; cut: Cut }>;
  /** All memberships of these users, or only those in one chat, in one snapshot. */
  memberships(users: readonly UserKey[], chatId?: string): Promise<UserMembership[]>;
  /**
   * Those of `userIds` who share a chat of at most `membersMax` members with the user, without those who hide their
   * presence.
   */
  acquaintances(user: UserKey, userIds: readonly string[], membersMax: number): Promise<string[]>;
}
