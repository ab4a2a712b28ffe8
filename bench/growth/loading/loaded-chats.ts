/**
 * The chats of a loaded store, their members, and their progress. Typed arrays, since there are millions of members.
 */
import { partitionOf } from '../../../src/adapters/transports/in-process/in-process-transport.js';
import { zipf } from '../../population/zipf.js';
import { Random } from './random.js';

export interface LoadSize {
  messages: number;
  chats: number;
  partitions: number;
  bodyBytes: number;
  seed: number;
  /** Time of the last message; the first one was LOAD_DAYS earlier. */
  until: Date;
}

export const TENANT_ID = 'default';
export const LOAD_DAYS = 180;
/** This user is a member of one in so many chats, in addition to their other members. */
export const BUSY_USER = 'busy';
export const BUSY_EVERY = 50;
/** Number of members, and how many of a thousand chats have that number. */
const GROUP_SIZES: readonly [members: number, share: number][] = [
  [2, 700],
  [10, 200],
  [100, 90],
  [1_000, 10],
];
/** Maximum number of members in one command. */
export const MEMBERS_A_COMMAND = 100;
const USERS_MIN = 2_000;

export class LoadedChats {
  readonly ids: string[];
  readonly partitions: Uint8Array;
  readonly sizes: Uint16Array;
  readonly lastSequence: Uint32Array;
  readonly lastOrdinal: Uint32Array;
  readonly lastPosition: Uint32Array;
  readonly lastActivityAt: Float64Array;
  /** Members of all chats, chat by chat: `memberOffset(chat) + index`. */
  readonly joinedSequence: Uint32Array;
  readonly readSequence: Uint32Array;
  readonly readOrdinal: Uint32Array;
  readonly readPosition: Uint32Array;
  /** Picks a chat with the probability of its traffic. */
  readonly pick: () => number;
  private readonly users: number;
  private readonly firstUser: Uint32Array;
  private readonly offsets: Uint32Array;

  constructor({ chats, partitions, seed }: LoadSize) {
    const random = new Random(seed);
    this.users = Math.max(USERS_MIN, chats);
    this.ids = Array.from({ length: chats }, () => random.uuid());
    this.partitions = Uint8Array.from(this.ids, (id) => partitionOf(id, partitions));
    this.sizes = Uint16Array.from(
      { length: chats },
      (_, chat) => groupSize(random.below(1_000)) + Number(isBusy(chat)),
    );
    this.firstUser = Uint32Array.from({ length: chats }, () => random.below(this.users));
    this.offsets = new Uint32Array(chats + 1);
    for (let chat = 0; chat < chats; chat += 1) this.offsets[chat + 1] = this.offset(chat) + (this.sizes[chat] ?? 0);
    const perChat = () => new Uint32Array(chats);
    const perMember = () => new Uint32Array(this.members);
    [this.lastSequence, this.lastOrdinal, this.lastPosition] = [perChat(), perChat(), perChat()];
    this.lastActivityAt = new Float64Array(chats);
    [this.joinedSequence, this.readSequence] = [perMember(), perMember()];
    [this.readOrdinal, this.readPosition] = [perMember(), perMember()];
    this.pick = zipf(chats, seed);
  }

  get members(): number {
    return this.offset(this.ids.length);
  }

  /** Index of the chat's first member. */
  offset(chat: number): number {
    return this.offsets[chat] ?? 0;
  }

  /** The first member is the owner; the last one is the busy user. */
  user(chat: number, index: number): string {
    if (isBusy(chat) && index === (this.sizes[chat] ?? 0) - 1) return BUSY_USER;
    return `user-${((this.firstUser[chat] ?? 0) + index) % this.users}`;
  }
}

const isBusy = (chat: number) => chat % BUSY_EVERY === 0;

function groupSize(permille: number): number {
  let passed = 0;
  for (const [members, share] of GROUP_SIZES) {
    passed += share;
    if (permille < passed) return members;
  }
  return 2;
}
