/** Exports and imports whole chats. See `contract/archive/lines.ts` for the lines. */
import type { ArchiveLine, ArchiveLineOf } from '../../../contract/archive/lines.js';

export interface ArchiveSelection {
  tenantId: string;
  /** One chat, or one user's profile and all chats of which the user is a member. */
  what: { chatId: string } | { userId: string };
}

/** The found content as of one moment. It does not include commands that take effect during the read. */
export interface ArchiveContent {
  chats: number;
  /** Approximate number of lines, for the progress display. */
  lines: number;
  /** The lines without line ends, some hundred at a time. Can be read only once. */
  pages: AsyncIterable<string[]>;
}

export interface ChatArchiveSource {
  /**
   * Calls `write` with the content and waits for it, however long it takes. Rejects if `write` rejects. The content is
   * invalid after `write` has settled. If there is no such chat, or no data about the user, the result is null and
   * `write` is not called.
   */
  read(
    selection: ArchiveSelection,
    write: (content: ArchiveContent) => Promise<void>,
  ): Promise<Pick<ArchiveContent, 'chats'> | null>;
}

/** Lines that belong to a chat and become rows. */
export type ChatRowLine = Exclude<ArchiveLine, { kind: 'header' | 'user' | 'chat' | 'end' }>;

/** What was counted while a chat's lines were imported. */
export interface ChatCounts {
  /** The number of messages that the chat has ever had. */
  lastOrdinal: number;
  memberCount: number;
  ownerCount: number;
}

/** A chat during its import. It is invisible, and no command can change it, until it is complete. */
export interface ChatUnderImport {
  /**
   * Stores all of the lines in order, or none of them. Rejects with a `StoreError` of kind `refused` if they cannot be
   * stored.
   */
  put(lines: readonly ChatRowLine[]): Promise<void>;
  /** Makes the chat visible and usable. */
  complete(counts: ChatCounts): Promise<void>;
}

export interface ChatArchiveTarget {
  /** Stores profiles of users who have none here. Existing profiles do not change. */
  putProfiles(tenantId: string, lines: readonly ArchiveLineOf<'user'>[]): Promise<void>;
  /**
   * Begins the import of a chat and removes what an aborted import has left of it. `known`: the chat exists already.
   * `differs`: another chat has its id.
   */
  begin(tenantId: string, chat: ArchiveLineOf<'chat'>): Promise<ChatUnderImport | 'known' | 'differs'>;
}
