/**
 * A chat and its members. Only the owner of the chat's partition changes them, and it locks the partition's row for
 * that.
 */
export type ChatKind = 'direct' | 'group' | 'channel';
export type Role = 'owner' | 'admin' | 'member' | 'reader';
/** Which events a member may see: all of them, or those since the member joined. */
export type HistoryVisibility = 'full' | 'since-joined';

/** Free-form JSON of the application. The core never reads it. */
export type Metadata = { [key: string]: unknown };

/** The partition of a chat during its import from an archive. It has no owner, and no command changes the chat. */
export const PARTITION_WHILE_IMPORTED = -1;

export interface Chat {
  chatId: string;
  tenantId: string;
  /** The partition whose owner alone changes this chat. Null only until the next command assigns one. */
  partition: number | null;
  kind: ChatKind;
  title: string | null;
  metadata: Metadata;
  historyVisibility: HistoryVisibility;
  /**
   * The sequence of the event that last changed `historyVisibility`. A client that keeps a copy of the chat must load
   * it again from there.
   */
  historySequence: number;
  createdBy: string;
  createdAt: Date;
  archivedAt: Date | null;
  /** The sequence of the event that last archived or unarchived the chat. 0 if there is none. */
  archiveSequence: number;
  /** The sequence of the chat's latest event: 1, 2, 3 … without gaps. */
  lastSequence: number;
  /**
   * The number of messages that the chat has ever had, which is the ordinal of the latest one. Unread counts are
   * differences of ordinals.
   */
  lastOrdinal: number;
  memberCount: number;
  ownerCount: number;
  /**
   * When the chat was created or got its latest message. Lists are sorted by it. Edits, reactions and membership
   * changes do not affect it.
   */
  lastActivityAt: Date;
  /** The position of the chat's latest event in the partition's log. Syncing uses it. */
  lastPosition: number;
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
  /**
   * The sequence of the event that last changed the member's role. A value up to `joinedSequence` means that the role
   * never changed.
   */
  roleSequence: number;
  /** The read mark: everything up to this sequence, and so up to `readOrdinal`, is read. */
  readSequence: number;
  readOrdinal: number;
  /**
   * The delivery mark: everything up to this sequence has reached a device of the member. See `deliveredThrough`. 0 if
   * there is none.
   */
  deliveredSequence: number;
  /**
   * The position of the member's latest `chat.read`, `chat.hidden` or `chat.unhidden` in the partition's log. 0 if
   * there is none. These events have no sequence in the chat, so syncing finds them by this position.
   */
  readPosition: number;
  /**
   * The ordinal of the chat's latest message when the member hid the chat. Null if the member has not hidden it. See
   * `isHidden`.
   */
  hiddenOrdinal: number | null;
}

/** Whether the chat is hidden for the member. A later message shows it again, without a write to the member's row. */
export function isHidden(chat: Pick<Chat, 'lastOrdinal'>, member: Pick<Member, 'hiddenOrdinal'>): boolean {
  return member.hiddenOrdinal !== null && member.hiddenOrdinal >= chat.lastOrdinal;
}

/** What has reached the member: what they have read has, too. */
export function deliveredThrough({
  readSequence,
  deliveredSequence,
}: Pick<Member, 'readSequence' | 'deliveredSequence'>): number {
  return Math.max(readSequence, deliveredSequence);
}

/** The sequence of the first event of the chat that the member may see. */
export function firstVisibleSequence(
  chat: Pick<Chat, 'historyVisibility'>,
  member: Pick<Member, 'joinedSequence'>,
): number {
  return chat.historyVisibility === 'full' ? 1 : member.joinedSequence;
}

/** The time until which the member is muted. Null if not muted. A user who is not in the chat is never muted. */
export function mutedUntil(member: Pick<Member, 'mutedUntil'> | null, now: Date): Date | null {
  const until = member?.mutedUntil ?? null;
  return until !== null && until > now ? until : null;
}

/** A new chat as its creator requests it. */
export interface ChatDraft {
  chatId: string;
  tenantId: string;
  partition: number;
  kind: ChatKind;
  title: string | null;
  metadata: Metadata;
  historyVisibility: HistoryVisibility;
  creatorId: string;
  /** The other members. Duplicates and the creator are ignored. */
  memberIds: readonly string[];
}

function newMember(chat: Chat, userId: string, role: Role, now: Date): Member {
  return {
    chatId: chat.chatId,
    userId,
    tenantId: chat.tenantId,
    role,
    mutedUntil: null,
    joinedAt: now,
    joinedSequence: chat.lastSequence,
    roleSequence: 0,
    // Messages from before the member joined count as read.
    readSequence: chat.lastSequence,
    readOrdinal: chat.lastOrdinal,
    deliveredSequence: 0,
    readPosition: 0,
    hiddenOrdinal: null,
  };
}

