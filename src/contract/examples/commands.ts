/**
 * One example of each command. A new tenant's producer can publish them in this order, and each is accepted; those
 * about webhooks only from a service. A test does so with a worker. The worker generates message ids, so a command
 * about a message takes the id from the receipt.
 */
import type { ChatlessCommand, CommandData, CommandType } from '../messages/commands.js';

export const EXAMPLE_CHAT_ID = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
/** `directChatId('default', 'alice', 'bob')`. */
export const EXAMPLE_DIRECT_CHAT_ID = 'd86a83b1-706f-5a3f-a04f-36b63ad13861';
/** The message ids of the commands `ask` and `answer` in the examples. */
export const EXAMPLE_QUESTION_ID = '0199c1df-0d52-7c0e-8a11-5b0c4b7c2f31';
export const EXAMPLE_ANSWER_ID = '0199c1df-5e07-7d4b-b0c5-2f7d8e6a9b42';

export const EXAMPLE_WEBHOOK_ID = '0199c1e0-1a2b-7c3d-8e4f-5a6b7c8d9e0f';

export type ExampleCommand = {
  [T in CommandType]: {
    name: string;
    summary: string;
    type: T;
    commandId: string;
    actorId: string;
    chatId: T extends ChatlessCommand ? null : string;
    data: CommandData[T];
    headers?: Record<string, string>;
  };
}[CommandType];

const inGroup = { chatId: EXAMPLE_CHAT_ID } as const;
const aboutQuestion = { messageId: EXAMPLE_QUESTION_ID } as const;

