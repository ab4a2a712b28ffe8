import { requireSettings } from '../settings.js';
import { migrateDatabase } from '../stores/migrate-database.js';

/** Applies migrations and exits; `prisma migrate deploy` does the same where its engine is. */
export async function runMigrate(): Promise<void> {
  const { databaseUrl = '' } = requireSettings('database');
  // The applied migrations are printed below.
  const applied = await migrateDatabase(
    databaseUrl,
    (message, { unknown }) => unknown !== undefined && console.error(`parley: ${message}: ${String(unknown)}`),
  );
  console.log(applied.length === 0 ? 'nothing to apply' : `applied ${applied.join(', ')}`);
}
