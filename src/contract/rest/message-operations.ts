/** Operations on messages, reactions and threads. */

import { changes, creates, type RestOperation } from './operation.js';
import {
  deleteMessageQuery,
  editMessageBody,
  listMessagesQuery,
  listReadersQuery,
  pageQuery,
  sendMessageBody,
} from './requests.js';
import { cursorPage, restMessage, restReader, restRevision, restThread, sequencePage } from './responses.js';

/**
 * Maximum number of members of a chat for which a message's readers are listed. In larger chats this would cost much
 * and be of little use.
 */
export const READERS_MEMBERS_MAX = 1_000;

export const messageOperations = {
  listMessages: {
    method: 'get',
    path: '/v1/chats/{chatId}/messages',
    tag: 'Messages',
    summary: 'Messages by sequence, forwards with `after` or backwards with `before`; by default the latest messages',
    query: listMessagesQuery,
    answers: { 200: { description: 'A page of messages.', schema: sequencePage(restMessage) } },
  },
  sendMessage: {
    method: 'post',
    path: '/v1/chats/{chatId}/messages',
    tag: 'Messages',
    summary: 'Send a message (`message.send`)',
    body: sendMessageBody,
    example: { body: 'Hello, Bob.' },
    answers: creates,
  },
  getMessage: {
    method: 'get',
    path: '/v1/chats/{chatId}/messages/{messageId}',
    tag: 'Messages',
    summary: 'One message with its reactions; a soft-deleted message is a tombstone without content',
    answers: { 200: { description: 'The message.', schema: restMessage } },
  },
  editMessage: {
    method: 'patch',
    path: '/v1/chats/{chatId}/messages/{messageId}',
    tag: 'Messages',
    summary: 'Replace the text of a message; omitted mentions and metadata are unchanged (`message.edit`)',
    body: editMessageBody,
    example: { body: 'Hello, Bob and Carol.' },
    answers: changes,
  },
  deleteMessage: {
    method: 'delete',
    path: '/v1/chats/{chatId}/messages/{messageId}',
    tag: 'Messages',
    summary: 'Delete a message, and keep a tombstone (`soft`) or only its sequence number (`hard`) (`message.delete`)',
    query: deleteMessageQuery,
    answers: changes,
  },
  listRevisions: {
    method: 'get',
    path: '/v1/chats/{chatId}/messages/{messageId}/revisions',
    tag: 'Messages',
    summary: 'The earlier texts of a message, oldest first; empty for a deleted message',
    query: pageQuery,
    answers: { 200: { description: 'A page of earlier texts.', schema: cursorPage(restRevision) } },
  },
  getThread: {
    method: 'get',
    path: '/v1/chats/{chatId}/messages/{messageId}/thread',
    tag: 'Messages',
    summary: 'A thread: its root message and a page of its replies, paged like messages',
    query: listMessagesQuery,
    answers: { 200: { description: 'The thread with a page of its replies.', schema: restThread } },
  },
  listReaders: {
    method: 'get',
    path: '/v1/chats/{chatId}/messages/{messageId}/readers',
    tag: 'Messages',
    summary: `Members who have read a message, or whom it has reached, ordered by user id, without the sender and members who joined later; in chats of up to ${READERS_MEMBERS_MAX} members`,
    query: listReadersQuery,
    answers: { 200: { description: 'A page of readers.', schema: cursorPage(restReader) } },
  },
  react: {
    method: 'put',
    path: '/v1/chats/{chatId}/messages/{messageId}/reactions/{emoji}',
    tag: 'Messages',
    summary: "Add the caller's reaction to a message (`message.react`)",
    answers: creates,
  },
  unreact: {
    method: 'delete',
    path: '/v1/chats/{chatId}/messages/{messageId}/reactions/{emoji}',
    tag: 'Messages',
    summary: "Remove the caller's reaction (`message.unreact`)",
    answers: changes,
  },
} as const satisfies Record<string, RestOperation>;
