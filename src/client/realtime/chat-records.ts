/** What a `ChatStore` keeps of a chat and of a message, and what each event does to it. */
import type { ChatKind, DeleteMode, Role } from '../../contract/messages/commands.js';
import type { RestChat, RestMessage } from '../../contract/rest/responses.js';
import type { FeedEvent } from './feed.js';

/** Maximum number of members, and of read and delivery marks, that are kept of a chat. REST has all. */
export const MEMBERS_KEPT_MAX = 1_000;
const DEFAULT_CONTENT_TYPE = 'text/plain';

export interface MemberRecord {
  role: Role;
  mutedUntil: string | null;
}

export interface ChatRecord {
  readonly chatId: string;
  /**
   * The chat as REST shows it, kept up to date by events. Null until the first page of sync has it: after joining, and
   * for clients that began with `now`.
   */
  readonly state: RestChat | null;
  /** Events up to this sequence are in `state` already. */
  readonly stateSequence: number;
  /** The first and the last sequence of the events that were applied. 0: none. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Members by user id, as far as the events of the client tell. */
  readonly members: ReadonlyMap<string, MemberRecord>;
  /** False: there are members that the client was not told of, or too many. REST lists them. */
  readonly hasAllMembers: boolean;
  /** Read marks by user id: everything up to this sequence is read. Marks from before the connection are missing. */
  readonly readMarks: ReadonlyMap<string, number>;
  readonly deliveryMarks: ReadonlyMap<string, number>;
}

export interface MessageRecord {
  readonly chatId: string;
  readonly sequence: number;
  readonly messageId: string;
  readonly senderId: string;
  /** Null: deleted. */
  readonly body: string | null;
  readonly contentType: string;
  readonly inReplyTo: string | null;
  readonly threadRootId: string | null;
  readonly mentions: RestMessage['mentions'];
  readonly attachments: RestMessage['attachments'];
  readonly metadata: RestMessage['metadata'];
  readonly createdAt: string;
  readonly revision: number;
  readonly editedAt: string | null;
  readonly deletedAt: string | null;
  /** `hard`: REST does not show the message at all. */
  readonly deleted: DeleteMode | null;
  /** In the order of their first use. */
  readonly reactions: readonly { readonly emoji: string; readonly count: number; readonly mine: boolean }[];
}

export function newChat(chatId: string): ChatRecord {
  return {
    ...{ chatId, state: null, stateSequence: 0, firstSequence: 0, lastSequence: 0 },
    ...{ members: new Map(), hasAllMembers: false, readMarks: new Map(), deliveryMarks: new Map() },
  };
}

/** The present state, as a page of sync has it. It can be newer than the events that were applied. */
export function withState(chat: ChatRecord, state: RestChat): ChatRecord {
  return { ...chat, state, stateSequence: state.lastSequence };
}

/** The message of `message.created`. Null for any other event. */
export function createdMessage(event: FeedEvent): MessageRecord | null {
  if (event.type !== 'message.created') return null;
  const { data } = event;
  return {
    ...{ chatId: data.chatId, sequence: data.sequence, messageId: data.messageId, senderId: data.senderId },
    ...{ body: data.body, contentType: data.contentType, inReplyTo: data.inReplyTo, threadRootId: data.threadRootId },
    ...{ mentions: data.mentions, attachments: data.attachments, metadata: data.metadata, createdAt: data.createdAt },
    ...{ revision: 1, editedAt: null, deletedAt: null, deleted: null, reactions: [] },
  };
}

/** The message that an event changes. `sequence` is undefined in events of earlier releases. */
export function changedMessage({
  type,
  data,
}: FeedEvent): { chatId: string; messageId: string; sequence: number | undefined } | null {
  switch (type) {
    case 'message.edited':
    case 'message.deleted':
    case 'message.reacted':
    case 'message.unreacted': {
      const { chatId, messageId, messageSequence: sequence } = data;
      return { chatId, messageId, sequence };
    }
    default:
      return null;
  }
}

export function changeMessage(message: MessageRecord, { type, data }: FeedEvent, self: string): MessageRecord {
  switch (type) {
    case 'message.edited': {
      const { body, mentions, metadata, revision, editedAt } = data;
      return { ...message, body, mentions, metadata, revision, editedAt };
    }
    case 'message.deleted': {
      const { mode: deleted, deletedAt } = data;
      const erased = { ...message, body: null, mentions: [], attachments: [], metadata: {}, deleted, deletedAt };
      if (deleted === 'soft') return erased;
      // What REST still knows of the message.
      const nothing = { contentType: DEFAULT_CONTENT_TYPE, inReplyTo: null, threadRootId: null };
      return { ...erased, ...nothing, revision: 1, editedAt: null, reactions: [] };
    }
    case 'message.reacted':
      return data.emoji === null ? message : react(message, data.emoji, 1, data.userId === self);
    case 'message.unreacted':
      return data.emoji === null ? message : react(message, data.emoji, -1, data.userId === self);
    default:
      return message;
  }
}

