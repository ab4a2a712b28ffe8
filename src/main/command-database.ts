import type { PrismaClient } from '../adapters/prisma/generated/client.js';
import { assertMigrated, openDatabase } from '../adapters/prisma/prisma-database.js';
import { rethrowAsStartFault } from '../infrastructure/start-fault.js';
import { requireSettings } from './settings.js';

/** How long a connection in use may be silent: whoever takes an export away, or has many rows written at once, may be slow. */
const SILENCE_TIMEOUT_MS = 10 * 60 * 1_000;

/** The database for one command, which says in one line what goes wrong. `statementTimeoutMs`: where a single statement may take longer than usual. */
export async function withCommandDatabase(
  work: (database: PrismaClient) => Promise<void>,
  options: { statementTimeoutMs?: number } = {},
): Promise<void> {
  const { databaseUrl = '' } = requireSettings('migrate');
  const database = openDatabase({ url: databaseUrl, poolSize: 2, silenceTimeoutMs: SILENCE_TIMEOUT_MS, ...options });
  try {
    await assertMigrated(database);
    await work(database);
  } catch (error) {
    rethrowAsStartFault(error);
  } finally {
    await database.$disconnect();
  }
}
