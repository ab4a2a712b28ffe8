import { type ArchiveLine, type ArchiveLineOf, archiveLine } from '../../contract/archive.js';
import type { ChatArchiveTarget, ImportedChat } from '../ports/archive.js';

/** Lines written at a time. */
export const IMPORT_CHUNK_LINES = 1_000;
/** … or so many characters of them, whichever comes first: bounds the memory whatever the texts' length. */
export const IMPORT_CHUNK_CHARACTERS = 8 * 1024 * 1024;

export interface ImportReport {
  lines: number;
  chats: Record<ImportedChat, number>;
  /** Chats whose id belongs to another chat here. */
  differing: string[];
}

/** The archive cannot be read on: it is not one, it is damaged, or it ends too early. Complete chats before that place stand. */
export class ArchiveFault extends Error {
  constructor(line: number, why: string) {
    super(`line ${line}: ${why}`);
    this.name = 'ArchiveFault';
  }
}

function parse(text: string, line: number): ArchiveLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ArchiveFault(line, 'is not JSON');
  }
  const result = archiveLine.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ArchiveFault(
    line,
    `${issue?.path.map(String).join('.') || 'the line'}: ${issue?.message ?? 'is not valid'}`,
  );
}

/**
 * Reads an archive into the store, chat by chat. Idempotent: a chat that is there already is passed over, one that an interrupted import left
 * behind is completed. Rejects with `ArchiveFault`, or as the store does.
 */
export async function importArchive(
  texts: AsyncIterable<string>,
  target: ChatArchiveTarget,
  onProgress: (lines: number) => void = () => undefined,
): Promise<ImportReport> {
  const report: ImportReport = { lines: 0, chats: { imported: 0, known: 0, differs: 0 }, differing: [] };
  let chat: { line: ArchiveLineOf<'chat'>; isOpen: boolean; lines: number } | null = null;
  let chunk: ArchiveLine[] = [];
  let characters = 0;
  const flush = async () => {
    if (chat?.isOpen && chunk.length > 0) await target.put(chat.line, chunk);
    chunk = [];
    characters = 0;
  };

  for await (const text of texts) {
    report.lines += 1;
    if (text === '') continue;
    const line = parse(text, report.lines);
    if ((report.lines === 1) !== (line.kind === 'header'))
      throw new ArchiveFault(
        report.lines,
        report.lines === 1 ? 'is not the header of an archive' : 'is a second header',
      );
    if (line.kind === 'chat') {
      if (chat !== null) throw new ArchiveFault(report.lines, `chat ${chat.line.chatId} has no end`);
      const begun = await target.begin(line);
      if (begun !== 'open') report.chats[begun] += 1;
      if (begun === 'differs') report.differing.push(line.chatId);
      chat = { line, isOpen: begun === 'open', lines: 0 };
    } else if (line.kind !== 'header') {
      if (chat === null) throw new ArchiveFault(report.lines, `${line.kind} outside of a chat`);
      if ('chatId' in line && line.chatId !== chat.line.chatId)
        throw new ArchiveFault(report.lines, `${line.kind} of another chat`);
      if (line.kind === 'end') {
        if (line.lines !== chat.lines)
          throw new ArchiveFault(report.lines, `${line.lines} lines expected, ${chat.lines} found`);
        await flush();
        if (chat.isOpen) {
          await target.end(chat.line);
          report.chats.imported += 1;
        }
        chat = null;
      } else {
        chat.lines += 1;
        chunk.push(line);
        characters += text.length;
        if (chunk.length >= IMPORT_CHUNK_LINES || characters >= IMPORT_CHUNK_CHARACTERS) await flush();
      }
    }
    onProgress(report.lines);
  }
  if (report.lines === 0) throw new ArchiveFault(1, 'the archive is empty');
  if (chat !== null) throw new ArchiveFault(report.lines, `the archive ends within chat ${chat.line.chatId}`);
  return report;
}
