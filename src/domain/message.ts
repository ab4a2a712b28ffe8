import type { Metadata } from './chat.js';

export interface Attachment {
  url: string;
  mediaType: string;
  size: number;
  name: string;
}

export type DeleteMode = 'soft' | 'hard';

/** What is taken for granted of a message that says nothing else. */
export const DEFAULT_CONTENT_TYPE = 'text/plain';

/** A message with its present text. Earlier texts are kept apart; an erased one has `body: null`. */
export interface Message {
  chatId: string;
  sequence: number;
  messageId: string;
  tenantId: string;
  /** 1, 2, 3 … within the chat, counting messages only. */
  ordinal: number;
  senderId: string;
  revision: number;
  body: string | null;
  contentType: string;
  inReplyTo: string | null;
  threadRootId: string | null;
  mentions: string[];
  attachments: Attachment[];
  metadata: Metadata;
  createdAt: Date;
  editedAt: Date | null;
  /** Who made the present text; null: the sender, and it is the first. */
  editedBy: string | null;
  deletedAt: Date | null;
}

/** What a reply, a thread or a reaction needs to know of the message it refers to. */
export type MessageReference = Pick<
  Message,
  'messageId' | 'chatId' | 'sequence' | 'senderId' | 'threadRootId' | 'createdAt' | 'deletedAt'
>;

/** A text that a message once had. Kept until the message is deleted; never changed. */
export interface MessageRevision {
  messageId: string;
  /** 1, 2, 3 …; the message itself has the latest. */
  revision: number;
  body: string;
  mentions: string[];
  metadata: Metadata;
  /** Who wrote it, and when. */
  actorId: string;
  at: Date;
}

/** What stays of a message that was deleted hard: its number is never given again, and still counts as read or unread. */
export type MessageStub = Pick<
  Message,
  'chatId' | 'sequence' | 'messageId' | 'tenantId' | 'ordinal' | 'senderId' | 'createdAt'
>;

export function stubOf(message: Message): MessageStub {
  const { chatId, sequence, messageId, tenantId, ordinal, senderId, createdAt } = message;
  return { chatId, sequence, messageId, tenantId, ordinal, senderId, createdAt };
}

/** A message of which nothing is left but its stub: what its events are told from. */
export function messageOfStub(stub: MessageStub): Message {
  return {
    ...stub,
    revision: 1,
    body: null,
    contentType: DEFAULT_CONTENT_TYPE,
    inReplyTo: null,
    threadRootId: null,
    mentions: [],
    attachments: [],
    metadata: {},
    editedAt: null,
    editedBy: null,
    deletedAt: null,
  };
}

/** The message with a new text, and the text it had until now. The message must not be deleted. */
export function editMessage(
  message: Message,
  text: Pick<Message, 'body' | 'mentions' | 'metadata'>,
  editorId: string,
  now: Date,
): { message: Message; earlier: MessageRevision } {
  const { messageId, revision, body, mentions, metadata } = message;
  return {
    message: { ...message, ...text, revision: revision + 1, editedAt: now, editedBy: editorId },
    earlier: {
      ...{ messageId, revision, mentions, metadata },
      body: body ?? '',
      actorId: message.editedBy ?? message.senderId,
      at: message.editedAt ?? message.createdAt,
    },
  };
}

/** The tombstone of a message: everything that was said with it is gone. */
export function eraseMessage(message: Message, now: Date): Message {
  return { ...message, body: null, mentions: [], attachments: [], metadata: {}, deletedAt: now };
}

/** One user's reaction to one message with one emoji. */
export interface Reaction {
  messageId: string;
  emoji: string;
  userId: string;
}
