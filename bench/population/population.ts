import { createHash } from 'node:crypto';
import { v4 } from 'uuid';

/** Sizes of groups, and their shares in percent. */
export const GROUP_SIZES = [
  { members: 2, percent: 70 },
  { members: 10, percent: 20 },
  { members: 100, percent: 9 },
  { members: 1_000, percent: 1 },
] as const;

/**
 * At least the members of the largest group; otherwise as many users as chats, so that each user is in more than
 * twenty.
 */
const USERS_MIN = 1_000;
/**
 * Coprime to a hundred: any hundred consecutive chats have all sizes in their shares, and no size is always the
 * busiest.
 */
const SIZE_STRIDE = 37;
const SIZE_OFFSET = 50;
/** A prime number, so that neighbouring chats have different members. */
const MEMBER_STRIDE = 7_919;

/** The users and chats of the bench, computed from the number of chats. The first member of each chat is its owner. */
export class Population {
  readonly chatIds: readonly string[];
  readonly users: number;
  private readonly indexes: ReadonlyMap<string, number>;

  constructor(readonly chats: number) {
    this.chatIds = Array.from({ length: chats }, (_, index) =>
      v4({ random: createHash('sha256').update(`chat ${index}`).digest() }),
    );
    this.users = Math.max(USERS_MIN, chats);
    this.indexes = new Map(this.chatIds.map((chatId, index) => [chatId, index]));
  }

  /** -1: not one of these chats. */
  indexOf(chatId: string): number {
    return this.indexes.get(chatId) ?? -1;
  }

  chatId(index: number): string {
    return this.chatIds[index] ?? '';
  }

  size(index: number): number {
    let place = (index * SIZE_STRIDE + SIZE_OFFSET) % 100;
    for (const { members, percent } of GROUP_SIZES) {
      if (place < percent) return members;
      place -= percent;
    }
    return 0;
  }

  /** The number of the chat's first member. The other members follow; the first user comes after the last one. */
  firstMember(index: number): number {
    return (index * MEMBER_STRIDE) % this.users;
  }

  member(index: number, nth: number): string {
    return `user-${(this.firstMember(index) + nth) % this.users}`;
  }

  /** A user who is a member of no chat. */
  get stranger(): string {
    return 'stranger';
  }
}
