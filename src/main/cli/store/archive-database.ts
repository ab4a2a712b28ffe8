import type { PrismaClient } from '../../../adapters/stores/prisma/generated/client.js';
import { limitHeapGrowth } from '../../../infrastructure/process/v8-tuning.js';
import { withCommandDatabase } from '../command-database.js';

/**
 * The database for one command that goes through chats, whatever their size, in little memory. It says in one line what
 * goes wrong.
 * `statementTimeoutMs`: where a single statement may take longer than usual.
 */
export async function withArchiveDatabase(
  work: (database: PrismaClient) => Promise<void>,
  options: { statementTimeoutMs?: number } = {},
): Promise<void> {
  limitHeapGrowth();
  await withCommandDatabase(work, options);
}
