/** What a store has for one of its users, read from its tables and held against what a client has. */
import { expect } from 'chai';
import { type Chat, firstVisibleSequence, isHidden, type Member } from '../../../../src/domain/chat.js';
import type { Message, Reaction } from '../../../../src/domain/message.js';
import type { MirroredChat, SyncingClient } from './syncing-client.js';
import { ChangingView } from './views.js';

/** Every row. */
export interface Tables {
  chats: Chat[];
  members: Member[];
  messages: Message[];
  reactions: Reaction[];
}

/** `view`: what the policy shows; absent: everything. */
export function expectInSync(client: SyncingClient, userId: string, tables: Tables, view = new ChangingView()): void {
  const isArchived = new Map(tables.chats.map(({ chatId, archivedAt }) => [chatId, archivedAt !== null]));
  const mine = tables.members.filter(
    (member) => member.userId === userId && view.shows(isArchived.get(member.chatId) === true, member.role),
  );
  expect([...client.chats.keys()], `${userId}'s chats`).to.have.members(mine.map(({ chatId }) => chatId));
  for (const membership of mine) {
    const { chatId } = membership;
    const mirrored = client.chats.get(chatId) as MirroredChat;
    const chat = tables.chats.find((candidate) => candidate.chatId === chatId) as Chat;
    expect(mirrored.hasGap, 'a gap was not mended').to.equal(false);
    expect(mirrored.state).to.deep.include({
      title: chat.title,
      historyVisibility: chat.historyVisibility,
      archived: chat.archivedAt !== null,
      memberCount: chat.memberCount,
      role: membership.role,
      lastSequence: chat.lastSequence,
      hidden: isHidden(chat, membership),
      unreadCount: chat.lastOrdinal - membership.readOrdinal,
    });
    expect(mirrored.state.membership).to.include({ readSequence: membership.readSequence });
    expect(mirrored.lastSequence).to.equal(chat.lastSequence);
    const from = firstVisibleSequence(chat, membership);
    expectSameRoles(
      mirrored,
      from,
      tables.members.filter((member) => member.chatId === chatId),
    );
    expectSameMessages(mirrored, tables, chatId, from);
  }
}

/** Members from before the visible history do not appear in events. */
function expectSameRoles({ roles }: MirroredChat, from: number, members: Member[]): void {
  const told = members.filter(({ userId, joinedSequence }) => roles.has(userId) || joinedSequence >= from);
  expect(Object.fromEntries(roles)).to.deep.equal(Object.fromEntries(told.map(({ userId, role }) => [userId, role])));
}

function expectSameMessages({ messages }: MirroredChat, tables: Tables, chatId: string, from: number): void {
  const visible = tables.messages.filter((message) => message.chatId === chatId && message.sequence >= from);
  const expected = visible.map(({ messageId, sequence, body, deletedAt }) => ({
    ...{ messageId, sequence, body, isDeleted: deletedAt !== null },
    reactions: tables.reactions.flatMap((r) => (r.messageId === messageId ? [`${r.emoji} ${r.userId}`] : [])).sort(),
  }));
  const had = [...messages].map(([messageId, message]) => ({
    ...{ messageId, ...message },
    reactions: [...message.reactions].sort(),
  }));
  const inOrder = <T extends { sequence: number }>(rows: T[]) => rows.sort((a, b) => a.sequence - b.sequence);
  expect(inOrder(had)).to.deep.equal(inOrder(expected));
}