function react(message: MessageRecord, emoji: string, by: 1 | -1, isSelf: boolean): MessageRecord {
  const before = message.reactions.find((reaction) => reaction.emoji === emoji);
  const count = (before?.count ?? 0) + by;
  const mine = isSelf ? by === 1 : (before?.mine ?? false);
  if (before === undefined) return { ...message, reactions: [...message.reactions, { emoji, count, mine }] };
  const reactions = message.reactions.flatMap((reaction) =>
    reaction !== before ? [reaction] : count > 0 ? [{ emoji, count, mine }] : [],
  );
  return { ...message, reactions };
}

/** The chat after an event with a sequence, or without one (null). */
export function changeChat(chat: ChatRecord, event: FeedEvent, sequence: number | null, self: string): ChatRecord {
  const changed = changeMembers(changeMarks(chat, event), event);
  if (sequence === null) return changed;
  const firstSequence = chat.firstSequence === 0 ? sequence : chat.firstSequence;
  const counted = { ...changed, firstSequence, lastSequence: sequence };
  const { state } = counted;
  if (state === null || sequence <= counted.stateSequence) return counted;
  const later = changeState({ ...state, lastSequence: sequence }, event, self);
  return { ...counted, state: later, stateSequence: sequence };
}

/** `left` messages were read: they are not unread any more. */
export function markRead(chat: ChatRecord, upTo: number, left: number): ChatRecord {
  const { state } = chat;
  if (state === null || upTo <= state.membership.readSequence) return chat;
  const unreadCount = upTo >= state.lastSequence ? 0 : Math.max(0, state.unreadCount - left);
  return { ...chat, state: { ...state, unreadCount, membership: { ...state.membership, readSequence: upTo } } };
}

function changeState(state: RestChat, { type, data }: FeedEvent, self: string): RestChat {
  switch (type) {
    case 'message.created': {
      const shown = { ...state, hidden: false, lastActivityAt: data.createdAt };
      if (data.senderId !== self) return { ...shown, unreadCount: state.unreadCount + 1 };
      // Who sends has read everything before.
      return { ...shown, unreadCount: 0, membership: { ...state.membership, readSequence: data.sequence } };
    }
    case 'chat.updated': {
      const { kind, title, historyVisibility, metadata } = data;
      return { ...state, kind: kind as ChatKind, title, historyVisibility, metadata };
    }
    case 'chat.archived':
    case 'chat.unarchived':
      return { ...state, archived: type === 'chat.archived' };
    case 'member.added':
      return { ...state, memberCount: state.memberCount + data.members.length };
    case 'member.removed':
      return { ...state, memberCount: state.memberCount - 1 };
    case 'member.updated': {
      if (data.userId !== self) return state;
      const { role, mutedUntil } = data;
      return { ...state, role, membership: { ...state.membership, role, mutedUntil } };
    }
    default:
      return state;
  }
}

function changeMembers(chat: ChatRecord, { type, data }: FeedEvent): ChatRecord {
  switch (type) {
    case 'chat.created':
      return withMembers(
        chat,
        new Map(data.members.map(({ userId, role }) => [userId, { role, mutedUntil: null }])),
        true,
      );
    case 'member.added': {
      const added = data.members.map(({ userId, role, mutedUntil = null }) => [userId, { role, mutedUntil }] as const);
      return withMembers(chat, new Map([...chat.members, ...added]));
    }
    case 'member.removed':
      return withMembers(chat, new Map([...chat.members].filter(([userId]) => userId !== data.userId)));
    case 'member.updated': {
      const { role, mutedUntil } = data;
      return withMembers(chat, new Map([...chat.members, [data.userId, { role, mutedUntil }]]));
    }
    default:
      return chat;
  }
}

function withMembers(chat: ChatRecord, members: ChatRecord['members'], hasAllMembers = chat.hasAllMembers): ChatRecord {
  if (members.size <= MEMBERS_KEPT_MAX) return { ...chat, members, hasAllMembers };
  return { ...chat, members: new Map([...members].slice(0, MEMBERS_KEPT_MAX)), hasAllMembers: false };
}

function changeMarks(chat: ChatRecord, { type, data }: FeedEvent): ChatRecord {
  switch (type as string) {
    case 'message.created': {
      const { senderId: userId, sequence: upTo } = data as { senderId: string; sequence: number };
      return { ...chat, readMarks: marked(chat.readMarks, { userId, upTo }) };
    }
    case 'chat.read':
      return { ...chat, readMarks: marked(chat.readMarks, data as Mark) };
    case 'chat.delivered':
      return { ...chat, deliveryMarks: marked(chat.deliveryMarks, data as Mark) };
    case 'chat.hidden':
    case 'chat.unhidden':
      return chat.state === null ? chat : { ...chat, state: { ...chat.state, hidden: type === 'chat.hidden' } };
    default:
      return chat;
  }
}

export interface Mark {
  userId: string;
  upTo: number;
}

/** Marks only move forward. If there are too many, the one that moved longest ago goes. */
function marked(marks: ReadonlyMap<string, number>, { userId, upTo }: Mark): ReadonlyMap<string, number> {
  if (upTo <= (marks.get(userId) ?? 0)) return marks;
  const moved = new Map(marks);
  moved.delete(userId);
  moved.set(userId, upTo);
  const [oldest] = moved.keys();
  if (moved.size > MEMBERS_KEPT_MAX && oldest !== undefined) moved.delete(oldest);
  return moved;
}
