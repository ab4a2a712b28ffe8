import { migrate } from '../../infrastructure/postgres/migrations.js';
import { rethrowAsStartupError } from '../../infrastructure/process/startup-error.js';
import { migrationsFolder } from '../roles/store.js';
import { requireSettings } from '../settings.js';

/** Applies migrations and exits; `prisma migrate deploy` does the same where its engine is. */
export async function runMigrate(): Promise<void> {
  const { databaseUrl = '' } = requireSettings('migrate');
  const applied = await migrate({
    url: databaseUrl,
    folder: migrationsFolder,
    // The applied ones are said once, below.
    log: (message, { unknown }) => unknown !== undefined && console.error(`parley: ${message}: ${String(unknown)}`),
  }).catch((error: unknown) => rethrowAsStartupError(error, 'the database could not be migrated'));
  console.log(applied.length === 0 ? 'nothing to apply' : `applied ${applied.join(', ')}`);
}
