import type { PrismaClient } from '../../adapters/stores/prisma/generated/client.js';
import { assertMigrated, openDatabase } from '../../adapters/stores/prisma/prisma-database.js';
import { rethrowAsStartupError } from '../../infrastructure/process/startup-error.js';
import { requireSettings } from '../settings.js';

/**
 * How long a connection in use may be silent: whoever takes an export away, or has many rows written at once, may be
 * slow.
 */
const SILENCE_TIMEOUT_MS = 10 * 60 * 1_000;

/**
 * The database for one command, which says in one line what goes wrong. `statementTimeoutMs`: where a single statement
 * may take longer than usual.
 */
export async function withCommandDatabase(
  work: (database: PrismaClient) => Promise<void>,
  options: { statementTimeoutMs?: number } = {},
): Promise<void> {
  const { databaseUrl = '' } = requireSettings('database');
  const database = openDatabase({ url: databaseUrl, poolSize: 2, silenceTimeoutMs: SILENCE_TIMEOUT_MS, ...options });
  try {
    await assertMigrated(database);
    await work(database);
  } catch (error) {
    rethrowAsStartupError(error);
  } finally {
    await database.$disconnect();
  }
}
