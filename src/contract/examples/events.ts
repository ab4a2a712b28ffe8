/**
 * One example of each event: the events of the commands in `commands.ts`. A test compares them with what a worker
 * publishes.
 */

import type { ChatlessEvent } from '../messages/chatless-events.js';
import type { CloudEvent, EventData, EventType } from '../messages/events.js';
import { DEFAULT_TENANT } from '../messages/identifiers.js';
import { exampleReceipts } from './answers.js';
import { EXAMPLE_ANSWER_ID, EXAMPLE_CHAT_ID, EXAMPLE_QUESTION_ID, EXAMPLE_WEBHOOK_ID } from './commands.js';

export interface ExampleEvent {
  name: string;
  summary: string;
  event: CloudEvent;
}

const AT = '2026-11-20T20:15:00.123Z';
const SOURCE = `/parley/3f0c9a52-8a0f-4d55-9c3e-6a1d4f7f2b10/${DEFAULT_TENANT}`;

const question = `messages/${EXAMPLE_QUESTION_ID}`;
const answer = `messages/${EXAMPLE_ANSWER_ID}`;

/** The actor, the command and the recipients. `sequence` is null for an event without one. */
interface Cause {
  name: string;
  summary: string;
  actorId: string;
  commandId: string;
  sequence: number | null;
  recipients: string[];
  /** The part of the subject after the chat. */
  about?: string;
}

type Common = 'tenantId' | 'chatId' | 'actorId' | 'commandId' | 'sequence';
type OfChat = Common | 'recipients' | 'forActor' | 'recipientCount';
type ChatEvent = Exclude<EventType, ChatlessEvent>;

function chatEvent<T extends ChatEvent>(
  type: T,
  { name, summary, actorId, commandId, sequence, recipients, about }: Cause,
  data: Omit<EventData[T], OfChat>,
): ExampleEvent {
  const chatId = EXAMPLE_CHAT_ID;
  const common = { tenantId: DEFAULT_TENANT, chatId, actorId, commandId, sequence };
  const event = {
    specversion: '1.0',
    id: sequence === null ? 'p5/8' : `${chatId}/${sequence}`,
    source: SOURCE,
    type,
    subject: about === undefined ? `chats/${chatId}` : `chats/${chatId}/${about}`,
    time: AT,
    datacontenttype: 'application/json',
    partitionkey: chatId,
    ...(sequence === null ? {} : { sequence: String(sequence) }),
    // The parts are typed; a test checks the whole against its schema.
    data: { ...common, ...data, recipients, forActor: true, recipientCount: recipients.length },
  } as unknown as CloudEvent;
  return { name, summary, event };
}

const refused = exampleReceipts.rejected;

