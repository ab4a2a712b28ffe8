/** The kinds of violated invariants, by name. docs/stored-data.md explains each and what to do. */
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
  'receipt-doubled',
  'receipt-period',
  'abandoned-import',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** A violated invariant. `detail` has numbers and ids, and no message text. */
export interface StoreFault {
  kind: FaultKind;
  chatId: string | null;
  partition: number | null;
  detail: string;
}

/** What was checked since the previous piece. */
export interface AuditPiece {
  rows: number;
  faults: StoreFault[];
}

/** Events that are committed but unpublished for longer than this are a fault. */
export const UNPUBLISHED_MAX_S = 60;

export interface StoreAudit {
  hasChat(chatId: string): Promise<boolean>;
  /** Approximate number of rows of all pieces. Null means the whole store. */
  size(chatId: string | null): Promise<number>;
  /**
   * Checks the store, or one chat, piece by piece in bounded memory. Each piece is read in one snapshot, so that
   * concurrent writes are seen entirely or not at all. Every reported fault is therefore in the store.
   */
  pieces(chatId: string | null): AsyncIterable<AuditPiece>;
}
