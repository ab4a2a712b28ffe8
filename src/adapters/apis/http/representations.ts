/** Converts domain objects to the responses of `contract/rest/responses.ts`. */

import { messageContent } from '../../../application/outbox/render-event.js';
import type { ViewedDecision } from '../../../application/policy/decisions/view-decision.js';
import type { SeeingMember } from '../../../application/policy/view-chat.js';
import type { MemberMarks, MessageView, ThreadView } from '../../../application/ports/queries/chat-history.js';
import type { ChatListItem, ChatView } from '../../../application/ports/queries/chat-queries.js';
import type { JsonObject } from '../../../contract/messages/text.js';
import type {
  RestChat,
  RestChatListItem,
  RestDecision,
  RestMember,
  RestMessage,
  RestReader,
  RestRevision,
  RestThread,
  RestUser,
} from '../../../contract/rest/responses.js';
import { deliveredThrough, isHidden, type Member } from '../../../domain/chat.js';
import type { MessageRevision } from '../../../domain/message.js';
import type { Profile, User } from '../../../domain/user.js';
import { fittingSequence } from './paging/page-budget.js';

export function representMessage(message: MessageView): RestMessage {
  const { tenantId, chatId, senderId, commandId, sequence, revision, editedAt, deletedAt, reactions, reactionKinds } =
    message;
  const content = messageContent(message);
  return {
    ...{ tenantId, chatId, actorId: senderId, commandId, sequence },
    ...content,
    metadata: content.metadata as JsonObject,
    ...(content.body === null ? { erased: true as const } : {}),
    revision,
    editedAt: editedAt?.toISOString() ?? null,
    deletedAt: deletedAt?.toISOString() ?? null,
    reactions,
    reactionKinds,
  };
}

export function representRevision(earlier: MessageRevision): RestRevision {
  const { revision, body, mentions, metadata, actorId, at } = earlier;
  return { revision, body, mentions, metadata: metadata as JsonObject, actorId, at: at.toISOString() };
}

export function representThread({ root, replyCount, lastReply, replies }: ThreadView, isForward: boolean): RestThread {
  return {
    root: representMessage(root),
    replyCount,
    lastReply: lastReply === null ? null : representMessage(lastReply),
    ...fittingSequence(replies, representMessage, isForward),
  };
}

function representAnyChat({ chat, membership }: ChatView) {
  return {
    chatId: chat.chatId,
    kind: chat.kind,
    title: chat.title,
    historyVisibility: chat.historyVisibility,
    metadata: chat.metadata as JsonObject,
    archived: chat.archivedAt !== null,
    hidden: isHidden(chat, membership),
    createdAt: chat.createdAt.toISOString(),
    memberCount: chat.memberCount,
    role: membership.role,
    lastSequence: chat.lastSequence,
    lastActivityAt: chat.lastActivityAt.toISOString(),
    unreadCount: chat.lastOrdinal - membership.readOrdinal,
  };
}

export function representChatListItem(item: ChatListItem): RestChatListItem {
  const { lastMessage } = item;
  return { ...representAnyChat(item), lastMessage: lastMessage === null ? null : representMessage(lastMessage) };
}

export function representMember({ firstVisibleSequence, ...member }: SeeingMember): RestMember {
  return { ...representMemberState(member), firstVisibleSequence };
}

function representMemberState({ userId, role, mutedUntil, joinedAt }: Member) {
  return { userId, role, mutedUntil: mutedUntil?.toISOString() ?? null, joinedAt: joinedAt.toISOString() };
}

export function representReader(marks: MemberMarks): RestReader {
  const { userId, readSequence } = marks;
  return { userId, readSequence, deliveredSequence: deliveredThrough(marks) };
}

export function representChat(view: ChatView): RestChat {
  const { chat, membership } = view;
  const { joinedSequence, readSequence } = membership;
  return {
    ...representAnyChat(view),
    tenantId: chat.tenantId,
    createdBy: chat.createdBy,
    membership: {
      ...representMemberState(membership),
      ...{ joinedSequence, readSequence, deliveredSequence: deliveredThrough(membership) },
    },
  };
}

export function representDecision({ decision, explanation }: ViewedDecision): RestDecision {
  const { tenantId: _, at, attributes, ...rest } = decision;
  return { ...rest, at: at.toISOString(), attributes: { ...attributes }, explanation };
}

/** Claims are never shown. Only services and the policy use them. */
export function representUser(shown: User | Profile): RestUser {
  const { claims: _, ...user } = { claims: {}, ...shown };
  return {
    ...user,
    metadata: user.metadata as JsonObject,
    createdAt: user.createdAt.toISOString(),
    updatedAt: user.updatedAt.toISOString(),
  };
}
