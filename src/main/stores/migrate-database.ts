import { fileURLToPath } from 'node:url';
import { type MigrationOptions, migrate } from '../../infrastructure/postgres/migrations.js';
import { rethrowAsStartupError } from '../../infrastructure/process/startup-error.js';

/** `prisma/migrations`, beside the compiled program. */
const migrationsFolder = fileURLToPath(new URL('../../../../prisma/migrations', import.meta.url));

/** Applies the missing migrations and returns their names. Rejects with a `StartupError`. */
export async function migrateDatabase(url: string, log?: MigrationOptions['log']): Promise<string[]> {
  return migrate({ url, folder: migrationsFolder, ...(log === undefined ? {} : { log }) }).catch((error: unknown) =>
    rethrowAsStartupError(error, 'the database could not be migrated'),
  );
}
