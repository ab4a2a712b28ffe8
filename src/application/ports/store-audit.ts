/** What cannot be in a store, by name. docs/operating.md says what each means and what to do. */
export const FAULT_KINDS = [
  'sequence-missing',
  'sequence-repeated',
  'sequence-beyond',
  'message-without-event',
  'event-without-message',
  'message-doubled',
  'ordinal',
  'member-count',
  'owner-count',
  'read-mark',
  'reaction-count',
  'thread-replies',
  'revision',
  'deleted-text',
  'last-position',
  'departure',
  'user-chats',
  'position-missing',
  'position-beyond',
  'published-beyond',
  'floor-beyond',
  'unpublished',
  'event-without-chat',
  'row-without-chat',
  'row-without-message',
  'receipt',
  'abandoned-import',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Something that cannot be. `detail` has numbers and ids, nothing that was said. */
export interface StoreFault {
  kind: FaultKind;
  chatId: string | null;
  partition: number | null;
  detail: string;
}

/** What was looked at between two answers. */
export interface AuditPiece {
  rows: number;
  faults: StoreFault[];
}

/** Events that are committed and not published for longer than this are a fault. */
export const UNPUBLISHED_MAX_S = 60;

export interface StoreAudit {
  hasChat(chatId: string): Promise<boolean>;
  /** About how many rows all pieces will come to; null: the whole store. */
  size(chatId: string | null): Promise<number>;
  /**
   * Looks through the store, or at one chat, piece by piece in bounded memory. Each piece is read in one snapshot, so that what is
   * written meanwhile is seen whole or not at all: what is told is wrong in the store, not in the looking.
   */
  pieces(chatId: string | null): AsyncIterable<AuditPiece>;
}
