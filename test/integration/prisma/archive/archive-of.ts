import { PrismaChatArchiveSource } from '../../../../src/adapters/stores/prisma/archive/prisma-chat-archive-source.js';
import { PrismaChatArchiveTarget } from '../../../../src/adapters/stores/prisma/archive/prisma-chat-archive-target.js';
import { importArchive } from '../../../../src/application/archive/import-archive.js';
import type { ArchiveSelection } from '../../../../src/application/ports/store/archive.js';
import { bytesOf } from '../../../unit/application/archive/an-archive.js';
import type { PrismaHarness } from '../prisma-harness.js';

export const chat = (chatId: string, tenantId = 'default'): ArchiveSelection => ({ tenantId, what: { chatId } });
export const chatsOf = (userId: string, tenantId = 'default'): ArchiveSelection => ({ tenantId, what: { userId } });

/** The lines of an archive; null if there is nothing to export. */
export async function exportFrom({ database }: PrismaHarness, selection: ArchiveSelection): Promise<string[] | null> {
  const lines: string[] = [];
  const found = await new PrismaChatArchiveSource(database).read(selection, async ({ pages }) => {
    for await (const page of pages) lines.push(...page);
  });
  return found === null ? null : lines;
}

export function importInto({ database }: PrismaHarness, lines: readonly (string | Uint8Array)[]) {
  return importArchive(bytesOf(lines), new PrismaChatArchiveTarget(database));
}
