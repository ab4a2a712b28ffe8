import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable, Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PrismaChatArchiveSource } from '../../../adapters/stores/prisma/archive/prisma-chat-archive-source.js';
import type { ArchiveSelection } from '../../../application/ports/store/archive.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { type LineProgress, showLineProgress } from '../line-progress.js';
import { withArchiveDatabase } from './archive-database.js';

const STANDARD_OUTPUT = '-';
/** Who is in the chats, and what they said, is for the caller's eyes. */
const FILE_MODE = 0o600;

export interface ExportRequest {
  tenant: string;
  chat?: string;
  user?: string;
  out: string;
}

/**
 * `parley export`: writes an archive. A file appears under its name once it is complete; what is interrupted leaves
 * none.
 */
export async function runExport(request: ExportRequest): Promise<void> {
  const selection = selectionOf(request);
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  try {
    await withArchiveDatabase(async (database) => {
      let lines = 0;
      const found = await new PrismaChatArchiveSource(database).read(selection, async (content) => {
        const progress = showLineProgress('exported', content.lines);
        try {
          await writeOut(request.out, (to) => write(content.pages, to, progress, interruption.signal));
        } finally {
          progress.stop();
        }
        lines = progress.lines;
      });
      if (found === null) throw new StartupError([nothingOf(request)]);
      console.error(`parley: exported ${found.chats} chat${found.chats === 1 ? '' : 's'}, ${lines} lines`);
    });
  } catch (error) {
    if (interruption.signal.aborted) throw new StartupError(['interrupted: nothing was exported'], { cause: error });
    throw error;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  }
}

function selectionOf({ tenant: tenantId, chat, user }: ExportRequest): ArchiveSelection {
  if (chat !== undefined && user === undefined) return { tenantId, what: { chatId: chat } };
  if (user !== undefined && chat === undefined) return { tenantId, what: { userId: user } };
  throw new StartupError(['either --chat or --user must be given']);
}

function nothingOf({ tenant, chat, user }: ExportRequest): string {
  return chat === undefined
    ? `tenant ${tenant} has no user ${user}: no profile and no chat`
    : `tenant ${tenant} has no chat ${chat}`;
}

async function write(
  pages: AsyncIterable<string[]>,
  to: Writable,
  progress: LineProgress,
  signal: AbortSignal,
): Promise<void> {
  const joining = new Transform({
    writableObjectMode: true,
    // A page is enough in advance.
    writableHighWaterMark: 1,
    transform(lines: string[], _encoding, done) {
      progress.advance(lines.length);
      done(null, lines.map((line) => `${line}\n`).join(''));
    },
  });
  const reading = Readable.from(pages, { highWaterMark: 1 });
  await pipeline(reading, joining, to, { signal, end: to !== process.stdout });
}

async function writeOut(out: string, writeTo: (to: Writable) => Promise<void>): Promise<void> {
  if (out === STANDARD_OUTPUT) return writeTo(process.stdout);
  if (!(await becomesFile(out))) return writeTo(createWriteStream(out));
  const partial = `${out}.${randomUUID().slice(0, 8)}.partial`;
  try {
    await writeTo(createWriteStream(partial, { mode: FILE_MODE, flags: 'wx', flush: true }));
    await rename(partial, out);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** False for what is there and is none: a pipe, a device. */
async function becomesFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
}
