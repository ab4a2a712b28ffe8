/**
 * A chat and who is in it: state that only the owner of the chat's partition changes, under that partition's row.
 */
export type ChatKind = 'direct' | 'group' | 'channel';
export type Role = 'owner' | 'admin' | 'member' | 'reader';

/** Free-form JSON that belongs to the owner of the system; never looked into. */
export type Metadata = { [key: string]: unknown };

export interface Chat {
  chatId: string;
  tenantId: string;
  /** The partition whose owner alone changes this chat; null only until the next command places it anew. */
  partition: number | null;
  kind: ChatKind;
  title: string | null;
  metadata: Metadata;
  createdBy: string;
  createdAt: Date;
  archivedAt: Date | null;
  /** The number of the chat's latest event: 1, 2, 3 … without a gap. */
  lastSequence: number;
  /** How many messages the chat has ever had; the latest one's ordinal. Unread counts are differences of ordinals. */
  lastOrdinal: number;
  memberCount: number;
  ownerCount: number;
  lastActivityAt: Date;
}

export interface Member {
  chatId: string;
  userId: string;
  tenantId: string;
  role: Role;
  mutedUntil: Date | null;
  joinedAt: Date;
  /** The chat's sequence at which the member joined. */
  joinedSequence: number;
  /** The read mark: everything up to this sequence, and so to this ordinal, is read. */
  readSequence: number;
  readOrdinal: number;
}

export function isMuted(member: Pick<Member, 'mutedUntil'>, now: Date): boolean {
  return member.mutedUntil !== null && member.mutedUntil > now;
}
