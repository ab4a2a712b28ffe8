import { isUtf8 } from 'node:buffer';
import {
  ARCHIVE_LINE_MAX_BYTES,
  ARCHIVE_LINE_MAX_DEPTH,
  type ArchiveLine,
  type ArchiveLineOf,
  archiveLine,
} from '../../contract/archive/lines.js';
import { isDeeperThan } from '../../contract/messages/json-text.js';
import { violationText } from '../../contract/messages/violation-text.js';
import type { ChatArchiveTarget, ChatRowLine, ChatUnderImport } from '../ports/store/archive.js';
import { StoreError } from '../ports/store/command-store.js';
import { ChatCheck } from './check-chat.js';

/** Number of lines written at a time. */
export const IMPORT_CHUNK_LINES = 1_000;
/** Maximum bytes of lines written at a time. It limits the memory for texts of any length. */
export const IMPORT_CHUNK_BYTES = 1024 * 1024;

export interface ImportReport {
  lines: number;
  chats: {
    imported: number;
    /** Chats that existed already. */
    known: number;
  };
  /** Chats whose id belongs to another chat in this store. */
  differing: string[];
}

/**
 * The archive cannot be read further: it is not an archive, it is damaged, or it ends too early. Chats that were
 * completed before that point stay.
 */
export class ArchiveFault extends Error {
  constructor(lines: string, why: string) {
    super(`${lines}: ${why}`);
    this.name = 'ArchiveFault';
  }
}

/**
 * Imports an archive, chat by chat. Idempotent: an existing chat is skipped, and an unfinished import of a chat starts
 * again. `lines` have no line ends.
 * @throws ArchiveFault, or an error of the store
 */
export async function importArchive(
  lines: AsyncIterable<Uint8Array>,
  target: ChatArchiveTarget,
  onProgress: (lines: number) => void = () => undefined,
): Promise<ImportReport> {
  const reading = new ArchiveReading(target);
  for await (const line of lines) {
    await reading.take(line);
    onProgress(reading.report.lines);
  }
  await reading.finish();
  return reading.report;
}

interface CurrentChat {
  chatId: string;
  check: ChatCheck;
  /** Null if the chat is only read and not stored. */
  rows: ChatUnderImport | null;
}

class ArchiveReading {
  readonly report: ImportReport = { lines: 0, chats: { imported: 0, known: 0 }, differing: [] };
  private tenantId: string | null = null;
  private chat: CurrentChat | null = null;
  private profiles: ArchiveLineOf<'user'>[] = [];
  private rows: ChatRowLine[] = [];
  private chunk = { firstLine: 1, bytes: 0 };

  constructor(private readonly target: ChatArchiveTarget) {}

  async take(bytes: Uint8Array): Promise<void> {
    this.report.lines += 1;
    const line = this.parse(bytes);
    if (line === null) return;
    if (line.kind === 'header') return this.takeHeader(line);
    if (this.tenantId === null) throw this.fault('is not the header of an archive');
    if (line.kind === 'chat') return this.takeChat(this.tenantId, line);
    if (this.chat === null && line.kind !== 'user') throw this.fault(`${line.kind} outside of a chat`);
    const fault = this.chat?.check.fault(line) ?? null;
    if (fault !== null) throw this.fault(fault);
    if (line.kind === 'end') return this.endChat();
    this.chunk.bytes += bytes.byteLength;
    if (this.chat === null || this.chat.rows !== null) {
      if (line.kind === 'user') this.profiles.push(line);
      else this.rows.push(line);
    }
    if (this.profiles.length + this.rows.length >= IMPORT_CHUNK_LINES || this.chunk.bytes >= IMPORT_CHUNK_BYTES)
      await this.flush();
  }

  async finish(): Promise<void> {
    if (this.report.lines === 0) throw new ArchiveFault('line 1', 'the archive is empty');
    if (this.chat !== null) throw this.fault(`the archive ends within chat ${this.chat.chatId}`);
    await this.flush();
  }

  private takeHeader({ tenantId }: ArchiveLineOf<'header'>): void {
    if (this.tenantId !== null) throw this.fault('is a second header');
    this.tenantId = tenantId;
  }

  private async takeChat(tenantId: string, line: ArchiveLineOf<'chat'>): Promise<void> {
    if (this.chat !== null) throw this.fault(`chat ${this.chat.chatId} has no end`);
    await this.flush();
    const begun = await this.store(() => this.target.begin(tenantId, line));
    if (begun === 'known') this.report.chats.known += 1;
    if (begun === 'differs') this.report.differing.push(line.chatId);
    const rows = typeof begun === 'string' ? null : begun;
    this.chat = { chatId: line.chatId, check: new ChatCheck(tenantId, line), rows };
  }

  private async endChat(): Promise<void> {
    await this.flush();
    const { check, rows } = this.chat as CurrentChat;
    this.chat = null;
    if (rows === null) return;
    await this.store(() => rows.complete(check.counts));
    this.report.chats.imported += 1;
  }

  private async flush(): Promise<void> {
    const { tenantId, profiles, rows } = this;
    const under = this.chat?.rows ?? null;
    await this.store(async () => {
      if (tenantId !== null && profiles.length > 0) await this.target.putProfiles(tenantId, profiles);
      if (under !== null && rows.length > 0) await under.put(rows);
    });
    this.profiles = [];
    this.rows = [];
    this.chunk = { firstLine: this.report.lines + 1, bytes: 0 };
  }

  /** If the store refuses lines, the archive is faulty in one of the lines since the last write. */
  private async store<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== 'refused') throw error;
      throw new ArchiveFault(`lines ${this.chunk.firstLine} to ${this.report.lines}`, error.message);
    }
  }

  /** Null for an empty line. */
  private parse(bytes: Uint8Array): ArchiveLine | null {
    if (bytes.byteLength > ARCHIVE_LINE_MAX_BYTES) throw this.fault(`has more than ${ARCHIVE_LINE_MAX_BYTES} bytes`);
    if (!isUtf8(bytes)) throw this.fault('is not UTF-8');
    // Removes line ends and byte order marks of other systems.
    const json = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').trim();
    if (json === '') return null;
    if (isDeeperThan(ARCHIVE_LINE_MAX_DEPTH, json)) throw this.fault('is nested too deeply');
    let value: unknown;
    try {
      value = JSON.parse(json);
    } catch {
      throw this.fault('is not JSON');
    }
    const result = archiveLine.safeParse(value, { error: violationText });
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    throw this.fault(`${issue?.path.map(String).join('.') || 'the line'}: ${issue?.message ?? 'is not valid'}`);
  }

  private fault(why: string): ArchiveFault {
    return new ArchiveFault(`line ${this.report.lines}`, why);
  }
}