export const exampleCommands: readonly ExampleCommand[] = [
  {
    name: 'profile',
    summary: 'Alice writes her profile.',
    type: 'user.upsert',
    commandId: 'profile-0001',
    actorId: 'alice',
    chatId: null,
    data: { displayName: 'Alice', avatarUrl: 'https://images.example/alice.png', metadata: { locale: 'en-GB' } },
  },
  {
    name: 'create',
    summary: 'Alice creates a group with Bob and Carol.',
    type: 'chat.create',
    commandId: 'create-0001',
    actorId: 'alice',
    ...inGroup,
    data: {
      kind: 'group',
      title: 'Tea',
      memberIds: ['bob', 'carol'],
      historyVisibility: 'full',
      metadata: { place: 'garden' },
    },
  },
  {
    name: 'createDirect',
    summary: 'Alice opens her direct chat with Bob. The chat id is computed from the tenant and the two user ids.',
    type: 'chat.create',
    commandId: 'direct-0001',
    actorId: 'alice',
    chatId: EXAMPLE_DIRECT_CHAT_ID,
    data: { kind: 'direct', memberIds: ['bob'] },
  },
  {
    name: 'add',
    summary: 'Alice adds Dave as a reader.',
    type: 'member.add',
    commandId: 'add-0001',
    actorId: 'alice',
    ...inGroup,
    data: { userIds: ['dave'], role: 'reader' },
  },
  {
    name: 'ask',
    summary: 'Alice sends a message to the group.',
    type: 'message.send',
    commandId: 'send-0001',
    actorId: 'alice',
    ...inGroup,
    headers: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
    data: {
      body: 'Shall we have tea at four, Bob?',
      contentType: 'text/plain',
      mentions: ['bob'],
      attachments: [{ url: 'https://files.example/map.png', mediaType: 'image/png', size: 20480, name: 'map.png' }],
      metadata: { device: 'phone' },
    },
  },
  {
    name: 'answer',
    summary: "Bob replies in the message's thread.",
    type: 'message.send',
    commandId: 'send-0002',
    actorId: 'bob',
    ...inGroup,
    data: { body: 'Make it five.', inReplyTo: EXAMPLE_QUESTION_ID, threadRootId: EXAMPLE_QUESTION_ID },
  },
  {
    name: 'edit',
    summary: 'Alice edits her message.',
    type: 'message.edit',
    commandId: 'edit-0001',
    actorId: 'alice',
    ...inGroup,
    data: { ...aboutQuestion, body: 'Shall we have tea at five, Bob?', mentions: ['bob'], metadata: {} },
  },
  {
    name: 'react',
    summary: 'Bob reacts to the message.',
    type: 'message.react',
    commandId: 'react-0001',
    actorId: 'bob',
    ...inGroup,
    data: { ...aboutQuestion, emoji: ':thumbsup:' },
  },
  {
    name: 'unreact',
    summary: 'Bob removes his reaction.',
    type: 'message.unreact',
    commandId: 'unreact-0001',
    actorId: 'bob',
    ...inGroup,
    data: { ...aboutQuestion, emoji: ':thumbsup:' },
  },
  {
    name: 'read',
    summary: 'Carol has read everything up to sequence 4.',
    type: 'chat.read',
    commandId: 'read-0001',
    actorId: 'carol',
    ...inGroup,
    data: { upTo: 4 },
  },
  {
    name: 'deliver',
    summary: 'Everything up to sequence 7 has reached a device of Carol.',
    type: 'chat.delivered',
    commandId: 'deliver-0001',
    actorId: 'carol',
    ...inGroup,
    data: { upTo: 7 },
  },
  {
    name: 'hide',
    summary: 'Carol hides the group in her chat list until its next message. The event is only for her devices.',
    type: 'chat.hide',
    commandId: 'hide-0001',
    actorId: 'carol',
    ...inGroup,
    data: {},
  },
  {
    name: 'unhide',
    summary: 'Carol shows the group in her chat list again.',
    type: 'chat.unhide',
    commandId: 'unhide-0001',
    actorId: 'carol',
    ...inGroup,
    data: {},
  },
  {
    name: 'delete',
    summary: 'Bob deletes his reply and keeps a tombstone.',
    type: 'message.delete',
    commandId: 'delete-0001',
    actorId: 'bob',
    ...inGroup,
    data: { messageId: EXAMPLE_ANSWER_ID, mode: 'soft' },
  },
  {
    name: 'mute',
    summary: 'Alice makes Carol an admin and mutes her until a time.',
    type: 'member.update',
    commandId: 'update-0001',
    actorId: 'alice',
    ...inGroup,
    data: { userId: 'carol', role: 'admin', mutedUntil: '2026-11-21T08:00:00.000Z' },
  },
  {
    name: 'leave',
    summary: 'Dave leaves the group.',
    type: 'member.remove',
    commandId: 'remove-0001',
    actorId: 'dave',
    ...inGroup,
    data: { userId: 'dave' },
  },
  {
    name: 'rename',
    summary: 'Alice changes the title of the group and removes its metadata.',
    type: 'chat.update',
    commandId: 'rename-0001',
    actorId: 'alice',
    ...inGroup,
    data: { title: 'Tea at five', metadata: null, historyVisibility: 'since-joined' },
  },
  {
    name: 'archive',
    summary: 'Alice archives the group. Then members can only read, leave and delete messages.',
    type: 'chat.archive',
    commandId: 'archive-0001',
    actorId: 'alice',
    ...inGroup,
    data: {},
  },
  {
    name: 'unarchive',
    summary: 'Alice restores the group from the archive.',
    type: 'chat.unarchive',
    commandId: 'unarchive-0001',
    actorId: 'alice',
    ...inGroup,
    data: {},
  },
  {
    name: 'webhook',
    summary: 'A service sends new messages of groups to the endpoint of a bot.',
    type: 'webhook.upsert',
    commandId: 'webhook-0001',
    actorId: 'console',
    chatId: null,
    data: {
      webhookId: EXAMPLE_WEBHOOK_ID,
      url: 'https://bot.example/hooks/parley',
      eventTypes: ['message.created'],
      chatKinds: ['group'],
    },
  },
  {
    name: 'no-webhook',
    summary: 'A service deletes a webhook.',
    type: 'webhook.delete',
    commandId: 'webhook-0002',
    actorId: 'console',
    chatId: null,
    data: { webhookId: EXAMPLE_WEBHOOK_ID },
  },
];
