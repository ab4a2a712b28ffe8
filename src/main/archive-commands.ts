/** `parley export` and `parley import`. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable, Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import cliProgress from 'cli-progress';
import { PrismaChatArchiveSource } from '../adapters/prisma/prisma-chat-archive-source.js';
import { PrismaChatArchiveTarget } from '../adapters/prisma/prisma-chat-archive-target.js';
import { assertMigrated, openDatabase } from '../adapters/prisma/prisma-database.js';
import { ArchiveFault, importArchive } from '../application/archive/import-archive.js';
import type { ArchiveSelection } from '../application/ports/archive.js';
import { ARCHIVE_LINE_MAX_BYTES } from '../contract/archive.js';
import { rethrowAsStartFault, StartFault } from '../infrastructure/start-fault.js';
import { requireSettings } from './settings.js';

const STANDARD_STREAM = '-';
/** Where no terminal shows a bar: one line in so many milliseconds. */
const PROGRESS_LINE_INTERVAL_MS = 5_000;

export interface ExportRequest {
  tenant: string;
  chat?: string;
  user?: string;
  out: string;
}

/** Writes an archive as JSON Lines; a file appears under its name once it is complete. */
export async function runExport({ tenant, chat, user, out }: ExportRequest): Promise<void> {
  const what = chat !== undefined ? { chatId: chat } : user !== undefined ? { userId: user } : null;
  if (what === null || (chat !== undefined && user !== undefined))
    throw new StartFault(['either --chat or --user must be given']);
  const selection: ArchiveSelection = { tenantId: tenant, what };
  await withDatabase(async (database) => {
    const source = new PrismaChatArchiveSource(database);
    const size = await source.size(selection);
    if (size === null)
      throw new StartFault([
        chat === undefined ? `${user} is in no chat of ${tenant}` : `there is no chat ${chat} in ${tenant}`,
      ]);
    const progress = progressOf('exported', size.lines);
    const written = async (target: Writable) =>
      pipeline(
        Readable.from(source.read(selection)),
        new Transform({
          writableObjectMode: true,
          transform(lines: string[], _encoding, done) {
            progress.advance(lines.length);
            done(null, lines.map((line) => `${line}\n`).join(''));
          },
        }),
        target,
        { end: target !== process.stdout },
      );
    try {
      if (out === STANDARD_STREAM) await written(process.stdout);
      else {
        const partial = `${out}.partial`;
        await written(createWriteStream(partial, { mode: 0o600 })).catch(async (error: unknown) => {
          await rm(partial, { force: true });
          throw error;
        });
        await rename(partial, out);
      }
    } finally {
      progress.stop();
    }
    console.error(`parley: exported ${size.chats} chat${size.chats === 1 ? '' : 's'}, ${progress.lines} lines`);
  });
}

/** Reads an archive into the store; exit status 1 if a chat's id belongs to another chat here. */
export async function runImport(file: string): Promise<void> {
  await withDatabase(async (database) => {
    const input = file === STANDARD_STREAM ? process.stdin : createReadStream(file);
    const progress = progressOf('imported', null);
    try {
      const report = await importArchive(linesOf(input), new PrismaChatArchiveTarget(database), () =>
        progress.advance(1),
      );
      progress.stop();
      const { imported, known, differs } = report.chats;
      console.error(
        `parley: ${report.lines} lines; chats: ${imported} imported, ${known} there already, ${differs} differing`,
      );
      for (const chatId of report.differing)
        console.error(`parley: ${chatId} is another chat here, and stays as it is`);
      if (differs > 0) process.exitCode = 1;
    } catch (error) {
      if (error instanceof ArchiveFault) throw new StartFault([`${file}: ${error.message}`]);
      throw error;
    } finally {
      progress.stop();
    }
  });
}

async function withDatabase(work: (database: ReturnType<typeof openDatabase>) => Promise<void>): Promise<void> {
  const { databaseUrl = '' } = requireSettings('migrate');
  const database = openDatabase({ url: databaseUrl, poolSize: 2 });
  try {
    await assertMigrated(database);
    await work(database);
  } catch (error) {
    rethrowAsStartFault(error);
  } finally {
    await database.$disconnect();
  }
}

/** A file's lines; one beyond the limit is a fault, not a buffer that grows. */
async function* linesOf(input: AsyncIterable<Buffer | string>): AsyncIterable<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  let line = 0;
  const decode = (bytes?: Buffer) => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch {
      throw new ArchiveFault(line + 1, 'is not UTF-8');
    }
  };
  for await (const chunk of input) {
    const lines = (rest + decode(Buffer.from(chunk))).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) {
      line += 1;
      yield text;
    }
    if (rest.length > ARCHIVE_LINE_MAX_BYTES)
      throw new ArchiveFault(line + 1, `has more than ${ARCHIVE_LINE_MAX_BYTES} bytes`);
  }
  rest += decode();
  if (rest !== '') yield rest;
}

interface Progress {
  readonly lines: number;
  advance(lines: number): void;
  stop(): void;
}

/** On standard error: a bar on a terminal, else a line now and then. `total` is an estimate; null: unknown. */
function progressOf(verb: string, total: number | null): Progress {
  let lines = 0;
  const bar = process.stderr.isTTY
    ? new cliProgress.SingleBar({
        format:
          total === null
            ? `${verb} {value} lines`
            : `${verb} [{bar}] {percentage} % | {value} of about {total} lines | {eta_formatted}`,
        stream: process.stderr,
        hideCursor: true,
      })
    : null;
  bar?.start(total ?? 0, 0);
  const timer =
    bar === null ? setInterval(() => console.error(`parley: ${verb} ${lines} lines`), PROGRESS_LINE_INTERVAL_MS) : null;
  return {
    get lines() {
      return lines;
    },
    advance(by) {
      lines += by;
      bar?.update(lines);
    },
    stop() {
      if (timer !== null) clearInterval(timer);
      bar?.stop();
    },
  };
}
