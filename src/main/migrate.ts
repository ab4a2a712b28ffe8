import { openDatabase } from '../adapters/prisma/prisma-database.js';
import { PrismaStoreIdentity } from '../adapters/prisma/prisma-store-identity.js';
import { migrate } from '../infrastructure/migrations.js';
import { requireSettings, StartFault } from './settings.js';
import { migrationsFolder } from './store.js';

/** Applies migrations and exits; `prisma migrate deploy` does the same where its engine is. */
export async function runMigrate(): Promise<void> {
  const { databaseUrl = '' } = requireSettings('migrate');
  const applied = await migrate({
    url: databaseUrl,
    folder: migrationsFolder,
    log: (message, fields) => console.error(message, ...Object.values(fields)),
  }).catch((error: Error) => {
    throw new StartFault([error.message]);
  });
  console.log(applied.length === 0 ? 'nothing to apply' : `applied ${applied.join(', ')}`);
}

/** After restoring an older backup: event ids would repeat under the old store id. */
export async function runNewStoreId(): Promise<void> {
  const { databaseUrl = '' } = requireSettings('migrate');
  const database = openDatabase({ url: databaseUrl, poolSize: 2 });
  try {
    console.log(await new PrismaStoreIdentity(database).renew());
  } finally {
    await database.$disconnect();
  }
}
