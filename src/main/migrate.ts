import { assertMigrated, openDatabase } from '../adapters/prisma/prisma-database.js';
import { PrismaStoreIdentity } from '../adapters/prisma/prisma-store-identity.js';
import { migrate } from '../infrastructure/migrations.js';
import { rethrowAsStartFault } from '../infrastructure/start-fault.js';
import { requireSettings } from './settings.js';
import { migrationsFolder } from './store.js';

/** Applies migrations and exits; `prisma migrate deploy` does the same where its engine is. */
export async function runMigrate(): Promise<void> {
  const { databaseUrl = '' } = requireSettings('migrate');
  const applied = await migrate({
    url: databaseUrl,
    folder: migrationsFolder,
    // The applied ones are said once, below.
    log: (message, { unknown }) => unknown !== undefined && console.error(`parley: ${message}: ${String(unknown)}`),
  }).catch((error: unknown) => rethrowAsStartFault(error, 'the database could not be migrated'));
  console.log(applied.length === 0 ? 'nothing to apply' : `applied ${applied.join(', ')}`);
}

/** After restoring an older backup: event ids would repeat under the old store id. */
export async function runNewStoreId(): Promise<void> {
  const { databaseUrl = '' } = requireSettings('migrate');
  const database = openDatabase({ url: databaseUrl, poolSize: 2 });
  try {
    await assertMigrated(database);
    console.log(await new PrismaStoreIdentity(database).renew());
  } catch (error) {
    rethrowAsStartFault(error);
  } finally {
    await database.$disconnect();
  }
}