export const exampleEvents: readonly ExampleEvent[] = [
  {
    name: 'profile',
    summary: "Alice's profile was written. If events of one profile arrive out of order, use the highest revision.",
    event: {
      specversion: '1.0',
      id: 'p2/1',
      source: SOURCE,
      type: 'user.upserted',
      subject: 'users/alice',
      time: AT,
      datacontenttype: 'application/json',
      partitionkey: 'alice',
      data: {
        tenantId: DEFAULT_TENANT,
        actorId: 'alice',
        commandId: 'profile-0001',
        userId: 'alice',
        displayName: 'Alice',
        avatarUrl: 'https://images.example/alice.png',
        kind: 'human',
        metadata: { locale: 'en-GB' },
        presence: 'shared',
        revision: 1,
        updatedAt: AT,
      },
    },
  },
  chatEvent(
    'chat.created',
    {
      name: 'created',
      summary: 'A group was created with these members.',
      actorId: 'alice',
      commandId: 'create-0001',
      sequence: 1,
      recipients: ['bob', 'carol'],
    },
    {
      kind: 'group',
      title: 'Tea',
      historyVisibility: 'full',
      metadata: { place: 'garden' },
      members: [
        { userId: 'alice', role: 'owner' },
        { userId: 'bob', role: 'member' },
        { userId: 'carol', role: 'member' },
      ],
    },
  ),
  chatEvent(
    'member.added',
    {
      name: 'added',
      summary: 'Dave was added.',
      actorId: 'alice',
      commandId: 'add-0001',
      sequence: 2,
      recipients: ['bob', 'carol', 'dave'],
      about: 'members',
    },
    { members: [{ userId: 'dave', role: 'reader' }] },
  ),
  chatEvent(
    'message.created',
    {
      name: 'asked',
      summary: 'A message was sent. All members except its sender are recipients.',
      actorId: 'alice',
      commandId: 'send-0001',
      sequence: 3,
      recipients: ['bob', 'carol', 'dave'],
      about: question,
    },
    {
      messageId: EXAMPLE_QUESTION_ID,
      senderId: 'alice',
      body: 'Shall we have tea at four, Bob?',
      contentType: 'text/plain',
      inReplyTo: null,
      threadRootId: null,
      mentions: ['bob'],
      attachments: [{ url: 'https://files.example/map.png', mediaType: 'image/png', size: 20480, name: 'map.png' }],
      metadata: { device: 'phone' },
      createdAt: AT,
    },
  ),
  {
    name: 'refused',
    summary: "Dave may only read, so his command was rejected. The event has its receipt, for Dave's devices.",
    event: {
      specversion: '1.0',
      id: 'p5/4',
      source: SOURCE,
      type: 'command.rejected',
      subject: `commands/${refused.receipt.commandId}`,
      time: AT,
      datacontenttype: 'application/json',
      partitionkey: EXAMPLE_CHAT_ID,
      data: { ...refused.receipt, actorId: 'dave' },
    },
  },
  chatEvent(
    'message.edited',
    {
      name: 'edited',
      summary: 'The message was edited.',
      actorId: 'alice',
      commandId: 'edit-0001',
      sequence: 5,
      recipients: ['bob', 'carol', 'dave'],
      about: question,
    },
    {
      messageId: EXAMPLE_QUESTION_ID,
      messageSequence: 3,
      revision: 2,
      body: 'Shall we have tea at five, Bob?',
      mentions: ['bob'],
      metadata: {},
      editedAt: AT,
    },
  ),
  chatEvent(
    'message.reacted',
    {
      name: 'reacted',
      summary: 'Bob reacted to the message.',
      actorId: 'bob',
      commandId: 'react-0001',
      sequence: 6,
      recipients: ['alice', 'carol', 'dave'],
      about: question,
    },
    { messageId: EXAMPLE_QUESTION_ID, messageSequence: 3, emoji: ':thumbsup:', userId: 'bob' },
  ),
  chatEvent(
    'message.unreacted',
    {
      name: 'unreacted',
      summary: 'Bob removed his reaction.',
      actorId: 'bob',
      commandId: 'unreact-0001',
      sequence: 7,
      recipients: ['alice', 'carol', 'dave'],
      about: question,
    },
    { messageId: EXAMPLE_QUESTION_ID, messageSequence: 3, emoji: ':thumbsup:', userId: 'bob' },
  ),
  chatEvent(
    'chat.read',
    {
      name: 'read',
      summary: "Carol's read mark moved. The event has no sequence. Of several events, use the highest `upTo`.",
      actorId: 'carol',
      commandId: 'read-0001',
      sequence: null,
      recipients: ['alice', 'bob', 'dave'],
      about: 'members/carol',
    },
    { userId: 'carol', upTo: 4 },
  ),
  chatEvent(
    'chat.delivered',
    {
      name: 'delivered',
      summary: "Carol's delivery mark moved. The event has no sequence. Of several events, use the highest `upTo`.",
      actorId: 'carol',
      commandId: 'deliver-0001',
      sequence: null,
      recipients: ['alice', 'bob', 'dave'],
      about: 'members/carol',
    },
    { userId: 'carol', upTo: 7 },
  ),
  chatEvent(
    'chat.hidden',
    {
      name: 'hide',
      summary: "Carol hid the group. The event is for Carol's devices. Of several events, use the latest.",
      actorId: 'carol',
      commandId: 'hide-0001',
      sequence: null,
      recipients: [],
      about: 'members/carol',
    },
    {},
  ),
  chatEvent(
    'chat.unhidden',
    {
      name: 'unhide',
      summary: 'Carol shows the group in her chat list again.',
      actorId: 'carol',
      commandId: 'unhide-0001',
      sequence: null,
      recipients: [],
      about: 'members/carol',
    },
    {},
  ),
  chatEvent(
    'message.deleted',
    {
      name: 'deleted',
      summary: "Bob's reply was deleted; a tombstone remains.",
      actorId: 'bob',
      commandId: 'delete-0001',
      sequence: 8,
      recipients: ['alice', 'carol', 'dave'],
      about: answer,
    },
    { messageId: EXAMPLE_ANSWER_ID, messageSequence: 4, mode: 'soft', deletedAt: AT },
  ),
  chatEvent(
    'member.updated',
    {
      name: 'muted',
      summary: 'Carol became an admin and is muted until a time.',
      actorId: 'alice',
      commandId: 'update-0001',
      sequence: 9,
      recipients: ['bob', 'carol', 'dave'],
      about: 'members/carol',
    },
    { userId: 'carol', role: 'admin', mutedUntil: '2026-11-21T08:00:00.000Z' },
  ),
  chatEvent(
    'member.removed',
    {
      name: 'left',
      summary: 'Dave left. He is a recipient of this last event.',
      actorId: 'dave',
      commandId: 'remove-0001',
      sequence: 10,
      recipients: ['alice', 'bob', 'carol', 'dave'],
      about: 'members/dave',
    },
    { userId: 'dave', left: true },
  ),
  chatEvent(
    'chat.updated',
    {
      name: 'renamed',
      summary: 'The title and metadata of the group changed. The event has its present state.',
      actorId: 'alice',
      commandId: 'rename-0001',
      sequence: 11,
      recipients: ['bob', 'carol'],
    },
    { kind: 'group', title: 'Tea at five', historyVisibility: 'since-joined', metadata: {} },
  ),
  chatEvent(
    'chat.archived',
    {
      name: 'archived',
      summary: 'The group was archived. Until it is unarchived, members can only read, leave and delete messages.',
      actorId: 'alice',
      commandId: 'archive-0001',
      sequence: 12,
      recipients: ['bob', 'carol'],
    },
    {},
  ),
  chatEvent(
    'chat.unarchived',
    {
      name: 'unarchived',
      summary: 'The group was restored from the archive.',
      actorId: 'alice',
      commandId: 'unarchive-0001',
      sequence: 13,
      recipients: ['bob', 'carol'],
    },
    {},
  ),
  {
    name: 'webhook',
    summary: 'A webhook was created. For programs of the operator.',
    event: {
      specversion: '1.0',
      id: 'p3/17',
      source: SOURCE,
      type: 'webhook.upserted',
      subject: `webhooks/${EXAMPLE_WEBHOOK_ID}`,
      time: AT,
      datacontenttype: 'application/json',
      partitionkey: 'console',
      data: {
        tenantId: DEFAULT_TENANT,
        actorId: 'console',
        commandId: 'webhook-0001',
        webhookId: EXAMPLE_WEBHOOK_ID,
        url: 'https://bot.example/hooks/parley',
        eventTypes: ['message.created'],
        chatIds: null,
        chatKinds: ['group'],
        offlineOnly: false,
        isEnabled: true,
        revision: 1,
        updatedAt: AT,
      },
    },
  },
  {
    name: 'no-webhook',
    summary: 'A webhook was deleted.',
    event: {
      specversion: '1.0',
      id: 'p3/18',
      source: SOURCE,
      type: 'webhook.deleted',
      subject: `webhooks/${EXAMPLE_WEBHOOK_ID}`,
      time: AT,
      datacontenttype: 'application/json',
      partitionkey: 'console',
      data: {
        tenantId: DEFAULT_TENANT,
        actorId: 'console',
        commandId: 'webhook-0002',
        webhookId: EXAMPLE_WEBHOOK_ID,
        deletedAt: AT,
      },
    },
  },
];
