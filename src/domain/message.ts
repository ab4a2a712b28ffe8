import type { Metadata } from './chat.js';

export interface Attachment {
  url: string;
  mediaType: string;
  size: number;
  name: string;
}

export type DeleteMode = 'soft' | 'hard';

/** The content type of a message that does not name one. */
export const DEFAULT_CONTENT_TYPE = 'text/plain';

/** A message with its current text. Earlier texts are stored separately. An erased message has `body: null`. */
export interface Message {
  chatId: string;
  sequence: number;
  messageId: string;
  tenantId: string;
  /** 1, 2, 3 … within the chat, counting only messages. */
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
  /** The author of the current text. Null if it is the sender's first text. */
  editedBy: string | null;
  deletedAt: Date | null;
}

/** What a reply, a thread or a reaction needs of the message that it refers to. */
export type MessageReference = Pick<
  Message,
  'messageId' | 'chatId' | 'sequence' | 'senderId' | 'threadRootId' | 'createdAt' | 'deletedAt'
>;

/** An earlier text of a message. It never changes, and it is kept until the message is deleted. */
export interface MessageRevision {
  messageId: string;
  /** 1, 2, 3 …; the message itself has the latest. */
  revision: number;
  body: string;
  mentions: string[];
  metadata: Metadata;
  /** The author and the time of this text. */
  actorId: string;
  at: Date;
}

/** What stays of a message that was deleted hard. Its sequence is never reused and still counts as read or unread. */
export type MessageStub = Pick<
  Message,
  'chatId' | 'sequence' | 'messageId' | 'tenantId' | 'ordinal' | 'senderId' | 'createdAt'
>;

export function stubOf(message: Message): MessageStub {
  const { chatId, sequence, messageId, tenantId, ordinal, senderId, createdAt } = message;
  return { chatId, sequence, messageId, tenantId, ordinal, senderId, createdAt };
}

/** A message rebuilt from its stub, for rendering its events. */
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

/** The message with a new text, and its previous text. The message must not be deleted. */
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

/** The tombstone of a message: its content is gone. */
export function eraseMessage(message: Message, now: Date): Message {
  return { ...message, body: null, mentions: [], attachments: [], metadata: {}, deletedAt: now };
}

/** One user's reaction to one message with one emoji. */
export interface Reaction {
  messageId: string;
  emoji: string;
  userId: string;
}
