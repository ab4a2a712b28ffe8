/** Operations on chats and their members. */

import { changes, creates, type RestOperation } from './operation.js';
import {
  addMembersBody,
  createChatBody,
  listChatsQuery,
  pageQuery,
  readChatBody,
  updateChatBody,
  updateMemberBody,
} from './requests.js';
import { cursorPage, restChat, restChatListItem, restMember } from './responses.js';

export const chatOperations = {
  listChats: {
    method: 'get',
    path: '/v1/chats',
    tag: 'Chats',
    summary: "The caller's chats, latest message first; without the chats that the caller has hidden",
    query: listChatsQuery,
    answers: {
      200: {
        description:
          'A page of chats. The last pages repeat chats that have moved up since the first page, so no chat is missed. The repeated item is the newer one.',
        schema: cursorPage(restChatListItem),
      },
    },
  },
  createChat: {
    method: 'post',
    path: '/v1/chats',
    tag: 'Chats',
    summary: 'Create a chat (`chat.create`)',
    body: createChatBody,
    example: { kind: 'group', title: 'Tea', memberIds: ['bob', 'carol'] },
    answers: creates,
  },
  getChat: {
    method: 'get',
    path: '/v1/chats/{chatId}',
    tag: 'Chats',
    summary: "One chat with the caller's membership",
    answers: { 200: { description: 'The chat.', schema: restChat } },
  },
  updateChat: {
    method: 'patch',
    path: '/v1/chats/{chatId}',
    tag: 'Chats',
    summary: 'Change a chat; an omitted field is unchanged, null clears it (`chat.update`)',
    body: updateChatBody,
    example: { title: 'Tea and biscuits' },
    answers: changes,
  },
  archiveChat: {
    method: 'put',
    path: '/v1/chats/{chatId}/archive',
    tag: 'Chats',
    summary: 'Archive a chat (`chat.archive`)',
    answers: changes,
  },
  unarchiveChat: {
    method: 'delete',
    path: '/v1/chats/{chatId}/archive',
    tag: 'Chats',
    summary: 'Restore a chat from the archive (`chat.unarchive`)',
    answers: changes,
  },
  hideChat: {
    method: 'put',
    path: '/v1/chats/{chatId}/hidden',
    tag: 'Chats',
    summary: "Hide a chat in the caller's chat list until its next message (`chat.hide`)",
    answers: changes,
  },
  unhideChat: {
    method: 'delete',
    path: '/v1/chats/{chatId}/hidden',
    tag: 'Chats',
    summary: "Show a hidden chat in the caller's chat list again (`chat.unhide`)",
    answers: changes,
  },
  readChat: {
    method: 'put',
    path: '/v1/chats/{chatId}/read',
    tag: 'Chats',
    summary: "Move the caller's read mark forward; an earlier sequence changes nothing (`chat.read`)",
    body: readChatBody,
    example: { upTo: 2 },
    answers: changes,
  },
  listMembers: {
    method: 'get',
    path: '/v1/chats/{chatId}/members',
    tag: 'Members',
    summary: 'Members with their roles, ordered by user id',
    query: pageQuery,
    answers: { 200: { description: 'A page of members.', schema: cursorPage(restMember) } },
  },
  addMembers: {
    method: 'post',
    path: '/v1/chats/{chatId}/members',
    tag: 'Members',
    summary: 'Add members (`member.add`)',
    body: addMembersBody,
    example: { userIds: ['dave'], role: 'member' },
    answers: creates,
  },
  updateMember: {
    method: 'patch',
    path: '/v1/chats/{chatId}/members/{userId}',
    tag: 'Members',
    summary: "Change a member's role or mute; an omitted field is unchanged, null ends a mute (`member.update`)",
    body: updateMemberBody,
    example: { role: 'admin' },
    answers: changes,
  },
  removeMember: {
    method: 'delete',
    path: '/v1/chats/{chatId}/members/{userId}',
    tag: 'Members',
    summary: 'Remove a member, or leave the chat (`member.remove`)',
    answers: changes,
  },
} as const satisfies Record<string, RestOperation>;
