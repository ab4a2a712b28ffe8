import type { PrismaClient } from '../adapters/prisma/generated/client.js';
import { keepHeapSmall } from '../infrastructure/small-heap.js';
import { withCommandDatabase } from './command-database.js';

/** The database for one command that moves chats, whatever their size, in little memory. It says in one line what goes wrong. */
export async function withArchiveDatabase(work: (database: PrismaClient) => Promise<void>): Promise<void> {
  keepHeapSmall();
  await withCommandDatabase(work);
}
