/**
 * A chat and who is in it: state that only the owner of the chat's partition changes, under that partition's row.
 */
export type ChatKind = 'direct' | 'group' | 'channel';
export type Role = 'owner' | 'admin' | 'member' | 'reader';
/** What a member may see of the past: all of it, or what came from one's own joining on. */
export type HistoryVisibility = 'full' | 'since-joined';

/** Free-form JSON that belongs to the owner of the system; never looked into. */
export type Metadata = { [key: string]: unknown };

/** Where a chat belongs while it is being brought in from an archive: no owner's, and no command changes it. */
export const PARTITION_WHILE_IMPORTED = -1;

export interface Chat {
  chatId: string;
  tenantId: string;
  /** The partition whose owner alone changes this chat; null only until the next command places it anew. */
  partition: number | null;
  kind: ChatKind;
  title: string | null;
  metadata: Metadata;
  historyVisibility: HistoryVisibility;
  /** The number of the event that last changed `historyVisibility`; whoever keeps a copy of the chat starts it anew from there. */
  historySequence: number;
  createdBy: string;
  createdAt: Date;
  archivedAt: Date | null;
  /** The number of the event that last archived the chat or brought it back; 0: none has. */
  archiveSequence: number;
  /** The number of the chat's latest event: 1, 2, 3 … without a gap. */
  lastSequence: number;
  /** How many messages the chat has ever had; the latest one's ordinal. Unread counts are differences of ordinals. */
  lastOrdinal: number;
  memberCount: number;
  ownerCount: number;
  /** When the chat was created, or its latest message: what lists are sorted by. Edits, reactions and members who come and go do not count. */
  lastActivityAt: Date;
  /** Where the latest event stands in its partition's log: what syncing goes by. */
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
  /** The number of the event that changed the member's role last; what is not above `joinedSequence` says: none has. */
  roleSequence: number;
  /** The read mark: everything up to this sequence, and so to this ordinal, is read. */
  readSequence: number;
  readOrdinal: number;
  /**
   * Where the member's latest `chat.read`, `chat.hidden` or `chat.unhidden` stands in the partition's log; 0: there was
   * none. These events take no number of the chat: syncing finds them by this.
   */
  readPosition: number;
  /** The ordinal of the chat's latest message when the member hid the chat; null: the member has not. See `isHidden`. */
  hiddenOrdinal: number | null;
}

/** Whether the member has hidden the chat. A message that came later shows it again, without a write to the member. */
export function isHidden(chat: Pick<Chat, 'lastOrdinal'>, member: Pick<Member, 'hiddenOrdinal'>): boolean {
  return member.hiddenOrdinal !== null && member.hiddenOrdinal >= chat.lastOrdinal;
}

/** The number of the first event of the chat that the member may see. */
export function firstVisibleSequence(
  chat: Pick<Chat, 'historyVisibility'>,
  member: Pick<Member, 'joinedSequence'>,
): number {
  return chat.historyVisibility === 'full' ? 1 : member.joinedSequence;
}

/** Until when the member is muted; null: they are not. Whoever is not in the chat cannot be muted there. */
export function mutedUntil(member: Pick<Member, 'mutedUntil'> | null, now: Date): Date | null {
  const until = member?.mutedUntil ?? null;
  return until !== null && until > now ? until : null;
}

/** A new chat as its creator asks for it. */
export interface ChatDraft {
  chatId: string;
  tenantId: string;
  partition: number;
  kind: ChatKind;
  title: string | null;
  metadata: Metadata;
  historyVisibility: HistoryVisibility;
  creatorId: string;
  /** The others; repeats and the creator are left out. */
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
    // What was said before one joined counts as read.
    readSequence: chat.lastSequence,
    readOrdinal: chat.lastOrdinal,
    readPosition: 0,
    hiddenOrdinal: null,
  };
}

/**
 * A chat with its first members, as event number 1. The creator of a group or channel owns it; the two of a direct chat are equals, so
 * that it has no owner to lose.
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

/** The chat with its next number taken by a change: of itself, or of one of its messages. */
export function takeNumber(chat: Chat): Chat {
  return { ...chat, lastSequence: chat.lastSequence + 1 };
}

/** What of a chat may be changed; what is undefined stays as it is. */
export interface ChatChange {
  title?: string | null | undefined;
  metadata?: Metadata | undefined;
  historyVisibility?: HistoryVisibility | undefined;
}

export function updateChat(chat: Chat, change: ChatChange): Chat {
  const next = takeNumber(chat);
  if (change.title !== undefined) next.title = change.title;
  if (change.metadata !== undefined) next.metadata = change.metadata;
  if (change.historyVisibility !== undefined && change.historyVisibility !== chat.historyVisibility) {
    next.historyVisibility = change.historyVisibility;
    next.historySequence = next.lastSequence;
  }
  return next;
}

export function archiveChat(chat: Chat, now: Date): Chat {
  const next = takeNumber(chat);
  return { ...next, archivedAt: now, archiveSequence: next.lastSequence };
}

export function unarchiveChat(chat: Chat): Chat {
  const next = takeNumber(chat);
  return { ...next, archivedAt: null, archiveSequence: next.lastSequence };
}

/** Adds users who are not in the chat yet. */
export function addMembers(
  chat: Chat,
  userIds: readonly string[],
  role: Role,
  now: Date,
): { chat: Chat; members: Member[] } {
  const next = takeNumber(chat);
  next.memberCount += userIds.length;
  if (role === 'owner') next.ownerCount += userIds.length;
  return { chat: next, members: userIds.map((userId) => newMember(next, userId, role, now)) };
}

/** True if the chat would be left without an owner if this member went, or was one no longer. */
export function isLastOwner(chat: Chat, member: Member): boolean {
  return member.role === 'owner' && chat.ownerCount <= 1;
}

/** True if the member may not leave: others would be left without an owner. The only member leaves nobody behind. */
export function isNeededAsOwner(chat: Chat, member: Member): boolean {
  return isLastOwner(chat, member) && chat.memberCount > 1;
}

export function removeMember(chat: Chat, member: Member): Chat {
  const next = takeNumber(chat);
  next.memberCount -= 1;
  if (member.role === 'owner') next.ownerCount -= 1;
  return next;
}

/** The chat and the membership with another role or mute. */
export function updateMember(
  chat: Chat,
  member: Member,
  change: Pick<Member, 'role' | 'mutedUntil'>,
): { chat: Chat; member: Member } {
  const next = takeNumber(chat);
  next.ownerCount += Number(change.role === 'owner') - Number(member.role === 'owner');
  const roleSequence = change.role === member.role ? member.roleSequence : next.lastSequence;
  return { chat: next, member: { ...member, ...change, roleSequence } };
}

/** The chat and the sender's membership, if there is one, after a message: sending moves the sender's own read mark, and nobody else's. */
export function takeMessageNumber(chat: Chat, sender: Member | null, now: Date): { chat: Chat; sender: Member | null } {
  const next = { ...chat, lastSequence: chat.lastSequence + 1, lastOrdinal: chat.lastOrdinal + 1, lastActivityAt: now };
  if (sender === null) return { chat: next, sender };
  return { chat: next, sender: { ...sender, readSequence: next.lastSequence, readOrdinal: next.lastOrdinal } };
}
