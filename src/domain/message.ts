import type { Metadata } from './chat.js';

export interface Attachment {
  url: string;
  mediaType: string;
  size: number;
  name: string;
}

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
  deletedAt: Date | null;
}

/** What a reply or thread needs to know of the message it refers to. */
export interface MessageReference {
  messageId: string;
  chatId: string;
}
