/** Moving chats out and in, whole: see `contract/archive.ts` for what a line is. */
import type { ArchiveLine, ArchiveLineOf } from '../../contract/archive.js';

export interface ArchiveSelection {
  tenantId: string;
  /** One chat, or all the chats that one user is in. */
  what: { chatId: string } | { userId: string };
}

export interface ChatArchiveSource {
  /** How many lines are to be expected, for the progress; null: there is no such chat or user. */
  size(selection: ArchiveSelection): Promise<{ chats: number; lines: number } | null>;
  /**
   * The archive's lines without their ends, some hundred at a time, as of one moment. Each chat is seen whole: commands that take effect
   * meanwhile are not in it.
   */
  read(selection: ArchiveSelection): AsyncIterable<string[]>;
}

/** What became of a chat that was brought in: `imported`; `known`: it was there already; `differs`: another chat has its id. */
export type ImportedChat = 'imported' | 'known' | 'differs';

export interface ChatArchiveTarget {
  /** Takes up a chat; only if it answers `open` may its lines follow. Rows that an interrupted import left are taken over. */
  begin(chat: ArchiveLineOf<'chat'>): Promise<'open' | Exclude<ImportedChat, 'imported'>>;
  /** Lines of the chat that was taken up, or profiles, in order. Rows that are there stay as they are. */
  put(chat: ArchiveLineOf<'chat'>, lines: readonly ArchiveLine[]): Promise<void>;
  /** Makes the chat complete: from now on it takes commands. */
  end(chat: ArchiveLineOf<'chat'>): Promise<void>;
}
