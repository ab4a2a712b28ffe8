/** Moving chats out and in, whole: see `contract/archive.ts` for what a line is. */
import type { ArchiveLine, ArchiveLineOf } from '../../contract/archive/lines.js';

export interface ArchiveSelection {
  tenantId: string;
  /** One chat, or one user's profile and all the chats that the user is in. */
  what: { chatId: string } | { userId: string };
}

/** What was found, as of one moment: commands that take effect while it is being read are not in it. */
export interface ArchiveContent {
  chats: number;
  /** About how many lines there are, for the progress. */
  lines: number;
  /** The lines without their ends, some hundred at a time; to be read once. */
  pages: AsyncIterable<string[]>;
}

export interface ChatArchiveSource {
  /**
   * Has `write` take the content away, however long that takes, and rejects as it does; what was found is gone when it has settled.
   * Null, and nothing is written: there is no such chat, or nothing is known of the user.
   */
  read(
    selection: ArchiveSelection,
    write: (content: ArchiveContent) => Promise<void>,
  ): Promise<Pick<ArchiveContent, 'chats'> | null>;
}

/** Lines that belong to a chat and become rows. */
export type ChatRowLine = Exclude<ArchiveLine, { kind: 'header' | 'user' | 'chat' | 'end' }>;

/** What was counted while a chat's lines came in. */
export interface ChatCounts {
  /** How many messages the chat has ever had. */
  lastOrdinal: number;
  memberCount: number;
  ownerCount: number;
}

/** A chat that is being brought in. Nobody sees it and no command changes it until it is complete. */
export interface ChatUnderImport {
  /** Lines in their order, all of them or none. Rejects with a `StoreError` of kind `refused` where they cannot be. */
  put(lines: readonly ChatRowLine[]): Promise<void>;
  /** From now on the chat is like any other. */
  complete(counts: ChatCounts): Promise<void>;
}

export interface ChatArchiveTarget {
  /** Profiles of users who have none here; the others stay as they are. */
  putProfiles(tenantId: string, lines: readonly ArchiveLineOf<'user'>[]): Promise<void>;
  /**
   * Takes up a chat; what an import that was broken off has left of it is gone. `known`: the chat is there already; `differs`: another chat
   * has its id.
   */
  begin(tenantId: string, chat: ArchiveLineOf<'chat'>): Promise<ChatUnderImport | 'known' | 'differs'>;
}
