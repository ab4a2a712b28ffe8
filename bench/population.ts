import { createHash } from 'node:crypto';
import { v4 } from 'uuid';

/** How many members a group has, and how many of a hundred groups are like that. */
export const GROUP_SIZES = [
  { members: 2, percent: 70 },
  { members: 10, percent: 20 },
  { members: 100, percent: 9 },
  { members: 1_000, percent: 1 },
] as const;

/** No fewer than the largest group has; else as many as there are chats, so that each is in a good twenty of them. */
const USERS_MIN = 1_000;
/** Coprime to a hundred: among any hundred chats in a row each size has its share, and none is always the busiest. */
const SIZE_STRIDE = 37;
const SIZE_OFFSET = 50;
/** A prime: chats next to each other have other members. */
const MEMBER_STRIDE = 7_919;

/** Who talks with whom in the bench: everything follows from the number of chats. The first member of each is its owner. */
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

  /** -1: none of these. */
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

  /** The number of the chat's first member; the others follow, and after the last user comes the first. */
  firstMember(index: number): number {
    return (index * MEMBER_STRIDE) % this.users;
  }

  member(index: number, nth: number): string {
    return `user-${(this.firstMember(index) + nth) % this.users}`;
  }

  /** Nobody's member. */
  get stranger(): string {
    return 'stranger';
  }
}