/**
 * Creates a chat and its first members; the event has sequence 1. The creator of a group or channel is its owner. The
 * two members of a direct chat have equal roles, so it never loses an owner.
 */
export function createChat(draft: ChatDraft, now: Date): { chat: Chat; members: Member[] } {
  const { memberIds, creatorId, ...rest } = draft;
  const others = [...new Set(memberIds)].filter((userId) => userId !== creatorId);
  const chat: Chat = {
    ...rest,
    historySequence: 0,
    createdBy: creatorId,
    createdAt: now,
    archivedAt: null,
    archiveSequence: 0,
    lastSequence: 1,
    lastOrdinal: 0,
    memberCount: others.length + 1,
    ownerCount: draft.kind === 'direct' ? 0 : 1,
    lastActivityAt: now,
    lastPosition: 0,
  };
  const creator = newMember(chat, creatorId, draft.kind === 'direct' ? 'member' : 'owner', now);
  return { chat, members: [creator, ...others.map((userId) => newMember(chat, userId, 'member', now))] };
}

/** The chat with its next sequence, which a change of the chat or of one of its messages takes. */
export function takeSequence(chat: Chat): Chat {
  return { ...chat, lastSequence: chat.lastSequence + 1 };
}

/** The fields of a chat that can change. Undefined fields stay as they are. */
export interface ChatChange {
  title?: string | null | undefined;
  metadata?: Metadata | undefined;
  historyVisibility?: HistoryVisibility | undefined;
}

export function updateChat(chat: Chat, change: ChatChange): Chat {
  const next = takeSequence(chat);
  if (change.title !== undefined) next.title = change.title;
  if (change.metadata !== undefined) next.metadata = change.metadata;
  if (change.historyVisibility !== undefined && change.historyVisibility !== chat.historyVisibility) {
    next.historyVisibility = change.historyVisibility;
    next.historySequence = next.lastSequence;
  }
  return next;
}

export function archiveChat(chat: Chat, now: Date): Chat {
  const next = takeSequence(chat);
  return { ...next, archivedAt: now, archiveSequence: next.lastSequence };
}

export function unarchiveChat(chat: Chat): Chat {
  const next = takeSequence(chat);
  return { ...next, archivedAt: null, archiveSequence: next.lastSequence };
}

/**
 * The users must not be in the chat yet. `formerMutes` has the mutes of users who left the chat while muted. A mute
 * continues if it has not ended, so that a user cannot end it by leaving.
 */
export function addMembers(
  chat: Chat,
  userIds: readonly string[],
  role: Role,
  now: Date,
  formerMutes: ReadonlyMap<string, Date> = new Map(),
): { chat: Chat; members: Member[] } {
  const next = takeSequence(chat);
  next.memberCount += userIds.length;
  if (role === 'owner') next.ownerCount += userIds.length;
  const members = userIds.map((userId) => {
    const formerly = { mutedUntil: formerMutes.get(userId) ?? null };
    return { ...newMember(next, userId, role, now), mutedUntil: mutedUntil(formerly, now) };
  });
  return { chat: next, members };
}

/** True if the chat would have no owner without this member. */
export function isLastOwner(chat: Chat, member: Member): boolean {
  return member.role === 'owner' && chat.ownerCount <= 1;
}

/** True if the member may not leave because the other members would have no owner. The only member may always leave. */
export function isNeededAsOwner(chat: Chat, member: Member): boolean {
  return isLastOwner(chat, member) && chat.memberCount > 1;
}

export function removeMember(chat: Chat, member: Member): Chat {
  const next = takeSequence(chat);
  next.memberCount -= 1;
  if (member.role === 'owner') next.ownerCount -= 1;
  return next;
}

/** Returns the chat and the membership with the new role or mute. */
export function updateMember(
  chat: Chat,
  member: Member,
  change: Pick<Member, 'role' | 'mutedUntil'>,
): { chat: Chat; member: Member } {
  const next = takeSequence(chat);
  next.ownerCount += Number(change.role === 'owner') - Number(member.role === 'owner');
  const roleSequence = change.role === member.role ? member.roleSequence : next.lastSequence;
  return { chat: next, member: { ...member, ...change, roleSequence } };
}

/**
 * Returns the chat and, if there is one, the sender's membership after a message. Sending moves the sender's own read
 * mark and no other.
 */
export function takeMessageSequence(
  chat: Chat,
  sender: Member | null,
  now: Date,
): { chat: Chat; sender: Member | null } {
  const next = { ...chat, lastSequence: chat.lastSequence + 1, lastOrdinal: chat.lastOrdinal + 1, lastActivityAt: now };
  if (sender === null) return { chat: next, sender };
  return { chat: next, sender: { ...sender, readSequence: next.lastSequence, readOrdinal: next.lastOrdinal } };
}
