/** Operations on messages, reactions and threads. */

import { changes, creates, type RestOperation } from './operation.js';
import { deleteMessageQuery, editMessageBody, listMessagesQuery, pageQuery, sendMessageBody } from './requests.js';
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
    summary: 'History by sequence, either way; the latest messages where no place is given',
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
    summary: 'One message with its reactions; of one deleted soft the tombstone',
    answers: { 200: { description: 'The message.', schema: restMessage } },
  },
  editMessage: {
    method: 'patch',
    path: '/v1/chats/{chatId}/messages/{messageId}',
    tag: 'Messages',
    summary: 'Give a message a new text; mentions and metadata stay where left out (`message.edit`)',
    body: editMessageBody,
    example: { body: 'Hello, Bob and Carol.' },
    answers: changes,
  },
  deleteMessage: {
    method: 'delete',
    path: '/v1/chats/{chatId}/messages/{messageId}',
    tag: 'Messages',
    summary: 'Delete a message: a tombstone stays, or nothing but its number (`message.delete`)',
    query: deleteMessageQuery,
    answers: changes,
  },
  listRevisions: {
    method: 'get',
    path: '/v1/chats/{chatId}/messages/{messageId}/revisions',
    tag: 'Messages',
    summary: 'The earlier texts of a message, the first one first; none of a deleted one',
    query: pageQuery,
    answers: { 200: { description: 'A page of earlier texts.', schema: cursorPage(restRevision) } },
  },
  getThread: {
    method: 'get',
    path: '/v1/chats/{chatId}/messages/{messageId}/thread',
    tag: 'Messages',
    summary: 'The thread under a message: the message, and its replies as history is read',
    query: listMessagesQuery,
    answers: { 200: { description: 'The thread with a page of its replies.', schema: restThread } },
  },
  listReaders: {
    method: 'get',
    path: '/v1/chats/{chatId}/messages/{messageId}/readers',
    tag: 'Messages',
    summary: `Who has read a message, by user id, without its sender and those who joined later; in chats of up to ${READERS_MEMBERS_MAX} members`,
    query: pageQuery,
    answers: { 200: { description: 'A page of readers.', schema: cursorPage(restReader) } },
  },
  react: {
    method: 'put',
    path: '/v1/chats/{chatId}/messages/{messageId}/reactions/{emoji}',
    tag: 'Messages',
    summary: "The caller's reaction to a message (`message.react`)",
    answers: creates,
  },
  unreact: {
    method: 'delete',
    path: '/v1/chats/{chatId}/messages/{messageId}/reactions/{emoji}',
    tag: 'Messages',
    summary: "Take the caller's reaction back (`message.unreact`)",
    answers: changes,
  },
} as const satisfies Record<string, RestOperation>;
