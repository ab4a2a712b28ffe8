import { assertMigrated, openDatabase } from '../../../adapters/stores/prisma/prisma-database.js';
import { SearchDictionary } from '../../../adapters/stores/prisma/search/search-dictionary.js';
import { changeSearchDictionary } from '../../../application/operations/search-dictionary.js';
import { rethrowAsStartupError, StartupError } from '../../../infrastructure/process/startup-error.js';
import { requireSettings } from '../../settings.js';

/**
 * `parley search-dictionary`: changes the dictionary of the message search. The indexer then goes through all messages
 * again; `parley relay status` shows how far it is.
 */
export async function runSearchDictionary(name: string): Promise<void> {
  const { databaseUrl = '' } = requireSettings('database');
  const database = openDatabase({ url: databaseUrl, poolSize: 2 });
  try {
    await assertMigrated(database);
    const result = await changeSearchDictionary(new SearchDictionary(database), name);
    if (result.outcome === 'unknown')
      throw new StartupError([`the database has no dictionary ${name}; it has ${result.known.join(', ')}`]);
    console.log(`search uses ${result.name} now; the indexer goes through all messages again`);
  } catch (error) {
    rethrowAsStartupError(error);
  } finally {
    await database.$disconnect();
  }
}
