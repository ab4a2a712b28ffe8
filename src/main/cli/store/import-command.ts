import { createReadStream } from 'node:fs';
import { PrismaChatArchiveTarget } from '../../../adapters/stores/prisma/archive/prisma-chat-archive-target.js';
import { ArchiveFault, importArchive } from '../../../application/archive/import-archive.js';
import { ARCHIVE_LINE_MAX_BYTES } from '../../../contract/archive/lines.js';
import { byteLines } from '../../../infrastructure/byte-lines.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { showLineProgress } from '../line-progress.js';
import { withArchiveDatabase } from './archive-database.js';

const STANDARD_INPUT = '-';

/** `parley import`: reads an archive into the store. Exit status 1 if a chat's id belongs to another chat here. */
export async function runImport(file: string): Promise<void> {
  await withArchiveDatabase(async (database) => {
    const input = file === STANDARD_INPUT ? process.stdin : createReadStream(file);
    const progress = showLineProgress('imported', null);
    const target = new PrismaChatArchiveTarget(database);
    const report = await importArchive(byteLines(input, ARCHIVE_LINE_MAX_BYTES), target, () => progress.advance(1))
      .catch((error: unknown) => {
        if (error instanceof ArchiveFault) throw new StartupError([`${file}: ${error.message}`], { cause: error });
        throw error;
      })
      .finally(progress.stop);
    const { imported, known } = report.chats;
    const differing = report.differing.length;
    console.error(
      `parley: ${report.lines} lines; chats: ${imported} imported, ${known} already present, ${differing} different`,
    );
    for (const chatId of report.differing)
      console.error(`parley: ${chatId} exists here as a different chat and was not changed`);
    if (differing > 0) process.exitCode = 1;
  });
}
