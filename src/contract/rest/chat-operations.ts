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
    summary: "The caller's chats, newest message first; without those that the caller has hidden",
    query: listChatsQuery,
    answers: {
      200: {
        description:
          'A page of chats. Where the list takes several, the last ones give the chats again that have moved up since the first: none is missed, and one that comes twice is newer the second time.',
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
    summary: 'Change a chat: what is left out stays, null clears (`chat.update`)',
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
    summary: 'Take a chat out of the archive (`chat.unarchive`)',
    answers: changes,
  },
  hideChat: {
    method: 'put',
    path: '/v1/chats/{chatId}/hidden',
    tag: 'Chats',
    summary: "Leave a chat out of the caller's own list until its next message (`chat.hide`)",
    answers: changes,
  },
  unhideChat: {
    method: 'delete',
    path: '/v1/chats/{chatId}/hidden',
    tag: 'Chats',
    summary: "Put a hidden chat back into the caller's list (`chat.unhide`)",
    answers: changes,
  },
  readChat: {
    method: 'put',
    path: '/v1/chats/{chatId}/read',
    tag: 'Chats',
    summary: "Move the caller's read mark forward; further back changes nothing (`chat.read`)",
    body: readChatBody,
    example: { upTo: 2 },
    answers: changes,
  },
  listMembers: {
    method: 'get',
    path: '/v1/chats/{chatId}/members',
    tag: 'Members',
    summary: 'Members with roles, by user id',
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
    summary: "Change a member's role or mute: what is left out stays, null ends a mute (`member.update`)",
    body: updateMemberBody,
    example: { role: 'admin' },
    answers: changes,
  },
  removeMember: {
    method: 'delete',
    path: '/v1/chats/{chatId}/members/{userId}',
    tag: 'Members',
    summary: 'Remove a member, or leave (`member.remove`)',
    answers: changes,
  },
} as const satisfies Record<string, RestOperation>;
