import { assertMigrated, openDatabase } from '../../../adapters/stores/prisma/prisma-database.js';
import { SearchDictionary } from '../../../adapters/stores/prisma/search/search-dictionary.js';
import { rethrowAsStartupError, StartupError } from '../../../infrastructure/process/startup-error.js';
import { requireSettings } from '../../settings.js';

/** An index over a large store takes hours, and its connection says nothing meanwhile. */
const INDEXING_SILENCE_MS = 24 * 60 * 60 * 1_000;

/**
 * Has messages searched by another text search configuration of the database's, once its index is built; REST goes on
 * meanwhile.
 */
export async function runSearchDictionary(name: string): Promise<void> {
  const { databaseUrl = '' } = requireSettings('database');
  const database = openDatabase({
    url: databaseUrl,
    poolSize: 2,
    statementTimeoutMs: 0,
    silenceTimeoutMs: INDEXING_SILENCE_MS,
  });
  try {
    await assertMigrated(database);
    const dictionary = new SearchDictionary(database);
    const known = await dictionary.known();
    if (!known.includes(name))
      throw new StartupError([`the database has no text search configuration ${name}; it has ${known.join(', ')}`]);
    console.error(`parley: building the index for ${name}; the current index stays in use meanwhile`);
    await dictionary.change(name);
    console.log(`search uses ${name} now`);
  } catch (error) {
    rethrowAsStartupError(error);
  } finally {
    await database.$disconnect();
  }
}
